/** The parts of a grid of rows that can be changed: a cell as it is edited, what can be done with a row, keys that open. */
import { Pencil, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";

import { isObject, parse, type Json } from "@/results/shape";
import { IconButton } from "@/ui/button";

import { changeOf, type Queue, type RowIdentity } from "./changes";
import { typedValue } from "./conditions";
import type { Place } from "./queries";
import { textOf } from "./row-dialog";

export function RowButtons({ identity, queue, edit, remove }: { identity: RowIdentity | null; queue: Queue; edit: () => void; remove: (identity: RowIdentity) => void }) {
  if (!identity) return null;
  const isGoing = changeOf(queue, identity)?.kind === "delete";
  return (
    <span className="flex">
      <IconButton label="Change the row" className="!h-6" disabled={isGoing} onClick={edit}>
        <Pencil size={12} aria-hidden />
      </IconButton>
      <IconButton label={isGoing ? "Keep the row" : "Remove the row"} className="!h-6" onClick={() => remove(identity)}>
        {isGoing ? <Undo2 size={12} aria-hidden /> : <Trash2 size={12} aria-hidden />}
      </IconButton>
    </span>
  );
}

export function CellInput({ value, kind, label, keep, leave }: { value: Json | undefined; kind: string; label: string; keep: (value: Json) => void; leave: () => void }) {
  const [text, setText] = useState(textOf(value));
  return (
    <input
      autoFocus
      aria-label={label}
      className="-mx-2 h-6 w-full rounded border border-accent bg-panel px-2 font-mono text-[13px]"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => (text === textOf(value) ? leave() : keep(parse(typedValue(text, kind))))}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") leave();
      }}
    />
  );
}

/** A key of a key-value store, which opens as a table of its own. */
export function KeyLink({ value, open }: { value: Json | undefined; open: (place: Place) => void }) {
  const bytes = isObject(value) && typeof value.$base64 === "string" ? value.$base64 : undefined;
  return (
    <button type="button" className="max-w-full truncate text-left font-mono text-accent hover:underline" onClick={() => open(bytes === undefined ? { schema: "key", table: textOf(value) } : { schema: "key:base64", table: bytes })}>
      {textOf(value)}
    </button>
  );
}
