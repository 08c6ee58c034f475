/** What can be said of a flow as a whole. */
import type { Debounce, Flow, FlowValue } from "@/flow/model";
import type { Value } from "@/results/value";
import { Field, Input, Select, TextArea } from "@/ui/field";

import { NamesField, NumberField, Section } from "./controls";
import { ExpressionInput } from "./expression";
import { JsonField } from "./json-field";
import { Limit } from "./settings";

interface FlowSettingsProps {
  flow: Flow;
  onChange: (change: (flow: Flow) => Flow, mark: string) => void;
}

export function FlowSettings({ flow, onChange }: FlowSettingsProps) {
  const { value } = flow;
  const set = (change: Partial<FlowValue>, mark = "") => onChange((now) => ({ ...now, value: { ...now.value, ...change } }), mark);
  return (
    <div>
      <section className="flex flex-col gap-3 border-b border-line px-3 py-2.5">
        <Field label="Summary">{(given) => <Input {...given} value={flow.summary} onChange={(event) => onChange((now) => ({ ...now, summary: event.target.value }), "summary")} />}</Field>
        <Field label="Description">{(given) => <TextArea {...given} rows={3} value={flow.description} onChange={(event) => onChange((now) => ({ ...now, description: event.target.value }), "description")} />}</Field>
      </section>
      <Section title="All steps on one worker" hint="They share the directory ./shared. A worker that is lost takes it along: the flow then fails." on={value.same_worker ?? false} onToggle={(on) => set({ same_worker: on || undefined })} />
      <Section title="Steps keep their tags" hint="Without it a flow that has a tag of its own runs on that tag as a whole." on={value.preserve_step_tags ?? false} onToggle={(on) => set({ preserve_step_tags: on || undefined })} />
      <Section title="Skip" hint="Looked at before the flow begins; its result is its input." on={value.skip_expr !== undefined} onToggle={(on) => set({ skip_expr: on ? "" : undefined })}>
        <ExpressionInput label="Skip the flow if" value={value.skip_expr ?? ""} onChange={(skip_expr) => set({ skip_expr }, "skip flow")} />
      </Section>
      <Limit title="At most so many runs at once" limits={value} onChange={(limits, mark) => set(limits, mark && `flow ${mark}`)} />
      <Debouncing value={value} set={set} />
      <Section title="Keep its result" hint="It is given again for the same version, arguments and person." on={value.cache_ttl !== undefined} onToggle={(on) => set({ cache_ttl: on ? 600 : undefined })}>
        <NumberField label="Seconds" min={1} value={value.cache_ttl} onChange={(cache_ttl) => set({ cache_ttl: cache_ttl ?? 0 }, "flow cache")} />
      </Section>
      <Section title="Answer early" hint="Who waits for the result gets that of a step as soon as it has succeeded; the flow goes on." on={value.early_return !== undefined} onToggle={(on) => set({ early_return: on ? value.modules[0]?.id : undefined })}>
        <Field label="Step">
          {(given) => (
            <Select {...given} value={value.early_return ?? ""} onChange={(event) => set({ early_return: event.target.value })}>
              {value.modules.map((each) => (
                <option key={each.id}>{each.id}</option>
              ))}
            </Select>
          )}
        </Field>
      </Section>
      <Section title="Constants" hint="Expressions see them as flow_env." on={value.flow_env !== undefined} onToggle={(on) => set({ flow_env: on ? {} : undefined })}>
        <JsonField label="Values by name (JSON)" value={value.flow_env as Value | undefined} onChange={(next) => set({ flow_env: next as Record<string, Value> }, "constants")} />
      </Section>
      <section className="flex flex-col gap-3 px-3 py-2.5">
        <NumberField label="Priority" hint="1 to 100, in the queue." max={100} value={value.priority} onChange={(priority) => set({ priority: priority || undefined }, "flow priority")} />
      </section>
    </div>
  );
}

const NO_DEBOUNCE: Debounce = { debounce_delay_s: undefined, debounce_key: undefined, debounce_args_to_accumulate: undefined, max_total_debouncing_time: undefined, max_total_debounces_amount: undefined };

function Debouncing({ value, set }: { value: Debounce; set: (change: Debounce, mark?: string) => void }) {
  return (
    <Section title="Wait for newer calls" hint="A newer call takes the place of the one that waits." on={value.debounce_delay_s !== undefined} onToggle={(on) => set(on ? { debounce_delay_s: 10 } : NO_DEBOUNCE)}>
      <NumberField label="Wait (seconds)" min={1} value={value.debounce_delay_s} onChange={(debounce_delay_s) => set({ debounce_delay_s: debounce_delay_s ?? 1 }, "debounce")} />
      <NamesField label="Lists to put together" hint="Names of arguments, with commas. The run gets what all calls sent." className="font-mono" value={value.debounce_args_to_accumulate ?? []} onChange={(names) => set({ debounce_args_to_accumulate: names.length ? names : undefined }, "debounce lists")} />
      <Field label="Calls are the same by this key" hint="Empty: by their arguments. $args[name] is filled in.">
        {(given) => <Input {...given} className="font-mono" value={value.debounce_key ?? ""} onChange={(event) => set({ debounce_key: event.target.value || undefined }, "debounce key")} />}
      </Field>
      <div className="grid grid-cols-2 gap-3">
        <NumberField label="At most (seconds)" min={1} value={value.max_total_debouncing_time} onChange={(max_total_debouncing_time) => set({ max_total_debouncing_time }, "debounce time")} />
        <NumberField label="At most (calls)" min={1} value={value.max_total_debounces_amount} onChange={(max_total_debounces_amount) => set({ max_total_debounces_amount }, "debounce calls")} />
      </div>
    </Section>
  );
}
