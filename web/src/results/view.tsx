/** A result as it is best looked at, and always as JSON too. */
import { marked } from "marked";
import { lazy, Suspense, useMemo, useState } from "react";

import { Button } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { SafeFrame } from "@/ui/frame";
import { DataGrid, type GridSort } from "@/ui/data-grid";
import { saveFile } from "@/ui/save-file";
import { Loading } from "@/ui/states";

import { bytesOf, csvOf, Digits, isObject, parse, shapeOf, show, write, type Json, type Table } from "./shape";

const ObjectResult = lazy(() => import("@/object/result"));
const Plot = lazy(() => import("@/plots/plot"));
const MapView = lazy(() => import("./map"));
const PdfView = lazy(() => import("./pdf"));
const MOST_SHOWN_CHARS = 200_000;

export function ResultView({ text, name = "result" }: { text: string; name?: string }) {
  const value = useMemo(() => parse(text), [text]);
  const shape = useMemo(() => shapeOf(value), [value]);
  const [raw, setRaw] = useState(false);
  const isPlain = shape.kind === "json";
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex items-center gap-1">
        {!isPlain && (
          <Button small look="quiet" aria-pressed={raw} onClick={() => setRaw(!raw)}>
            {raw ? "Show as it is meant" : "Show as JSON"}
          </Button>
        )}
        <span className="flex-1" />
        <Copy label="Copy as JSON" text={() => write(value)} />
        <Button small look="quiet" onClick={() => saveFile(new Blob([text], { type: "application/json" }), `${name}.json`)}>
          JSON
        </Button>
        {shape.kind === "table" && (
          <Button small look="quiet" onClick={() => saveFile(new Blob([csvOf(shape.table)], { type: "text/csv" }), `${name}.csv`)}>
            CSV
          </Button>
        )}
      </div>
      {raw || isPlain ? <JsonText value={value} /> : <Meant value={value} name={name} />}
    </div>
  );
}

function Meant({ value, name }: { value: Json; name: string }) {
  const shape = shapeOf(value);
  switch (shape.kind) {
    case "table":
      return <TableView table={shape.table} />;
    case "error":
      return (
        <div className="rounded-md border border-bad/40 bg-bad-soft p-3">
          <p className="font-semibold text-bad">{shape.name}</p>
          <p className="break-words whitespace-pre-wrap">{shape.message}</p>
          {shape.stack && <pre className="mt-2 overflow-auto text-xs whitespace-pre-wrap">{shape.stack}</pre>}
        </div>
      );
    case "markdown":
      return <SafeFrame title="Result" html={marked.parse(shape.text, { async: false })} />;
    case "html":
      return <SafeFrame title="Result" html={shape.text} />;
    case "svg":
      return <img alt="Result" className="max-h-[60vh] max-w-full bg-white" src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(shape.text)}`} />;
    case "image":
      return <img alt="Result" className="max-h-[60vh] max-w-full" src={`data:${shape.media};base64,${shape.base64}`} />;
    case "file":
      return (
        <Button onClick={() => saveFile(new Blob([bytesOf(shape.base64)]), shape.filename)}>
          Download {shape.filename}
        </Button>
      );
    case "object":
      return (
        <Suspense fallback={<Loading what="the object" />}>
          <ObjectResult storage={shape.storage} objectKey={shape.key} />
        </Suspense>
      );
    case "plot":
      return (
        <Suspense fallback={<Loading what="the plot" />}>
          <Plot library={shape.library} spec={shape.spec} name={name} />
        </Suspense>
      );
    case "map":
      return (
        <Suspense fallback={<Loading what="the map" />}>
          <MapView map={shape.map} />
        </Suspense>
      );
    case "pdf":
      return (
        <Suspense fallback={<Loading what="the document" />}>
          <PdfView base64={shape.base64} name={name} />
        </Suspense>
      );
    case "several":
      return (
        <div className="flex flex-col gap-3">
          {shape.items.map((item, index) => (
            <Meant key={index} value={item} name={`${name}-${index}`} />
          ))}
        </div>
      );
    case "text":
      return <pre className="overflow-auto rounded-md bg-sunken p-3 whitespace-pre-wrap">{shape.text}</pre>;
    case "json":
      return <JsonText value={value} />;
  }
}

function JsonText({ value }: { value: Json }) {
  const text = useMemo(() => write(value), [value]);
  const isCut = text.length > MOST_SHOWN_CHARS;
  return (
    <>
      <pre tabIndex={0} aria-label="Result as JSON" className="max-h-[60vh] overflow-auto rounded-md bg-sunken p-3 font-mono text-[12.5px] whitespace-pre-wrap">
        {isCut ? text.slice(0, MOST_SHOWN_CHARS) : text}
      </pre>
      {isCut && <p className="text-muted">Shown are the first {MOST_SHOWN_CHARS.toLocaleString()} characters of {text.length.toLocaleString()}; download it for all.</p>}
    </>
  );
}

function compare(one: Json, other: Json): number {
  if (one instanceof Digits && other instanceof Digits) return Number(one.text) - Number(other.text);
  return show(one).localeCompare(show(other), undefined, { numeric: true });
}

const isNumber = (value: Json): boolean => value instanceof Digits;

function cell(value: Json | undefined) {
  if (value === null || value === undefined) return <span className="text-muted">null</span>;
  return <span title={isObject(value) || Array.isArray(value) ? write(value) : undefined}>{show(value)}</span>;
}

export function TableView({ table }: { table: Table }) {
  const [sort, setSort] = useState<GridSort | null>(null);
  const columns = useMemo(() => table.columns.map((name, index) => ({ name, isNumeric: table.rows.slice(0, 50).some((row) => isNumber(row[index]!)) })), [table]);
  const rows = useMemo(() => {
    if (!sort) return table.rows;
    const at = table.columns.indexOf(sort.column);
    const sign = sort.down ? -1 : 1;
    return [...table.rows].sort((one, other) => sign * compare(one[at]!, other[at]!));
  }, [table, sort]);
  return (
    <div className="overflow-hidden rounded-md border border-line">
      <DataGrid label="Result as a table" columns={columns} rows={rows} cell={cell} sort={sort} onSort={setSort} className="max-h-[60vh]" />
      <p className="border-t border-line px-3 py-1 text-xs text-muted">
        {table.rows.length.toLocaleString()} {table.rows.length === 1 ? "row" : "rows"}
      </p>
    </div>
  );
}
