/** What is in an object: tables and texts a part at a time, pictures and documents as they are. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useEffect, useMemo, useState } from "react";

import { Editor } from "@/editor";
import { show, write, type Json } from "@/results/shape";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Loading, Shown } from "@/ui/states";
import { bytes } from "@/ui/time";
import { DataGrid } from "@/ui/data-grid";

import { nameOf, type At } from "./address";
import { blobQuery, describedQuery, downloadUrl, rowsQuery, textQuery } from "./queries";

const LARGEST_DRAWN_BYTES = 60_000_000;
const NUMERIC = /INT|DECIMAL|DOUBLE|FLOAT|REAL|NUMERIC/i;
const LANGUAGES: Record<string, string> = { py: "python3", sh: "bash", sql: "postgresql", json: "json", yaml: "yaml", yml: "yaml", js: "javascript", ts: "javascript" };

export function ObjectPreview({ workspace, at }: { workspace: string; at: At }) {
  const described = useQuery(describedQuery(workspace, at));
  return (
    <Shown query={described} what="the object">
      {(found) => (
        <div className="flex h-full min-h-0 flex-col">
          <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5 text-[13px] text-muted">
            <Badge>{found.format ?? found.kind}</Badge>
            <span>{bytes(found.size_in_bytes)}</span>
            {found.width && found.height ? <span>{`${found.width} × ${found.height}`}</span> : null}
            {found.encoding && <span>{found.encoding}</span>}
            <span className="flex-1" />
            <a href={downloadUrl(workspace, at)} download={nameOf(at.key)} className={buttonClass("plain", true)}>
              <Download size={14} aria-hidden /> Download
            </a>
          </div>
          <div className="min-h-0 flex-1">
            {found.kind === "table" ? (
              <TablePart workspace={workspace} at={at} />
            ) : found.kind === "image" || found.kind === "pdf" ? (
              found.size_in_bytes > LARGEST_DRAWN_BYTES ? (
                <p className="p-4 text-muted">It is too large to be drawn here: download it.</p>
              ) : (
                <Drawn workspace={workspace} at={at} media={found.media_type} isImage={found.kind === "image"} />
              )
            ) : (
              <TextPart workspace={workspace} at={at} size={found.size_in_bytes} />
            )}
          </div>
        </div>
      )}
    </Shown>
  );
}

function TablePart({ workspace, at }: { workspace: string; at: At }) {
  const [sort, setSort] = useState<{ column: string; down: boolean } | null>(null);
  const rows = useInfiniteQuery({ ...rowsQuery(workspace, at, sort), placeholderData: (before) => before });
  return (
    <Shown query={rows} what="the rows">
      {({ pages }) => {
        const last = pages.at(-1)!;
        const all = pages.flatMap((page) => page.rows);
        return (
          <div className="flex h-full min-h-0 flex-col">
            {rows.error && <p className="px-3 py-1 text-bad">{rows.error.message}</p>}
            <DataGrid
              label={`Rows of ${nameOf(at.key)}`}
              columns={pages[0]!.columns.map((each) => ({ name: each.name, hint: each.type, isNumeric: NUMERIC.test(each.type) }))}
              rows={all}
              cell={(value: Json | undefined) => <Cell value={value} />}
              sort={sort}
              onSort={setSort}
              more={rows.hasNextPage && !rows.isFetching ? () => void rows.fetchNextPage() : undefined}
              className="min-h-0 flex-1"
            />
            <p className="border-t border-line px-3 py-1 text-xs text-muted">
              {all.length.toLocaleString()} {last.total === null ? (rows.hasNextPage ? "rows so far" : "rows") : `of ${last.total.toLocaleString()} rows`}
            </p>
          </div>
        );
      }}
    </Shown>
  );
}

function Cell({ value }: { value: Json | undefined }) {
  if (value === null || value === undefined) return <span className="text-muted">null</span>;
  const text = show(value);
  return <span title={text.length > 40 ? (typeof value === "string" ? value : write(value)).slice(0, 4000) : undefined}>{text}</span>;
}

function Drawn({ workspace, at, media, isImage }: { workspace: string; at: At; media: string; isImage: boolean }) {
  const blob = useQuery(blobQuery(workspace, at, media));
  const [url, setUrl] = useState("");
  useEffect(() => {
    if (!blob.data) return;
    const made = URL.createObjectURL(blob.data);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- an address is a thing of the browser that must be given back
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob.data]);
  return (
    <Shown query={blob} what={isImage ? "the picture" : "the document"}>
      {() =>
        !url ? (
          <Loading what="it" />
        ) : isImage ? (
          <div className="flex h-full items-center justify-center overflow-auto bg-sunken p-3">
            <img src={url} alt={nameOf(at.key)} className="max-h-full max-w-full object-contain" />
          </div>
        ) : (
          <iframe title={nameOf(at.key)} src={url} className="h-full min-h-96 w-full border-0" />
        )
      }
    </Shown>
  );
}

function TextPart({ workspace, at, size }: { workspace: string; at: At; size: number }) {
  const text = useInfiniteQuery(textQuery(workspace, at, size));
  const content = useMemo(() => text.data?.pages.map((page) => page.content ?? "").join("") ?? "", [text.data]);
  return (
    <Shown query={text} what="the text">
      {({ pages }) => (
        <div className="flex h-full min-h-0 flex-col">
          {content ? (
            <div className="min-h-40 flex-1 overflow-hidden">
              <Editor label={`Text of ${nameOf(at.key)}`} readOnly value={content} language={LANGUAGES[at.key.split(".").at(-1)?.toLowerCase() ?? ""] ?? "text"} />
            </div>
          ) : (
            <p className="p-4 text-muted">{size === 0 ? "It is empty." : (pages.at(-1)?.msg ?? "It is no text.")}</p>
          )}
          {text.hasNextPage && (
            <div className="border-t border-line p-2">
              <Button small busy={text.isFetchingNextPage} onClick={() => void text.fetchNextPage()}>
                Show more of it
              </Button>
            </div>
          )}
        </div>
      )}
    </Shown>
  );
}
