/** Where the arguments of a step come from: each a value, or an expression. */
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";

import { inputsOf, type Inputs, type Property, type Schema, type Step, type Transform } from "@/flow/model";
import { SchemaForm } from "@/forms/form";
import { Digits } from "@/results/shape";
import { writeValue, type Value } from "@/results/value";
import { Badge } from "@/ui/badge";
import { IconButton } from "@/ui/button";
import { Loading } from "@/ui/states";

import { askedOfQuery } from "../queries";
import { namesOf } from "./arguments";
import { Segments } from "./controls";
import { ExpressionInput } from "./expression";
import { JsonField } from "./json-field";
import { OF_INPUTS } from "./known";
import { useScope } from "./scope";

/** The arguments that what a step runs asks for. */
export function useAsked(step: Step) {
  const { workspace } = useScope();
  const { value } = step;
  const what = value.type === "rawscript" ? { language: value.language, content: value.content } : { kind: value.type === "flow" ? ("flow" as const) : ("script" as const), path: "path" in value ? (value.path ?? "") : "" };
  const isThere = value.type === "rawscript" || ((value.type === "script" || value.type === "flow") && value.path !== "");
  return useQuery({ ...askedOfQuery(workspace, what), enabled: isThere, placeholderData: (before) => before });
}

export function InputsForm({ step, onInputs }: { step: Step; onInputs: (inputs: Inputs, mark: string) => void }) {
  const asked = useAsked(step);
  const given = inputsOf(step);
  const schema: Schema = asked.data ?? {};
  const names = [...namesOf(schema), ...Object.keys(given).filter((name) => asked.data && schema.properties?.[name] === undefined)];
  if (asked.isLoading) return <Loading what="its arguments" />;
  function change(name: string, transform: Transform | undefined) {
    const next = { ...given };
    if (transform) next[name] = transform;
    else delete next[name]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
    onInputs(next, `input ${step.id} ${name}`);
  }
  return (
    <div className="flex flex-col">
      {asked.error && (
        <p role="alert" className="mb-2 text-bad whitespace-pre-wrap">
          {asked.error.message}
        </p>
      )}
      {names.length === 0 && !asked.error && <p className="text-muted">{"path" in step.value && step.value.path === "" ? "Choose what it runs first." : "It takes no arguments."}</p>}
      {(asked.data ? names : Object.keys(given)).map((name) => (
        <Argument key={name} name={name} property={schema.properties?.[name]} isRequired={schema.required?.includes(name) ?? false} isKnown={!asked.data || schema.properties?.[name] !== undefined} transform={given[name]} onChange={(transform) => change(name, transform)} />
      ))}
    </div>
  );
}

interface ArgumentProps {
  name: string;
  property: Property | undefined;
  isRequired: boolean;
  isKnown: boolean;
  transform: Transform | undefined;
  onChange: (transform: Transform | undefined) => void;
}

function Argument({ name, property, isRequired, isKnown, transform, onChange }: ArgumentProps) {
  const kind = transform?.type === "javascript" ? "expression" : "value";
  function turn(next: "value" | "expression") {
    if (next === kind) return;
    if (next === "value") onChange(undefined);
    else onChange({ type: "javascript", expr: transform?.type === "static" && transform.value !== undefined && transform.value !== null ? writeValue(transform.value) : "" });
  }
  return (
    <section aria-label={`Argument ${name}`} className="border-b border-line py-2.5 first:pt-0 last:border-0">
      <div className="mb-1.5 flex flex-wrap items-center gap-2">
        <h4 className="min-w-0 truncate font-mono text-[13px] font-medium">{name}</h4>
        <span className="text-xs text-muted">{typeOf(property)}</span>
        {isRequired && transform === undefined && <Badge tone="warn">is needed</Badge>}
        {!isKnown && <Badge tone="warn">it takes no such argument</Badge>}
        <span className="flex-1" />
        {isKnown ? (
          <Segments label={`${name} is given as`} value={kind} onChange={turn} options={[["value", "Value"], ["expression", "Expression"]]} />
        ) : (
          <IconButton label={`Take ${name} away`} onClick={() => onChange(undefined)}>
            <X size={14} aria-hidden />
          </IconButton>
        )}
      </div>
      {transform?.type === "javascript" ? (
        <ExpressionInput label={name} names={OF_INPUTS} value={transform.expr} onChange={(expr) => onChange({ type: "javascript", expr })} placeholder="flow_input.x, results.a.rows[0], …" />
      ) : (
        <ValueInput name={name} property={property} value={transform?.value} onChange={(value) => onChange(value === undefined ? undefined : { type: "static", value })} />
      )}
      {property?.description && <p className="mt-1 text-[13px] text-muted">{property.description}</p>}
    </section>
  );
}

function typeOf(property: Property | undefined): string {
  if (!property) return "";
  if (property.format?.startsWith("resource-")) return property.format.slice("resource-".length);
  if (property.type === "array") return `list of ${(property.items as Property | undefined)?.type?.toString() ?? "anything"}`;
  return property.type?.toString() ?? "anything";
}

function isExact(value: Value | undefined): boolean {
  if (value instanceof Digits) return true;
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some(isExact);
}

/** By the form that what it runs would have, where a form can hold the value. */
function ValueInput({ name, property, value, onChange }: { name: string; property: Property | undefined; value: Value | undefined; onChange: (value: Value | undefined) => void }) {
  if (!property || isExact(value)) return <JsonField label={`${name} as JSON`} value={value} onChange={onChange} />;
  const { description, ...rest } = property;
  void description;
  const isPlain = rest.properties === undefined && rest.type !== "boolean";
  return (
    <div className={isPlain ? "[&_label]:sr-only" : ""}>
      <SchemaForm id={`value-${name}`} schema={{ type: "object", properties: { [name]: rest } } as never} fillsDefaults={false} value={value === undefined ? {} : { [name]: value }} onChange={(next) => onChange(next[name] as Value | undefined)} />
    </div>
  );
}

