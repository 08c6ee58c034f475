/** How a large result begins: the first rows of a list, else the first characters; all of it when somebody asks. */
import { useMemo } from "react";

import { Button, buttonClass } from "@/ui/button";
import { bytes } from "@/ui/time";

import { asTable, firstItems } from "./shape";
import { TableView } from "./view";

const MOST_SHOWN_CHARS = 100_000;

export function ResultHead({ text, url, name, busy, loadAll }: { text: string; url: string; name: string; busy: boolean; loadAll: () => void }) {
  const table = useMemo(() => asTable(firstItems(text)), [text]);
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2 rounded-md bg-warn-soft px-3 py-2">
        <span className="min-w-0 flex-1">
          This result is larger than {bytes(text.length)}. Shown {table ? `are its first ${table.rows.length.toLocaleString()} rows` : "is how it begins"}.
        </span>
        <Button small busy={busy} onClick={loadAll}>
          Load all of it
        </Button>
        <a href={url} download={name} className={buttonClass("plain", true)}>
          Download
        </a>
      </div>
      {table ? (
        <TableView table={table} />
      ) : (
        <pre tabIndex={0} aria-label="Beginning of the result" className="max-h-[60vh] overflow-auto rounded-md bg-sunken p-3 font-mono text-[12.5px] whitespace-pre-wrap">
          {text.slice(0, MOST_SHOWN_CHARS)}
        </pre>
      )}
    </div>
  );
}
