/** Forms whose answers are steps of a definition; what they come to is looked at before anything is run. */
import { useState } from "react";

import { read } from "@/items/json";
import { isObject } from "@/results/shape";
import { Field, Input, TextArea } from "@/ui/field";

import { ColumnFields } from "./column-fields";
import { columnSteps, lackOf, type ColumnDraft } from "./definitions";
import type { Step } from "./queries";
import { StepForm } from "./step-form";

interface Where {
  schema: string;
  table: string;
}

interface ColumnDialogProps {
  language: string;
  where: Where;
  was: ColumnDraft;
  isNew: boolean;
  others: readonly ColumnDraft[];
  onClose: () => void;
  onSteps: (title: string, steps: Step[]) => void;
}

export function ColumnDialog({ language, where, was, isNew, others, onClose, onSteps }: ColumnDialogProps) {
  const [column, setColumn] = useState(was);
  const steps: Step[] = isNew ? [{ kind: "add_column", ...where, columns: [column] }] : columnSteps(where, was, column);
  const lack = lackOf(column, others.filter((each) => isNew || each.name !== was.name)) || (steps.length ? "" : "Nothing differs yet.");
  const title = isNew ? "Add a column" : `Change the column ${was.name}`;
  return (
    <StepForm title={title} lack={lack} onClose={onClose} onDone={() => onSteps(title, steps)}>
      <ColumnFields language={language} column={column} onColumn={setColumn} />
    </StepForm>
  );
}

export function IndexDialog({ language, where, columns, onClose, onSteps }: { language: string; where: Where; columns: readonly string[]; onClose: () => void; onSteps: (title: string, steps: Step[]) => void }) {
  const [names, setNames] = useState<string[]>([]);
  const [unique, setUnique] = useState(false);
  const [name, setName] = useState("");
  const [options, setOptions] = useState("");
  const isDocument = language === "mongodb";
  const given = read(options.trim() || "{}");
  const wrong = !isObject(given.value) || given.fault !== "" ? `The options are no JSON object${given.fault ? `: ${given.fault}` : "."}` : "";
  const lack = wrong || (names.length || options.includes('"key"') ? "" : isDocument ? "Choose fields, or give a key in the options." : "Choose columns, in the order of the index.");
  const step: Step = { kind: "add_index", ...where, names, unique, name, ...(options.trim() && !wrong ? { options: JSON.parse(options) as unknown } : {}) };
  return (
    <StepForm title="Add an index" lack={lack} onClose={onClose} onDone={() => onSteps("Add an index", [step])}>
      <fieldset>
        <legend className="mb-1 text-[13px] font-medium">{isDocument ? "Fields" : "Columns"}, in the order in which they are chosen</legend>
        <div className="flex flex-wrap gap-3">
          {columns.map((each) => (
            <label key={each} className="flex items-center gap-1.5">
              <input type="checkbox" className="accent-(--accent)" checked={names.includes(each)} onChange={(event) => setNames(event.target.checked ? [...names, each] : names.filter((one) => one !== each))} /> {each}
            </label>
          ))}
        </div>
        {names.length > 1 && <p className="mt-1 text-[13px] text-muted">{names.join(", ")}</p>}
      </fieldset>
      <label className="flex items-center gap-1.5">
        <input type="checkbox" className="accent-(--accent)" checked={unique} onChange={(event) => setUnique(event.target.checked)} /> Unique
      </label>
      <Field label="Name" hint="Empty: one that follows from the columns.">
        {(id) => <Input {...id} value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      {isDocument && (
        <Field label="Options" hint='As MongoDB takes them, such as {"key": {"at": -1}, "expireAfterSeconds": 3600}.'>
          {(id) => <TextArea {...id} rows={3} className="font-mono text-[13px]" value={options} onChange={(event) => setOptions(event.target.value)} />}
        </Field>
      )}
    </StepForm>
  );
}

export function RenameDialog({ where, onClose, onSteps }: { where: Where; onClose: () => void; onSteps: (title: string, steps: Step[], to: string) => void }) {
  const [to, setTo] = useState(where.table);
  const title = `Rename ${where.table}`;
  return (
    <StepForm title={title} lack={to.trim() && to !== where.table ? "" : "Give it another name."} onClose={onClose} onDone={() => onSteps(title, [{ kind: "rename_table", ...where, to }], to)}>
      <Field label="New name" hint="What refers to it by its name, such as scripts, does not follow.">
        {(given) => <Input {...given} value={to} onChange={(event) => setTo(event.target.value)} />}
      </Field>
    </StepForm>
  );
}

export function ValidatorDialog({ where, options, onClose, onSteps }: { where: Where; options: string; onClose: () => void; onSteps: (title: string, steps: Step[]) => void }) {
  const [text, setText] = useState(() => JSON.stringify((options ? (JSON.parse(options) as { validator?: unknown }).validator : undefined) ?? {}, null, 2));
  const { value, fault } = read(text);
  const lack = fault ? `It is no JSON: ${fault}` : isObject(value) ? "" : "A validator is a JSON object.";
  const title = `Validator of ${where.table}`;
  return (
    <StepForm title={title} lack={lack} onClose={onClose} onDone={() => onSteps(title, [{ kind: "set_validator", ...where, options: { validator: JSON.parse(text) as unknown } }])}>
      <Field label="Validator" hint="What documents must fit from now on; {} lets everything in. Those that are there stay as they are.">
        {(given) => <TextArea {...given} rows={10} className="font-mono text-[13px]" value={text} onChange={(event) => setText(event.target.value)} />}
      </Field>
    </StepForm>
  );
}
