/** A row as a form: each column a text, null, or left out. */
import { useState } from "react";

import { parse, write, type Json } from "@/results/shape";
import { Editor } from "@/editor";
import { read } from "@/items/json";
import { isObject } from "@/results/shape";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Select, TextArea } from "@/ui/field";

import { typedValue } from "./conditions";

export interface FormColumn {
  name: string;
  type: string;
  kind: string;
  isFixed: boolean;
  isNullable: boolean;
  /** All values that there can be; empty where there are others. */
  choices: readonly string[];
  /** What stands in the form of a new row where nothing is entered. */
  left: string;
}

/** A value as it is written into a cell. */
export function textOf(value: Json | undefined): string {
  return value === null || value === undefined ? "" : typeof value === "string" ? value : write(value, 0).replaceAll("\n", "");
}

interface RowDialogProps {
  title: string;
  columns: FormColumn[];
  /** The row as it is; absent for a new one. */
  row?: { [column: string]: Json };
  onClose: () => void;
  /** The columns that were entered, with their values. */
  onKeep: (values: { [column: string]: Json }) => void;
}

export function RowDialog({ title, columns, row, onClose, onKeep }: RowDialogProps) {
  const [entered, setEntered] = useState<{ [column: string]: string | null }>({});
  function keep() {
    const kinds = new Map(columns.map((each) => [each.name, each.kind]));
    onKeep(Object.fromEntries(Object.entries(entered).map(([name, text]) => [name, text === null ? null : parse(typedValue(text, kinds.get(name)!))])));
  }
  return (
    <Dialog open onClose={onClose} wide title={title}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          keep();
        }}
      >
        {columns.map((each) => (
          <ColumnField key={each.name} column={each} was={row?.[each.name]} isNew={row === undefined} entered={entered[each.name]} enter={(text) => setEntered(text === undefined ? Object.fromEntries(Object.entries(entered).filter(([name]) => name !== each.name)) : { ...entered, [each.name]: text })} />
        ))}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" disabled={row !== undefined && Object.keys(entered).length === 0}>
            Queue it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface ColumnFieldProps {
  column: FormColumn;
  was: Json | undefined;
  isNew: boolean;
  entered: string | null | undefined;
  enter: (text: string | null | undefined) => void;
}

function ColumnField({ column, was, isNew, entered, enter }: ColumnFieldProps) {
  const isNull = entered === null || (entered === undefined && !isNew && was === null);
  const text = entered ?? (entered === undefined ? textOf(was) : "");
  const isChoice = column.choices.length > 0 && (text === "" || column.choices.includes(text));
  const id = `column-${column.name}`;
  return (
    <div className="grid gap-1 sm:grid-cols-[10rem_minmax(0,1fr)]">
      <label htmlFor={id} className="pt-1 text-[13px]">
        <span className="block font-medium break-all">{column.name}</span>
        <span className="text-xs text-muted">{column.type}</span>
      </label>
      <div className="flex items-start gap-2">
        {isChoice ? (
          <Select id={id} className="flex-1 font-mono text-[13px]" disabled={column.isFixed} value={text} onChange={(event) => enter(isNew && event.target.value === "" ? undefined : event.target.value)}>
            {text === "" && <option value="">{isNull ? "null" : column.left}</option>}
            {column.choices.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        ) : (
        <TextArea
          id={id}
          rows={1}
          className="!min-h-8 flex-1 font-mono text-[13px]"
          disabled={column.isFixed}
          placeholder={isNull ? "null" : isNew ? column.left : ""}
          value={text}
          onChange={(event) => enter(isNew && event.target.value === "" ? undefined : event.target.value)}
        />
        )}
        <label className="flex items-center gap-1 pt-1.5 text-[13px]">
          <input type="checkbox" className="accent-(--accent)" disabled={column.isFixed || !column.isNullable} title={column.isNullable ? undefined : "The column takes no null"} checked={isNull} onChange={(event) => enter(event.target.checked ? null : isNew ? undefined : textOf(was))} />
          null
        </label>
      </div>
    </div>
  );
}

/** A document as JSON, for databases whose rows are documents. */
export function DocumentDialog({ title, text: begun, onClose, onKeep }: { title: string; text: string; onClose: () => void; onKeep: (values: { [column: string]: Json }) => void }) {
  const [text, setText] = useState(begun);
  const { value, fault } = read(text);
  const problem = fault || (isObject(value) ? "" : "A document is a JSON object.");
  return (
    <Dialog open onClose={onClose} wide title={title} hint="Extended JSON: numbers are marked with their types, so that they stay what they are.">
      <div className="h-80 overflow-hidden rounded-md border border-line">
        <Editor label="Document" language="json" value={text} onChange={setText} />
      </div>
      {problem && <p className="mt-2 text-bad">{problem}</p>}
      <div className="mt-3 flex justify-end gap-2">
        <Button onClick={onClose}>Not yet</Button>
        <Button look="primary" disabled={problem !== "" || text === begun} onClick={() => isObject(value) && onKeep(value)}>
          Queue it
        </Button>
      </div>
    </Dialog>
  );
}
