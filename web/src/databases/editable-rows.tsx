/** The rows of a table with changes that wait until they are looked at and applied. */
import { useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus, Undo2 } from "lucide-react";
import { useState, type ReactNode } from "react";

import { write, type Json } from "@/results/shape";
import { Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { DataGrid } from "@/ui/data-grid";

import { CellInput, KeyLink, RowButtons } from "./cells";
import { changeOf, identityOf, withCell, withInsert, withRemoval, withReplacement, type Queue } from "./changes";
import { databaseKeys, type RowsPage, type Table } from "./queries";
import { useQueue } from "./queue";
import { Review } from "./review";
import { DocumentDialog, RowDialog, textOf, type FormColumn } from "./row-dialog";
import type { RowsProps } from "./rows";

const NUMERIC = new Set(["integer", "float", "decimal"]);

type Open = { kind: "new" } | { kind: "row"; index: number } | null;

export function EditableRows({ workspace, resource, language, place, asked, ask, openTable, table, page, more, hasMore }: RowsProps & { table: Table; page: RowsPage; more: (() => void) | undefined; hasMore: boolean }) {
  const waiting = useQueue(workspace, resource);
  const queries = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const [editing, setEditing] = useState<{ row: number; column: number }>();
  const [isReviewing, setReviewing] = useState(false);
  const { queue } = waiting;
  const isDocument = language === "mongodb";
  const isKeyValue = language === "redis" || language === "upstash";
  const isKeys = place.schema === "" && place.table === "keys" && isKeyValue;
  const canChange = !table.why_read_only;
  const identities = page.rows.map((_, index) => (canChange ? identityOf(page, index, table.key) : null));
  const inserts = queue.filter((each) => each.kind === "insert" && each.schema === place.schema && each.table === place.table);
  const fixed = new Set(table.columns.filter((each) => each.is_generated).map((each) => each.name));
  function setCell(index: number, column: number, value: Json) {
    const identity = identities[index];
    setEditing(undefined);
    if (identity) waiting.set(withCell(queue, place, identity, { column: page.columns[column]!.name, value, was: page.rows[index]![column]! }));
  }
  function keepRow(index: number, values: { [column: string]: Json }) {
    const identity = identities[index]!;
    let now: Queue = queue;
    if (isDocument) now = withReplacement(now, place, identity, values);
    else for (const [column, value] of Object.entries(values)) now = withCell(now, place, identity, { column, value, was: page.rows[index]![page.columns.findIndex((each) => each.name === column)] ?? null });
    waiting.set(now);
    setOpen(null);
  }
  function insert(values: { [column: string]: Json }) {
    waiting.set(withInsert(queue, place, values));
    setOpen(null);
  }
  return (
    <div
      className="flex h-full min-h-0 flex-col"
      onKeyDown={(event) => {
        if ((event.ctrlKey || event.metaKey) && event.key === "z" && !(event.target instanceof HTMLInputElement) && !(event.target instanceof HTMLTextAreaElement)) waiting.undo();
      }}
    >
      <DataGrid<Json>
        label={`Rows of ${place.table}`}
        columns={page.columns.map((each) => ({ name: each.name, hint: each.type, isNumeric: NUMERIC.has(each.kind), icon: table.key.includes(each.name) ? <KeyRound size={11} aria-label="key" className="text-accent" /> : undefined }))}
        rows={page.rows}
        sort={asked.sort}
        onSort={(sort) => ask({ ...asked, sort })}
        more={more}
        className="min-h-0 flex-1"
        lead={canChange ? (index) => <RowButtons identity={identities[index]!} queue={queue} edit={() => setOpen({ kind: "row", index })} remove={(identity) => waiting.set(withRemoval(queue, place, identity))} /> : undefined}
        rowClass={(index) => (identities[index] && changeOf(queue, identities[index])?.kind === "delete" ? "bg-bad-soft line-through" : undefined)}
        cell={(value, row, column) => {
          const identity = identities[row];
          const name = page.columns[column]!.name;
          const changed = identity ? changeOf(queue, identity) : undefined;
          const isChanged = changed !== undefined && name in changed.values;
          const now = isChanged ? changed.values[name]! : value;
          if (editing?.row === row && editing.column === column) return <CellInput value={now} kind={page.columns[column]!.kind} label={name} keep={(to) => setCell(row, column, to)} leave={() => setEditing(undefined)} />;
          if (isKeys && name === "key") return <KeyLink value={now} open={openTable} />;
          return (
            <span className={cls("block truncate", isChanged && "-mx-2 rounded bg-warn-soft px-2 text-warn")} title={textOf(now).slice(0, 2000)} onDoubleClick={() => identity && !fixed.has(name) && !isDocument && setEditing({ row, column })}>
              {now === null ? <span className="text-muted">null</span> : textOf(now)}
            </span>
          );
        }}
      />
      <Footer
        left={
          <>
            {page.rows.length.toLocaleString()} {page.rows.length === 1 ? "row" : "rows"}
            {hasMore || page.has_more ? " so far" : ""}
            {more && page.rows.length < 20 && (
              <Button small look="quiet" onClick={more}>
                Look further
              </Button>
            )}
            {table.why_read_only && <span> · {table.why_read_only}</span>}
            {inserts.length > 0 && <span> · {inserts.length} new</span>}
          </>
        }
      >
        {queue.length > 0 && (
          <>
            <Button small icon={<Undo2 size={13} aria-hidden />} disabled={!waiting.canUndo} onClick={waiting.undo} title="Ctrl Z">
              Undo
            </Button>
            <Button small onClick={waiting.clear}>
              Discard
            </Button>
            <Button small look="primary" onClick={() => setReviewing(true)}>
              Look at {queue.length} {queue.length === 1 ? "change" : "changes"}
            </Button>
          </>
        )}
        {canChange && (
          <Button small icon={<Plus size={13} aria-hidden />} onClick={() => setOpen({ kind: "new" })}>
            {isDocument ? "New document" : "New row"}
          </Button>
        )}
      </Footer>
      {open && isDocument && (
        <DocumentDialog
          title={open.kind === "new" ? "New document" : "Change the document"}
          text={open.kind === "new" ? "{}" : write(page.documents?.[open.index] ?? {})}
          onClose={() => setOpen(null)}
          onKeep={(values) => (open.kind === "new" ? insert(values) : keepRow(open.index, values))}
        />
      )}
      {open && !isDocument && (
        <RowDialog
          title={open.kind === "new" ? `New row of ${place.table}` : `Change a row of ${place.table}`}
          columns={isKeys && open.kind === "new" ? NEW_KEY : formColumns(table, page, open.kind === "new")}
          row={open.kind === "new" ? undefined : Object.fromEntries(page.columns.map((each, at) => [each.name, page.rows[open.index]![at]!]))}
          onClose={() => setOpen(null)}
          onKeep={(values) => (open.kind === "new" ? insert(values) : keepRow(open.index, values))}
        />
      )}
      {isReviewing && (
        <Review
          workspace={workspace}
          resource={resource}
          queue={queue}
          onClose={() => setReviewing(false)}
          onApplied={() => {
            setReviewing(false);
            waiting.clear();
            void queries.resetQueries({ queryKey: databaseKeys.rows(workspace, resource) });
          }}
        />
      )}
    </div>
  );
}

/** What a new key has: a text, or a list or object for what has members. */
const NEW_KEY: FormColumn[] = [
  { name: "key", type: "text", kind: "text", isFixed: false, isNullable: true, choices: [], left: "" },
  { name: "value", type: "a text, a [list] or an {object}", kind: "container", isFixed: false, isNullable: true, choices: [], left: "" },
  { name: "type", type: "set or zset, where it shall be such", kind: "text", isFixed: false, isNullable: true, choices: [], left: "by the value" },
  { name: "ttl_ms", type: "time to live in milliseconds", kind: "integer", isFixed: false, isNullable: true, choices: [], left: "for ever" },
];

/** The columns of a table's form; of a table that tells no columns, those that its rows have. */
function formColumns(table: Table, page: RowsPage, isNew: boolean): FormColumn[] {
  const kinds = new Map(page.columns.map((each) => [each.name, each.kind]));
  const known = table.columns.map((each) => ({
    name: each.name,
    type: each.choices.length ? each.choices.join(" | ") : each.type,
    kind: kinds.get(each.name) ?? "text",
    isFixed: each.is_generated,
    isNullable: each.is_nullable,
    choices: each.choices,
    left: each.is_generated ? "generated" : (each.default ?? (each.is_nullable ? "null" : "")),
  }));
  if (known.length && (isNew || known.every((each) => kinds.has(each.name)))) return known;
  return page.columns.map((each) => ({ name: each.name, type: each.type, kind: each.kind, isFixed: false, isNullable: true, choices: [], left: "" }));
}

function Footer({ left, children }: { left: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-2 border-t border-line px-3 py-1.5">
      <p className="flex min-w-0 flex-1 flex-wrap items-center gap-1 text-xs text-muted">{left}</p>
      {children}
    </div>
  );
}
