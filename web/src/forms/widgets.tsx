/** How values are entered: one widget a kind of value, chosen from its schema. */
import { useQuery } from "@tanstack/react-query";
import type { WidgetProps } from "@rjsf/utils";
import { Eye, EyeOff } from "lucide-react";
import { useState, type ChangeEvent } from "react";

import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { IconButton } from "@/ui/button";
import { INPUT, Input, Select, TextArea } from "@/ui/field";
import { bytes } from "@/ui/time";

import { base64Of, sizeOf } from "./base64";
import { resourcesOfType } from "./queries";

export function TextWidget({ id, value, onChange, required, readonly, disabled, placeholder, schema, rawErrors }: WidgetProps) {
  const isNumber = schema.type === "number" || schema.type === "integer";
  return (
    <Input
      id={id}
      aria-invalid={rawErrors?.length ? true : undefined}
      type={isNumber ? "number" : "text"}
      step={schema.type === "integer" ? 1 : "any"}
      value={(value as string | number | undefined) ?? ""}
      required={required}
      disabled={readonly ?? disabled}
      placeholder={placeholder || (schema.default === undefined || schema.default === null ? "" : String(schema.default))}
      onChange={(event) => onChange(entered(event.target.value, isNumber, schema.type === "integer"))}
    />
  );
}

/** What was typed as a value. An integer that a browser cannot hold stays text: the check then names it, and nothing is rounded. */
export function entered(text: string, isNumber: boolean, isInteger: boolean): string | number | undefined {
  if (text === "") return undefined;
  const number = Number(text);
  if (!isNumber || Number.isNaN(number)) return text;
  return isInteger && !Number.isSafeInteger(number) ? text : number;
}

export function LongTextWidget({ id, value, onChange, required, disabled }: WidgetProps) {
  return <TextArea id={id} className="font-mono" rows={5} value={(value as string | undefined) ?? ""} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value || undefined)} />;
}

export function SecretWidget({ id, value, onChange, required, disabled }: WidgetProps) {
  const [isShown, setShown] = useState(false);
  const text = (value as string | undefined) ?? "";
  const isReference = text.startsWith("$var:");
  return (
    <div className="flex gap-1">
      <Input id={id} type={isShown || isReference ? "text" : "password"} className="font-mono" autoComplete="off" spellCheck={false} value={text} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value || undefined)} />
      {!isReference && (
        <IconButton label={isShown ? "Hide it" : "Show it"} aria-pressed={isShown} className="!h-8" onClick={() => setShown(!isShown)}>
          {isShown ? <EyeOff size={15} aria-hidden /> : <Eye size={15} aria-hidden />}
        </IconButton>
      )}
    </div>
  );
}

export function CheckWidget({ id, value, onChange, disabled, label, schema }: WidgetProps) {
  return (
    <label className="flex items-center gap-2" htmlFor={id}>
      <input id={id} type="checkbox" className="size-4 accent-(--accent)" checked={(value ?? schema.default) === true} disabled={disabled} onChange={(event) => onChange(event.target.checked)} />
      <span>{label}</span>
    </label>
  );
}

export function ChoiceWidget({ id, value, onChange, options, required, disabled, multiple }: WidgetProps) {
  const choices = options.enumOptions ?? [];
  const index = choices.findIndex((each) => each.value === value);
  if (multiple) {
    const chosen = (value as unknown[] | undefined) ?? [];
    return (
      <fieldset id={id} className="flex flex-col gap-1">
        {choices.map((each) => (
          <label key={String(each.value)} className="flex items-center gap-2">
            <input type="checkbox" checked={chosen.includes(each.value)} onChange={(event) => onChange(event.target.checked ? [...chosen, each.value] : chosen.filter((one) => one !== each.value))} />
            {each.label}
          </label>
        ))}
      </fieldset>
    );
  }
  return (
    <Select id={id} value={index < 0 ? "" : String(index)} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value === "" ? undefined : choices[Number(event.target.value)]!.value)}>
      <option value="">Choose…</option>
      {choices.map((each, at) => (
        <option key={at} value={String(at)}>
          {each.label}
        </option>
      ))}
    </Select>
  );
}

/** The value is ISO 8601 in UTC; it is entered in the reader's own zone. */
export function DateTimeWidget({ id, value, onChange, required, disabled }: WidgetProps) {
  const local = typeof value === "string" && value ? toLocal(new Date(value)) : "";
  return <Input id={id} type="datetime-local" step={1} value={local} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value ? new Date(event.target.value).toISOString() : undefined)} />;
}

export function toLocal(at: Date): string {
  if (Number.isNaN(at.getTime())) return "";
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

export function DateWidget({ id, value, onChange, required, disabled }: WidgetProps) {
  return <Input id={id} type="date" value={(value as string | undefined) ?? ""} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value || undefined)} />;
}

/** A file as base64 text, as scripts that take bytes want it. */
export function FileWidget({ id, onChange, required, disabled, value }: WidgetProps) {
  async function read(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0];
    onChange(file && (await base64Of(file)));
  }
  const text = typeof value === "string" ? value : "";
  return (
    <div className="flex flex-col gap-1">
      <input id={id} type="file" className={INPUT} required={required && !value} disabled={disabled} onChange={(event) => void read(event)} />
      {text && <p className="text-[13px] text-muted">{bytes(sizeOf(text))} are filled in.</p>}
    </div>
  );
}

/** A statement, with its words in colours. */
export function SqlWidget({ id, value, onChange, disabled, label }: WidgetProps) {
  return (
    <div id={id} className="h-40 overflow-hidden rounded-md border border-line-strong focus-within:outline-2 focus-within:outline-accent">
      <Editor label={label} language="postgresql" value={(value as string | undefined) ?? ""} readOnly={disabled ?? false} onChange={(text) => onChange(text || undefined)} />
    </div>
  );
}

/** Picks a resource of a type; the value is `$res:<path>`. */
export function ResourceWidget({ id, value, onChange, required, disabled, schema }: WidgetProps) {
  const workspace = useWorkspace();
  const type = String(schema.format ?? "").replace(/^resource-/, "");
  const found = useQuery(resourcesOfType(workspace, type));
  const paths = (found.data ?? []).map((each) => `$res:${each.path}`);
  const text = typeof value === "string" ? value : "";
  return (
    <Select id={id} value={text} required={required} disabled={disabled} onChange={(event) => onChange(event.target.value || undefined)}>
      <option value="">{found.isPending ? "Loading…" : paths.length ? `Choose a ${type}…` : `There is no ${type} resource yet`}</option>
      {[...new Set(text ? [text, ...paths] : paths)].map((path) => (
        <option key={path} value={path}>
          {path.replace("$res:", "")}
        </option>
      ))}
    </Select>
  );
}

/** Any JSON: for objects without fields, and for what may be of several types. */
export function JsonWidget({ id, value, onChange, disabled }: Pick<WidgetProps, "id" | "value" | "onChange" | "disabled">) {
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  const [fault, setFault] = useState("");
  function read(now: string) {
    setText(now);
    try {
      onChange(now.trim() === "" ? undefined : JSON.parse(now));
      setFault("");
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  }
  return (
    <div>
      <TextArea id={id} rows={4} className="font-mono" spellCheck={false} value={text} disabled={disabled} placeholder="JSON" aria-invalid={fault ? true : undefined} data-fault={fault || undefined} aria-describedby={fault ? `${id}-fault` : undefined} onChange={(event) => read(event.target.value)} />
      {fault && (
        <p id={`${id}-fault`} className="text-[13px] text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}
