/** The rows of a table: filtered, sorted, changed. What is changed waits until it is looked at and applied. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Pencil, Plus, Trash2, Undo2 } from "lucide-react";
import { useState, type ReactNode } from "react";

import { isObject, parse, write, type Json } from "@/results/shape";
import { Button, IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { DataGrid } from "@/ui/data-grid";
import { Shown } from "@/ui/states";

import { changeOf, identityOf, withCell, withInsert, withRemoval, withReplacement, type Queue, type RowIdentity } from "./changes";
import { typedValue } from "./conditions";
import { Filters } from "./filters";
import { databaseKeys, rowsQuery, tableQuery, type Asked, type Place, type RowsPage, type Table } from "./queries";
import { useQueue } from "./queue";
import { Review } from "./review";
import { DocumentDialog, RowDialog, textOf, type FormColumn } from "./row-dialog";

interface RowsProps {
  workspace: string;
  resource: string;
  language: string;
  place: Place;
  asked: Asked;
  ask: (asked: Asked) => void;
  openTable: (place: Place) => void;
}

const NUMERIC = new Set(["integer", "float", "decimal"]);

/** All pages as one. */
function joined(pages: readonly RowsPage[]): RowsPage {
  const names = [...new Map(pages.flatMap((page) => page.columns).map((each) => [each.name, each])).values()];
  const rows = pages.flatMap((page) => {
    const at = names.map((each) => page.columns.findIndex((one) => one.name === each.name));
    return page.rows.map((row) => at.map((index) => (index < 0 ? null : row[index]!)));
  });
  const all = <T,>(part: (page: RowsPage) => T[] | null | undefined) => (pages.every((page) => part(page)) ? pages.flatMap((page) => part(page)!) : null);
  return { ...pages.at(-1)!, columns: names, rows, versions: all((page) => page.versions), row_names: all((page) => page.row_names), documents: all((page) => page.documents) };
}

export function Rows(props: RowsProps) {
  const { workspace, resource, place, asked, ask } = props;
  const table = useQuery(tableQuery(workspace, resource, place));
  const rows = useInfiniteQuery({ ...rowsQuery(workspace, resource, place, asked), placeholderData: (before) => before, retry: false });
  return (
    <Shown query={table} what="the table">
      {(known) => (
        <div className="flex h-full min-h-0 flex-col">
          <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
            <Filters columns={filterable(known, rows.data?.pages[0])} conditions={asked.conditions} onConditions={(conditions) => ask({ ...asked, conditions })} />
          </div>
          <div className="min-h-0 flex-1">
            {rows.error ? (
              <Shown query={{ data: undefined, error: rows.error, isPending: false, refetch: rows.refetch }} what="the rows">
                {() => null}
              </Shown>
            ) : (
              <Shown query={rows} what="the rows">
                {({ pages }) => <Changeable {...props} table={known} page={joined(pages)} more={rows.hasNextPage && !rows.isFetching ? () => void rows.fetchNextPage() : undefined} hasMore={rows.hasNextPage} />}
              </Shown>
            )}
          </div>
        </div>
      )}
    </Shown>
  );
}

/** What can be filtered by: the columns of the rows, which know their kinds, else those of the table. */
function filterable(table: Table, page: RowsPage | undefined): { name: string; kind: string }[] {
  return page?.columns.length ? page.columns : table.columns.map((each) => ({ name: each.name, kind: "text" }));
}

type Open = { kind: "new" } | { kind: "row"; index: number } | null;

function Changeable({ workspace, resource, language, place, asked, ask, openTable, table, page, more, hasMore }: RowsProps & { table: Table; page: RowsPage; more: (() => void) | undefined; hasMore: boolean }) {
  const waiting = useQueue(workspace, resource);
  const queries = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const [editing, setEditing] = useState<{ row: number; column: number }>();
  const [isReviewing, setReviewing] = useState(false);
  const { queue } = waiting;
  const isDocument = language === "mongodb";
  const isKeys = place.schema === "" && place.table === "keys" && language === "redis";
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
          columns={formColumns(table, page, open.kind === "new")}
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

/** The columns of a table's form; of a table that tells no columns, those that its rows have. */
function formColumns(table: Table, page: RowsPage, isNew: boolean): FormColumn[] {
  const kinds = new Map(page.columns.map((each) => [each.name, each.kind]));
  const known = table.columns.map((each) => ({
    name: each.name,
    type: each.choices.length ? each.choices.join(" | ") : each.type,
    kind: kinds.get(each.name) ?? "text",
    isFixed: each.is_generated,
    left: each.is_generated ? "generated" : (each.default ?? (each.is_nullable ? "null" : "")),
  }));
  if (known.length && (isNew || known.every((each) => kinds.has(each.name)))) return known;
  return page.columns.map((each) => ({ name: each.name, type: each.type, kind: each.kind, isFixed: false, left: "" }));
}

function Footer({ left, children }: { left: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-2 border-t border-line px-3 py-1.5">
      <p className="flex min-w-0 flex-1 flex-wrap items-center gap-1 text-xs text-muted">{left}</p>
      {children}
    </div>
  );
}

function RowButtons({ identity, queue, edit, remove }: { identity: RowIdentity | null; queue: Queue; edit: () => void; remove: (identity: RowIdentity) => void }) {
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

function CellInput({ value, kind, label, keep, leave }: { value: Json | undefined; kind: string; label: string; keep: (value: Json) => void; leave: () => void }) {
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
function KeyLink({ value, open }: { value: Json | undefined; open: (place: Place) => void }) {
  const bytes = isObject(value) && typeof value.$base64 === "string" ? value.$base64 : undefined;
  return (
    <button type="button" className="max-w-full truncate text-left font-mono text-accent hover:underline" onClick={() => open(bytes === undefined ? { schema: "key", table: textOf(value) } : { schema: "key:base64", table: bytes })}>
      {textOf(value)}
    </button>
  );
}
