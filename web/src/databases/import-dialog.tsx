/** A file into a table: looked at, tried, imported as a whole or not at all. */
import { useMutation } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Select } from "@/ui/field";
import { Failure } from "@/ui/states";
import { bytes } from "@/ui/time";
import { toast } from "@/ui/toast";

import { formatOf, mappingOf, PREVIEW_BYTES, previewOf, type FilePreview } from "./file-preview";
import { importFile, type Format, type Place } from "./queries";

const FORMATS: Record<Format, string> = { csv: "CSV with a header", json: "JSON Lines", parquet: "Parquet" };

interface ImportDialogProps {
  workspace: string;
  resource: string;
  place: Place;
  /** Of the table; none where any field goes in. */
  columns: readonly string[];
  onClose: () => void;
  onImported: () => void;
}

export function ImportDialog({ workspace, resource, place, columns, onClose, onImported }: ImportDialogProps) {
  const [file, setFile] = useState<File>();
  const [format, setFormat] = useState<Format>("csv");
  const [beginning, setBeginning] = useState("");
  const [mapping, setMapping] = useState<{ [name: string]: string }>({});
  const [sent, setSent] = useState(0);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const preview = file ? previewOf(format, beginning) : null;
  const run = useMutation({
    meta: { quiet: true },
    mutationFn: (isTrial: boolean) => {
      stop.current = new AbortController();
      setSent(0);
      const isMapped = preview !== null && columns.length > 0;
      return importFile(workspace, resource, place, { file: file!, format, columns: isMapped ? mapping : {}, isTrial, sent: setSent, signal: stop.current.signal });
    },
    onSuccess: (rows, isTrial) => {
      if (isTrial) return;
      toast("good", `${rows.toLocaleString()} ${rows === 1 ? "row is" : "rows are"} imported.`);
      onImported();
    },
  });
  async function take(chosen: File, as: Format) {
    const text = as === "parquet" ? "" : await chosen.slice(0, PREVIEW_BYTES).text();
    setFile(chosen);
    setFormat(as);
    setBeginning(text);
    setMapping(mappingOf(previewOf(as, text)?.names ?? [], columns));
    run.reset();
  }
  const isReady = file !== undefined && !preview?.fault && (preview === null || columns.length === 0 || Object.keys(mapping).length > 0);
  return (
    <Dialog open onClose={onClose} wide title={`Import into ${place.table}`} hint="All of the file is imported, or nothing. A column that is left out gets its default.">
      <div className="flex flex-col gap-3">
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="File">
            {(given) => <input {...given} type="file" accept=".csv,.json,.jsonl,.ndjson,.parquet" className="text-[13px] file:mr-2 file:h-8 file:rounded-md file:border file:border-solid file:border-line-strong file:bg-panel file:px-3 file:font-medium file:text-ink" onChange={(event) => event.target.files?.[0] && void take(event.target.files[0], formatOf(event.target.files[0].name))} />}
          </Field>
          <Field label="Format">
            {(given) => (
              <Select {...given} value={format} disabled={!file} onChange={(event) => file && void take(file, event.target.value as Format)}>
                {Object.entries(FORMATS).map(([id, label]) => (
                  <option key={id} value={id}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        {file && preview === null && <p className="text-muted">Parquet is read from its end: the trial shows whether it fits. Its columns go where the table has the same names.</p>}
        {preview?.fault && <p role="alert" className="rounded-md bg-bad-soft p-3 text-bad">{preview.fault}</p>}
        {preview && !preview.fault && <Preview preview={preview} columns={columns} mapping={mapping} onMapping={setMapping} />}
        {run.isPending && file && <Progress file={file} sent={sent} isTrial={run.variables} />}
        {run.error && !(run.error instanceof DOMException) && <Failure error={run.error} what="Nothing was imported" />}
        {run.data !== undefined && run.variables && (
          <p role="status" className="rounded-md bg-good-soft p-3 text-good">
            All {run.data.toLocaleString()} rows fit. The database has taken them back.
          </p>
        )}
        <div className="flex justify-end gap-2">
          {run.isPending ? <Button onClick={() => stop.current?.abort()}>Stop</Button> : <Button onClick={onClose}>Not yet</Button>}
          <Button disabled={!isReady || run.isPending} onClick={() => run.mutate(true)}>
            Try it
          </Button>
          <Button look="primary" icon={<Upload size={14} aria-hidden />} disabled={!isReady} busy={run.isPending && run.variables === false} onClick={() => run.mutate(false)}>
            Import
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Progress({ file, sent, isTrial }: { file: File; sent: number; isTrial: boolean }) {
  const isWhole = sent >= file.size;
  return (
    <div>
      <meter aria-label="Part of the file that was sent" className="h-2 w-full" min={0} max={file.size || 1} value={sent} />
      <p className="mt-1 text-[13px] text-muted tabular-nums">
        {bytes(sent)} of {bytes(file.size)} {isTrial ? "tried" : "sent"}
        {isWhole && "; the database is at the last rows"}
      </p>
    </div>
  );
}

function Preview({ preview, columns, mapping, onMapping }: { preview: FilePreview; columns: readonly string[]; mapping: { [name: string]: string }; onMapping: (mapping: { [name: string]: string }) => void }) {
  function choose(name: string, column: string) {
    const rest = Object.entries(mapping).filter(([each, to]) => each !== name && to !== column);
    onMapping(Object.fromEntries(column ? [...rest, [name, column]] : rest));
  }
  return (
    <div tabIndex={0} role="region" aria-label="How the file begins" className="max-h-72 overflow-auto rounded-md border border-line">
      <table className="min-w-full border-separate border-spacing-0 text-[13px]">
        <thead className="sticky top-0 bg-sunken">
          <tr>
            {preview.names.map((name) => (
              <th key={name} scope="col" className="border-b border-line px-2 py-1.5 text-left align-top font-semibold">
                <span className="block max-w-40 truncate">{name}</span>
                {columns.length > 0 && (
                  <Select aria-label={`Column for ${name}`} className="mt-1 !h-7 !min-w-28 !py-0 text-[13px] font-normal" value={mapping[name] ?? ""} onChange={(event) => choose(name, event.target.value)}>
                    <option value="">left out</option>
                    {columns.map((each) => (
                      <option key={each} value={each}>
                        {each}
                      </option>
                    ))}
                  </Select>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row, index) => (
            <tr key={index}>
              {row.map((value, at) => (
                <td key={at} className="max-w-60 truncate border-b border-line px-2 py-1">
                  {value === null ? <span className="text-muted">null</span> : value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
