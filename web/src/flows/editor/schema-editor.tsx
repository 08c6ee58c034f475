/** The arguments of a flow, or the fields of an approval: names, kinds, and what is said of them. */
import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import type { Property, Schema } from "@/flow/model";
import type { Value } from "@/results/value";
import { Button, IconButton } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";

import { asKind, KIND_NAMES, kindOf, nameFault, namesOf, renamed, requiring, shifted, withoutProperty, withProperty, type Kind } from "./arguments";
import { Check } from "./controls";
import { JsonField } from "./json-field";

interface SchemaEditorProps {
  schema: Schema;
  /** `mark`: what is being typed. */
  onChange: (schema: Schema, mark: string) => void;
  /** What one of them is called. */
  noun: string;
}

export function SchemaEditor({ schema, onChange, noun }: SchemaEditorProps) {
  const names = namesOf(schema);
  const [open, setOpen] = useState<string>();
  function add() {
    let number = names.length + 1;
    while (schema.properties?.[`${noun}_${number}`] !== undefined) number++;
    const name = `${noun}_${number}`;
    onChange(withProperty(schema, name, { type: "string" }), "");
    setOpen(name);
  }
  return (
    <div className="flex flex-col gap-2">
      <ul aria-label={`Each ${noun}`} className="flex flex-col gap-2">
        {names.map((name, index) => (
          <li key={name} className="rounded-md border border-line">
            <Row
              schema={schema}
              name={name}
              isOpen={open === name}
              onOpen={(isOpen) => setOpen(isOpen ? name : undefined)}
              isFirst={index === 0}
              isLast={index === names.length - 1}
              onChange={onChange}
              onRename={(next) => {
                onChange(renamed(schema, name, next), "");
                setOpen(next);
              }}
            />
          </li>
        ))}
      </ul>
      {names.length === 0 && <p className="text-muted">There is none yet.</p>}
      <Button small className="self-start" icon={<Plus size={14} aria-hidden />} onClick={add}>
        Add {/^[aeiou]/.test(noun) ? "an" : "a"} {noun}
      </Button>
    </div>
  );
}

interface RowProps {
  schema: Schema;
  name: string;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  isFirst: boolean;
  isLast: boolean;
  onChange: SchemaEditorProps["onChange"];
  onRename: (next: string) => void;
}

function Row({ schema, name, isOpen, onOpen, isFirst, isLast, onChange, onRename }: RowProps) {
  const property = schema.properties?.[name] ?? {};
  const isRequired = schema.required?.includes(name) ?? false;
  return (
    <>
      <div className="flex items-center gap-1 py-1 pr-1 pl-2.5">
        <button type="button" aria-expanded={isOpen} onClick={() => onOpen(!isOpen)} className="flex min-w-0 flex-1 items-baseline gap-2 text-left">
          <code className="truncate text-[13px] font-medium">{name}</code>
          <span className="text-[13px] text-muted">
            {KIND_NAMES[kindOf(property)]}
            {isRequired && ", needed"}
          </span>
        </button>
        <IconButton label={`Move ${name} up`} disabled={isFirst} onClick={() => onChange(shifted(schema, name, -1), "")}>
          <ArrowUp size={14} aria-hidden />
        </IconButton>
        <IconButton label={`Move ${name} down`} disabled={isLast} onClick={() => onChange(shifted(schema, name, 1), "")}>
          <ArrowDown size={14} aria-hidden />
        </IconButton>
        <IconButton label={`Remove ${name}`} onClick={() => onChange(withoutProperty(schema, name), "")}>
          <Trash2 size={14} aria-hidden />
        </IconButton>
      </div>
      {isOpen && <Details schema={schema} name={name} property={property} isRequired={isRequired} onChange={onChange} onRename={onRename} />}
    </>
  );
}

interface DetailsProps extends Pick<RowProps, "schema" | "name" | "onChange" | "onRename"> {
  property: Property;
  isRequired: boolean;
}

function Details({ schema, name, property, isRequired, onChange, onRename }: DetailsProps) {
  const [typed, setTyped] = useState(name);
  const fault = nameFault(schema, typed, name);
  const kind = kindOf(property);
  const set = (change: Partial<Property>, mark = "") => onChange(withProperty(schema, name, { ...property, ...change }), mark);
  return (
    <div className="flex flex-col gap-3 border-t border-line p-2.5">
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Name" error={fault || undefined}>
          {(given) => <Input {...given} className="font-mono" value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={() => !fault && typed !== name && onRename(typed)} onKeyDown={(event) => event.key === "Enter" && !fault && typed !== name && onRename(typed)} />}
        </Field>
        <Field label="Kind">
          {(given) => (
            <Select {...given} value={kind} onChange={(event) => onChange(withProperty(schema, name, asKind(property, event.target.value as Kind)), "")}>
              {Object.entries(KIND_NAMES)
                .filter(([id]) => id !== "other" || kind === "other")
                .map(([id, words]) => (
                  <option key={id} value={id}>
                    {words}
                  </option>
                ))}
            </Select>
          )}
        </Field>
      </div>
      {kind === "choice" && (
        <Field label="Choices" hint="One on each line.">
          {(given) => <textarea {...given} rows={3} className="w-full rounded-md border border-line-strong bg-panel px-2.5 py-1.5" value={(property.enum ?? []).join("\n")} onChange={(event) => set({ enum: event.target.value.split("\n") }, `choices ${name}`)} />}
        </Field>
      )}
      {kind === "resource" && (
        <Field label="Type of the resource">
          {(given) => <Input {...given} className="font-mono" value={(property.format ?? "").slice("resource-".length)} onChange={(event) => set({ format: `resource-${event.target.value}` }, `type ${name}`)} />}
        </Field>
      )}
      {kind === "other" && <JsonField label="Its JSON schema" value={property as Value} onChange={(next) => onChange(withProperty(schema, name, next as Property), `schema ${name}`)} />}
      <Field label="What is said of it">{(given) => <Input {...given} value={property.description ?? ""} onChange={(event) => set({ description: event.target.value || undefined }, `words ${name}`)} />}</Field>
      <Default property={property} kind={kind} onChange={(value) => set({ default: value }, `default ${name}`)} />
      <Check on={isRequired} onChange={(next) => onChange(requiring(schema, name, next), "")}>
        It is needed
      </Check>
    </div>
  );
}

function Default({ property, kind, onChange }: { property: Property; kind: Kind; onChange: (value: Value | undefined) => void }) {
  const value = property.default;
  if (kind === "boolean") return <Check on={value === true} onChange={(on) => onChange(on)}>Yes unless said otherwise</Check>;
  if (["file", "resource", "secret", "object", "any", "texts", "numbers", "other"].includes(kind)) {
    return kind === "secret" || kind === "file" || kind === "resource" ? null : <JsonField label="Value unless said (JSON)" value={value} onChange={onChange} />;
  }
  const isNumber = kind === "integer" || kind === "number";
  return (
    <Field label="Value unless said">
      {(given) => <Input {...given} type={isNumber ? "number" : "text"} value={value === undefined || value === null ? "" : String(value as string | number)} onChange={(event) => onChange(event.target.value === "" ? undefined : isNumber ? event.target.valueAsNumber : event.target.value)} />}
    </Field>
  );
}
