/** Controls of the editor's forms. */
import { useId, useState, type ReactNode } from "react";

import type { Transform } from "@/flow/model";
import type { Value } from "@/results/value";
import { cls } from "@/ui/class";
import { Field, Input } from "@/ui/field";
import { Switch } from "@/ui/switch";

import { ExpressionInput } from "./expression";

/** A number that may be left out. */
export function NumberField({ label, value, onChange, hint, min = 0, max, className }: { label: string; value: number | undefined; onChange: (value: number | undefined) => void; hint?: string; min?: number; max?: number; className?: string }) {
  return (
    <Field label={label} hint={hint} className={className}>
      {(given) => <Input {...given} type="number" min={min} max={max} step={1} value={value ?? ""} onChange={(event) => onChange(Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber)} />}
    </Field>
  );
}

/** Names with commas between. It stays as it is typed until it is left: behind a comma there is no name yet. */
export function NamesField({ label, hint, value, onChange, className }: { label: string; hint: string; value: readonly string[]; onChange: (names: string[]) => void; className?: string }) {
  const [typed, setTyped] = useState<string>();
  function type(text: string) {
    setTyped(text);
    onChange(text.split(",").map((each) => each.trim()).filter(Boolean));
  }
  return (
    <Field label={label} hint={hint}>
      {(given) => <Input {...given} className={className} value={typed ?? value.join(", ")} onChange={(event) => type(event.target.value)} onBlur={() => setTyped(undefined)} />}
    </Field>
  );
}

export function Check({ on, onChange, children, hint }: { on: boolean; onChange: (on: boolean) => void; children: ReactNode; hint?: string }) {
  return (
    <label className="flex items-start gap-2">
      <input type="checkbox" className="mt-0.5 size-4 shrink-0 accent-(--accent)" checked={on} onChange={(event) => onChange(event.target.checked)} />
      <span>
        {children}
        {hint && <span className="block text-[13px] text-muted">{hint}</span>}
      </span>
    </label>
  );
}

/** A setting with fields of its own that are there while it is on. */
export function Section({ title, hint, on, onToggle, children }: { title: string; hint?: string; on: boolean; onToggle: (on: boolean) => void; children?: ReactNode }) {
  return (
    <section className="border-b border-line px-3 py-2.5 last:border-0">
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h3 className="font-medium">{title}</h3>
          {hint && <p className="text-[13px] text-muted">{hint}</p>}
        </div>
        <Switch label={title} on={on} onChange={onToggle} />
      </div>
      {on && children && <div className="mt-2 flex flex-col gap-3">{children}</div>}
    </section>
  );
}

/** One of a few, all of them in view. */
export function Segments<Id extends string>({ label, value, onChange, options }: { label: string; value: Id; onChange: (id: Id) => void; options: readonly (readonly [Id, string])[] }) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label={label} className="inline-flex w-fit rounded-md border border-line bg-sunken p-0.5">
      {options.map(([id, words]) => (
        <label key={id} className={cls("cursor-pointer rounded px-2 py-0.5 text-xs font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent", value === id ? "bg-panel text-ink shadow-xs" : "text-muted hover:text-ink")}>
          <input type="radio" name={name} className="sr-only" checked={value === id} onChange={() => onChange(id)} />
          {words}
        </label>
      ))}
    </div>
  );
}

/** Seconds or the like: a number, or an expression that gives one. */
export function AmountField({ label, value, onChange, hint }: { label: string; value: number | Transform | undefined; onChange: (value: number | Transform | undefined) => void; hint?: string }) {
  const isExpression = typeof value === "object" && value.type === "javascript";
  const number = typeof value === "number" ? value : typeof value === "object" && value.type === "static" ? numberOf(value.value) : undefined;
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex items-center justify-between gap-2">
        <span className="text-[13px] font-medium">{label}</span>
        <Segments label={`${label}: given as`} value={isExpression ? "expression" : "number"} onChange={(kind) => onChange(kind === "expression" ? { type: "javascript", expr: number === undefined ? "" : String(number) } : undefined)} options={[["number", "Number"], ["expression", "Expression"]]} />
      </div>
      {isExpression ? (
        <ExpressionInput label={label} value={value.expr} onChange={(expr) => onChange({ type: "javascript", expr })} />
      ) : (
        <Input type="number" aria-label={label} min={0} value={number ?? ""} onChange={(event) => onChange(Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber)} />
      )}
      {hint && <p className="text-[13px] text-muted">{hint}</p>}
    </div>
  );
}

function numberOf(value: Value | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
