/** A table or collection that is to be, and the statement that makes it. */
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { read } from "@/items/json";
import { isObject } from "@/results/shape";
import { Button, IconButton } from "@/ui/button";
import { Field, Input, TextArea } from "@/ui/field";

import { ColumnFields } from "./column-fields";
import { DefineReview } from "./define-review";
import { lackOf, NEW_COLUMN, type ColumnDraft } from "./definitions";
import type { Place, Step } from "./queries";
import { StepForm } from "./step-form";

interface NewTableProps {
  workspace: string;
  resource: string;
  language: string;
  schemas: readonly string[];
  onClose: () => void;
  onMade: (place: Place) => void;
}

export function NewTable(props: NewTableProps) {
  const { workspace, resource, language, schemas, onClose, onMade } = props;
  const isCollection = language === "mongodb";
  const [schema, setSchema] = useState(schemas[0] ?? "");
  const [name, setName] = useState("");
  const [columns, setColumns] = useState<(ColumnDraft & { inKey: boolean })[]>([{ ...NEW_COLUMN, name: "id", nullable: false, inKey: true }]);
  const [validator, setValidator] = useState("");
  const [steps, setSteps] = useState<Step[]>();
  const lack = lackOfAll(isCollection, schema, name, columns, validator);
  function review() {
    const where = { kind: "create_table", schema, table: name };
    if (isCollection) setSteps([{ ...where, ...(validator.trim() ? { options: { validator: JSON.parse(validator) as unknown } } : {}) }]);
    else setSteps([{ ...where, columns: columns.map(({ inKey, ...each }) => ({ ...each, nullable: each.nullable && !inKey })), names: columns.filter((each) => each.inKey).map((each) => each.name) }]);
  }
  if (steps) return <DefineReview workspace={workspace} resource={resource} title={`New ${isCollection ? "collection" : "table"} ${name}`} steps={steps} onClose={() => setSteps(undefined)} onApplied={() => onMade({ schema, table: name })} />;
  return (
    <StepForm title={isCollection ? "New collection" : "New table"} lack={lack} onClose={onClose} onDone={review}>
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label={isCollection ? "Database" : "Schema"}>
          {(given) => (
            <>
              <Input {...given} list="schemas" value={schema} onChange={(event) => setSchema(event.target.value)} />
              <datalist id="schemas">
                {schemas.map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field label="Name">{(given) => <Input {...given} value={name} onChange={(event) => setName(event.target.value)} />}</Field>
      </div>
      {isCollection ? (
        <Field label="Validator" hint="A JSON object, such as a $jsonSchema that documents must fit. Empty: anything goes in.">
          {(given) => <TextArea {...given} rows={5} className="font-mono text-[13px]" value={validator} onChange={(event) => setValidator(event.target.value)} />}
        </Field>
      ) : (
        <ColumnList language={language} columns={columns} onColumns={setColumns} />
      )}
    </StepForm>
  );
}

function lackOfAll(isCollection: boolean, schema: string, name: string, columns: readonly ColumnDraft[], validator: string): string {
  if (!schema.trim() || !name.trim()) return isCollection ? "It needs a database and a name." : "It needs a schema and a name.";
  if (!isCollection) return columns.length === 0 ? "It needs a column." : columns.map((each) => lackOf(each, columns)).find((each) => each !== "") ?? "";
  const { value, fault } = read(validator.trim() || "{}");
  return fault ? `The validator is no JSON: ${fault}` : isObject(value) ? "" : "The validator is a JSON object.";
}

function ColumnList({ language, columns, onColumns }: { language: string; columns: (ColumnDraft & { inKey: boolean })[]; onColumns: (columns: (ColumnDraft & { inKey: boolean })[]) => void }) {
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-[13px] font-medium">Columns</legend>
      {columns.map((each, index) => (
        <div key={index} className="flex items-center gap-2">
          <ColumnFields language={language} column={each} of={` of column ${index + 1}`} onColumn={(now) => onColumns(columns.with(index, { ...each, ...now }))} />
          <label className="flex items-center gap-1.5 text-[13px]">
            <input type="checkbox" aria-label={`In the key, column ${index + 1}`} className="accent-(--accent)" checked={each.inKey} onChange={(event) => onColumns(columns.with(index, { ...each, inKey: event.target.checked }))} /> key
          </label>
          <IconButton label={`Without column ${index + 1}`} onClick={() => onColumns(columns.filter((_, at) => at !== index))}>
            <Trash2 size={13} aria-hidden />
          </IconButton>
        </div>
      ))}
      <div>
        <Button small icon={<Plus size={13} aria-hidden />} onClick={() => onColumns([...columns, { ...NEW_COLUMN, inKey: false }])}>
          Add a column
        </Button>
      </div>
    </fieldset>
  );
}
