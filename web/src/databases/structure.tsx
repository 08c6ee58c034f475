/** Columns, indexes and foreign keys of a table, and what changes them. */
import { useQuery } from "@tanstack/react-query";
import { KeyRound, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Shown } from "@/ui/states";

import { DefineReview } from "./define-review";
import { draftOf, droppable, NEW_COLUMN, type ColumnDraft } from "./definitions";
import { tableQuery, type Abilities, type Place, type Step, type Table } from "./queries";
import { ColumnDialog, IndexDialog, RenameDialog, ValidatorDialog } from "./structure-dialogs";

const HEAD = "border-b border-line px-3 py-1.5 text-left font-semibold";
const CELL = "border-b border-line px-3 py-1.5 align-top";

interface StructureProps {
  workspace: string;
  resource: string;
  language: string;
  can: Abilities;
  place: Place;
  /** Opens another table, or none: this one is gone. */
  openTable: (place: Place | null) => void;
}

type Open = { kind: "column"; column: ColumnDraft; isNew: boolean } | { kind: "index" } | { kind: "rename" } | { kind: "validator" } | null;

export function Structure(props: StructureProps) {
  const table = useQuery(tableQuery(props.workspace, props.resource, props.place));
  return (
    <Shown query={table} what="the table">
      {(found) => <Defined {...props} table={found} />}
    </Shown>
  );
}

function Defined({ workspace, resource, language, can, place, openTable, table }: StructureProps & { table: Table }) {
  const [open, setOpen] = useState<Open>(null);
  const [planned, setPlanned] = useState<{ title: string; steps: Step[]; then?: () => void }>();
  const isOfKind = !table.kind.includes("view") && table.schema !== "" && !table.schema.startsWith("key");
  const knows = (kind: string) => isOfKind && can.defines.includes(kind);
  const where = { schema: place.schema, table: place.table };
  function plan(title: string, steps: Step[], then?: () => void) {
    setOpen(null);
    if (steps.length) setPlanned(then ? { title, steps, then } : { title, steps });
  }
  return (
    <div className="relative h-full overflow-auto p-3 text-[13px]" tabIndex={0} role="region" aria-label="Structure">
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <p className="min-w-0 flex-1 text-muted">{table.comment}</p>
        {knows("rename_table") && (
          <Button small icon={<Pencil size={13} aria-hidden />} onClick={() => setOpen({ kind: "rename" })}>
            Rename
          </Button>
        )}
        {knows("drop_table") && (
          <Button small icon={<Trash2 size={13} aria-hidden />} onClick={() => plan(`Drop ${table.name}`, [{ kind: "drop_table", ...where }], () => openTable(null))}>
            Drop
          </Button>
        )}
      </div>
      <Columns table={table} change={knows("change_type") ? (column) => setOpen({ kind: "column", column, isNew: false }) : undefined} drop={knows("drop_column") ? (column) => plan(`Drop the column ${column}`, [{ kind: "drop_column", ...where, column }]) : undefined} />
      {knows("add_column") && (
        <Button small className="mt-2" icon={<Plus size={13} aria-hidden />} onClick={() => setOpen({ kind: "column", column: NEW_COLUMN, isNew: true })}>
          Add a column
        </Button>
      )}
      {(table.indexes.length > 0 || knows("add_index")) && <h3 className="mt-5 mb-1 font-semibold">Indexes</h3>}
      <ul>
        {table.indexes.map((each) => (
          <li key={each.name} className="flex items-center gap-1 py-0.5">
            <code className="break-all">{each.definition || each.name}</code>
            {knows("drop_index") && droppable(table).includes(each) && (
              <IconButton label={`Drop the index ${each.name}`} className="!h-6" onClick={() => plan(`Drop the index ${each.name}`, [{ kind: "drop_index", ...where, name: each.name }])}>
                <Trash2 size={12} aria-hidden />
              </IconButton>
            )}
          </li>
        ))}
      </ul>
      {knows("add_index") && (
        <Button small className="mt-1" icon={<Plus size={13} aria-hidden />} onClick={() => setOpen({ kind: "index" })}>
          Add an index
        </Button>
      )}
      {table.foreign_keys.length > 0 && <h3 className="mt-5 mb-1 font-semibold">Foreign keys</h3>}
      <ul>
        {table.foreign_keys.map((each) => (
          <li key={each.name} className="py-0.5">
            <code>
              ({each.columns.join(", ")}) → {each.schema}.{each.table} ({each.references.join(", ")})
            </code>
          </li>
        ))}
      </ul>
      {(table.options || knows("set_validator")) && <h3 className="mt-5 mb-1 font-semibold">Options</h3>}
      {table.options && (
        <pre tabIndex={0} aria-label="Options" className="max-h-60 overflow-auto rounded-md bg-sunken p-2 font-mono text-xs whitespace-pre-wrap">
          {JSON.stringify(JSON.parse(table.options), null, 2)}
        </pre>
      )}
      {knows("set_validator") && (
        <Button small className="mt-1" icon={<Pencil size={13} aria-hidden />} onClick={() => setOpen({ kind: "validator" })}>
          Set the validator
        </Button>
      )}
      {open?.kind === "column" && <ColumnDialog language={language} where={where} was={open.column} isNew={open.isNew} others={table.columns.map(draftOf)} onClose={() => setOpen(null)} onSteps={plan} />}
      {open?.kind === "index" && <IndexDialog language={language} where={where} columns={table.columns.map((each) => each.name)} onClose={() => setOpen(null)} onSteps={plan} />}
      {open?.kind === "rename" && <RenameDialog where={where} onClose={() => setOpen(null)} onSteps={(title, steps, to) => plan(title, steps, () => openTable({ ...place, table: to }))} />}
      {open?.kind === "validator" && <ValidatorDialog where={where} options={table.options ?? ""} onClose={() => setOpen(null)} onSteps={plan} />}
      {planned && (
        <DefineReview
          workspace={workspace}
          resource={resource}
          title={planned.title}
          steps={planned.steps}
          onClose={() => setPlanned(undefined)}
          onApplied={() => {
            setPlanned(undefined);
            planned.then?.();
          }}
        />
      )}
    </div>
  );
}

function Columns({ table, change, drop }: { table: Table; change: ((column: ColumnDraft) => void) | undefined; drop: ((column: string) => void) | undefined }) {
  return (
    <div className="relative overflow-x-auto">
      <table className="w-full border-separate border-spacing-0">
        <thead>
          <tr>
            {["Column", "Type", "Default", "Comment"].map((each) => (
              <th key={each} scope="col" className={HEAD}>
                {each}
              </th>
            ))}
            {(change || drop) && (
              <th scope="col" className={HEAD}>
                <span className="sr-only">What can be done</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {table.columns.map((each) => (
            <tr key={each.name}>
              <td className={CELL}>
                <span className="flex items-center gap-1.5 font-medium">
                  {table.key.includes(each.name) && <KeyRound size={13} aria-label="in the key" className="text-accent" />} {each.name}
                </span>
              </td>
              <td className={CELL}>
                <code>{each.type}</code> {!each.is_nullable && <Badge>never null</Badge>} {each.is_generated && <Badge>generated</Badge>}
                {each.choices.length > 0 && <p className="text-muted">{each.choices.join(", ")}</p>}
              </td>
              <td className={CELL}>
                <code className="text-xs">{each.default}</code>
              </td>
              <td className={CELL}>{each.comment}</td>
              {(change || drop) && (
                <td className={`${CELL} text-right whitespace-nowrap`}>
                  {change && !each.is_generated && (
                    <IconButton label={`Change the column ${each.name}`} className="!h-6" onClick={() => change(draftOf(each))}>
                      <Pencil size={12} aria-hidden />
                    </IconButton>
                  )}
                  {drop && (
                    <IconButton label={`Drop the column ${each.name}`} className="!h-6" onClick={() => drop(each.name)}>
                      <Trash2 size={12} aria-hidden />
                    </IconButton>
                  )}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
