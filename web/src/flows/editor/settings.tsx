/** What can be said of a step beside what it runs. */
import { EMPTY_SCHEMA, FAILURE, isLoop, PREPROCESSOR, type Limits, type Retry, type Step, type Stop, type Suspend } from "@/flow/model";
import { Field, Input, Select } from "@/ui/field";

import { AmountField, Check, NamesField, NumberField, Section, Segments } from "./controls";
import { ExpressionInput } from "./expression";
import { OF_FAILURE, OF_LOOPS, OF_RESULT, type Names } from "./known";
import { JsonField } from "./json-field";
import { SchemaEditor } from "./schema-editor";

export interface StepFormProps {
  step: Step;
  /** `mark`: what is being typed. */
  onChange: (step: Step, mark: string) => void;
}

export function StepSettings({ step, onChange }: StepFormProps) {
  const set = (change: Partial<Step>, mark = "") => onChange({ ...step, ...change }, mark && `${mark} ${step.id}`);
  const isApart = step.id === FAILURE || step.id === PREPROCESSOR;
  return (
    <div>
      <Retries retry={step.retry} onChange={(retry, mark) => set({ retry }, mark)} />
      {!isApart && (
        <>
          <Section title="Go on when it fails" hint="The next step runs, and sees the error as the previous result." on={step.continue_on_error ?? false} onToggle={(on) => set({ continue_on_error: on || undefined })} />
          <StopSection title="Stop early" hint={isLoop(step) ? "Looked at after each iteration: ends the loop." : "Looked at after the step: ends the flow, or the iteration that it is in."} names={isLoop(step) ? OF_LOOPS : OF_RESULT} stop={step.stop_after_if} onChange={(stop_after_if, mark) => set({ stop_after_if }, mark)} />
          {(isLoop(step) || step.value.type === "branchall") && <StopSection title="Stop after all of it" names={OF_LOOPS} hint="Looked at with all results." stop={step.stop_after_all_iters_if} onChange={(stop_after_all_iters_if, mark) => set({ stop_after_all_iters_if }, mark)} />}
          <Section title="Skip" hint="It is not run, and passes on the previous result." on={step.skip_if !== undefined} onToggle={(on) => set({ skip_if: on ? { expr: "" } : undefined })}>
            <ExpressionInput label="Skip if" value={step.skip_if?.expr ?? ""} onChange={(expr) => set({ skip_if: { expr } }, "skip")} placeholder="previous_result.length === 0" />
          </Section>
          <Approval suspend={step.suspend} onChange={(suspend, mark) => set({ suspend }, mark)} />
          <Section title="Wait before it" on={step.sleep !== undefined} onToggle={(on) => set({ sleep: on ? 10 : undefined })}>
            <AmountField label="Seconds to wait" value={step.sleep} onChange={(sleep) => set({ sleep: sleep ?? 0 }, "sleep")} />
          </Section>
        </>
      )}
      <Section title="Time limit" on={step.timeout !== undefined} onToggle={(on) => set({ timeout: on ? 60 : undefined })}>
        <AmountField label="Seconds it may take" value={step.timeout} onChange={(timeout) => set({ timeout: timeout ?? 0 }, "timeout")} />
      </Section>
      {!isApart && (
        <>
          <Section title="Keep its result" hint="For the same arguments it is given again." on={step.cache_ttl !== undefined} onToggle={(on) => set({ cache_ttl: on ? 600 : undefined })}>
            <NumberField label="Seconds" value={step.cache_ttl} min={1} onChange={(cache_ttl) => set({ cache_ttl: cache_ttl ?? 0 }, "cache")} />
          </Section>
          <Section title="Give a value instead of running" hint="While the rest of the flow is tried out." on={step.mock?.enabled ?? false} onToggle={(on) => set({ mock: on ? { return_value: null, ...step.mock, enabled: true } : step.mock && { ...step.mock, enabled: false } })}>
            <JsonField label="The value (JSON)" value={step.mock?.return_value} onChange={(return_value) => set({ mock: { enabled: true, return_value } }, "mock")} />
          </Section>
        </>
      )}
      {step.value.type === "rawscript" && <Limit title="At most so many at once" limits={step.value} onChange={(limits, mark) => step.value.type === "rawscript" && set({ value: { ...step.value, ...limits } }, mark)} />}
      <Placement step={step} set={set} />
    </div>
  );
}

function Retries({ retry, onChange }: { retry: Retry | undefined; onChange: (retry: Retry | undefined, mark: string) => void }) {
  const kind = retry?.exponential?.attempts ? "exponential" : "constant";
  const at = retry?.[kind] ?? {};
  const put = (change: object) => onChange({ ...retry, [kind]: { ...at, ...change } }, "retry");
  const isBoth = Boolean(retry?.constant?.attempts && retry.exponential?.attempts);
  return (
    <Section title="Repeat when it fails" on={retry !== undefined} onToggle={(on) => onChange(on ? { constant: { attempts: 3, seconds: 5 } } : undefined, "")}>
      {isBoth ? (
        <JsonField label="Both kinds of repeats (JSON)" value={retry as never} onChange={(next) => onChange(next as unknown as Retry, "retry")} />
      ) : (
        <>
          <Segments
            label="The wait between"
            value={kind}
            onChange={(next) => onChange({ retry_if: retry?.retry_if, ...(next === "constant" ? { constant: { attempts: at.attempts ?? 3, seconds: at.seconds ?? 5 } } : { exponential: { attempts: at.attempts ?? 3, multiplier: 1, seconds: at.seconds ?? 2 } }) }, "")}
            options={[["constant", "The same wait"], ["exponential", "A wait that grows"]]}
          />
          <div className="grid grid-cols-2 gap-3">
            <NumberField label="Repeats at most" min={1} max={1000} value={at.attempts} onChange={(attempts) => put({ attempts: attempts ?? 1 })} />
            <NumberField label={kind === "constant" ? "Wait (seconds)" : "Base of the wait (seconds)"} value={at.seconds} onChange={(seconds) => put({ seconds: seconds ?? 0 })} />
            {kind === "exponential" && <NumberField label="Factor" value={retry?.exponential?.multiplier} onChange={(multiplier) => put({ multiplier: multiplier ?? 1 })} />}
            {kind === "exponential" && <NumberField label="By chance (± %)" max={100} value={retry?.exponential?.random_factor} onChange={(random_factor) => put({ random_factor })} />}
          </div>
        </>
      )}
      <Check on={retry?.retry_if !== undefined} onChange={(on) => onChange({ ...retry, retry_if: on ? { expr: "" } : undefined }, "")}>
        Only if
      </Check>
      {retry?.retry_if && <ExpressionInput label="Repeat only if" names={OF_FAILURE} value={retry.retry_if.expr} onChange={(expr) => onChange({ ...retry, retry_if: { expr } }, "retry if")} placeholder="error.name !== 'ValueError'" />}
    </Section>
  );
}

function StopSection({ title, hint, names, stop, onChange }: { title: string; hint: string; names: Names; stop: Stop | undefined; onChange: (stop: Stop | undefined, mark: string) => void }) {
  const ends = stop?.error_message !== undefined && stop.error_message !== null ? "failure" : stop?.skip_if_stopped ? "skipped" : "success";
  return (
    <Section title={title} hint={hint} on={stop !== undefined} onToggle={(on) => onChange(on ? { expr: "", skip_if_stopped: false } : undefined, "")}>
      <ExpressionInput label={`${title} if`} names={names} value={stop?.expr ?? ""} onChange={(expr) => onChange({ ...stop!, expr }, title)} placeholder="result.length === 0" />
      <Field label="It then counts as">
        {(given) => (
          <Select
            {...given}
            value={ends}
            onChange={(event) => onChange({ expr: stop?.expr ?? "", skip_if_stopped: event.target.value === "skipped", ...(event.target.value === "failure" ? { error_message: "" } : {}) }, "")}
          >
            <option value="success">succeeded</option>
            <option value="skipped">skipped</option>
            <option value="failure">failed</option>
          </Select>
        )}
      </Field>
      {ends === "failure" && <Field label="Message of the error">{(given) => <Input {...given} value={stop?.error_message ?? ""} onChange={(event) => onChange({ ...stop!, error_message: event.target.value }, `${title} message`)} />}</Field>}
    </Section>
  );
}

function Approval({ suspend, onChange }: { suspend: Suspend | undefined; onChange: (suspend: Suspend | undefined, mark: string) => void }) {
  const set = (change: Partial<Suspend>, mark = "") => onChange({ ...suspend, ...change }, mark);
  const groups = suspend?.user_groups_required;
  return (
    <Section title="Wait for approvals after it" hint="The flow goes on once enough people have approved, and costs nothing until then." on={suspend !== undefined} onToggle={(on) => onChange(on ? { required_events: 1 } : undefined, "")}>
      <NumberField label="Approvals that are wanted" min={1} max={1000} value={suspend?.required_events ?? 1} onChange={(required_events) => set({ required_events: required_events ?? 1 }, "approvals")} />
      <AmountField label="Seconds to wait at most" hint="Empty: for ever." value={suspend?.timeout} onChange={(timeout) => set({ timeout }, "approval timeout")} />
      <Check on={suspend?.continue_on_disapprove_timeout ?? false} onChange={(on) => set({ continue_on_disapprove_timeout: on })} hint="The next step sees resume.error.">
        Go on also when it is disapproved, or nobody answers in time
      </Check>
      <Check on={suspend?.user_auth_required ?? false} onChange={(on) => set({ user_auth_required: on })}>
        Only members who are signed in may answer
      </Check>
      <Check on={suspend?.self_approval_disabled ?? false} onChange={(on) => set({ self_approval_disabled: on })}>
        Not whoever the flow runs as
      </Check>
      <Check on={suspend?.hide_cancel ?? false} onChange={(on) => set({ hide_cancel: on })}>
        The page shows no way to disapprove
      </Check>
      <Check on={groups !== undefined} onChange={(on) => set({ user_groups_required: on ? { type: "static", value: [] } : undefined })}>
        Only members of certain groups
      </Check>
      {groups?.type === "static" && (
        <NamesField label="Groups" hint="Names, with commas between." value={Array.isArray(groups.value) ? groups.value.map(String) : []} onChange={(names) => set({ user_groups_required: { type: "static", value: names } }, "groups")} />
      )}
      {groups?.type === "javascript" && <ExpressionInput label="Groups" value={groups.expr} onChange={(expr) => set({ user_groups_required: { type: "javascript", expr } }, "groups")} />}
      <div>
        <h4 className="mb-1.5 text-[13px] font-medium">Form of the page</h4>
        <SchemaEditor noun="field" schema={suspend?.resume_form?.schema ?? EMPTY_SCHEMA} onChange={(schema, mark) => set({ resume_form: { schema } }, mark)} />
      </div>
    </Section>
  );
}

export function Limit({ title, limits, onChange }: { title: string; limits: Limits; onChange: (limits: Limits, mark: string) => void }) {
  const key = limits.custom_concurrency_key ?? limits.concurrency_key;
  return (
    <Section title={title} on={Boolean(limits.concurrent_limit)} onToggle={(on) => onChange({ concurrent_limit: on ? 1 : undefined, concurrency_time_window_s: undefined, custom_concurrency_key: undefined, concurrency_key: undefined }, "")}>
      <div className="grid grid-cols-2 gap-3">
        <NumberField label="At most" min={1} value={limits.concurrent_limit} onChange={(concurrent_limit) => onChange({ concurrent_limit: concurrent_limit ?? 1 }, "limit")} />
        <NumberField label="Within (seconds)" hint="Empty: at the same time." value={limits.concurrency_time_window_s} onChange={(concurrency_time_window_s) => onChange({ concurrency_time_window_s }, "window")} />
      </div>
      <Field label="Shared by all under this key" hint="Empty: its own.">
        {(given) => <Input {...given} className="font-mono" value={key ?? ""} onChange={(event) => onChange({ custom_concurrency_key: event.target.value || undefined, concurrency_key: undefined }, "key")} />}
      </Field>
    </Section>
  );
}

function Placement({ step, set }: { step: Step; set: (change: Partial<Step>, mark?: string) => void }) {
  const { value } = step;
  const tag = value.type === "rawscript" ? value.tag : value.type === "script" ? value.tag_override : undefined;
  function setTag(text: string) {
    if (value.type === "rawscript") set({ value: { ...value, tag: text || undefined } }, "tag");
    if (value.type === "script") set({ value: { ...value, tag_override: text || undefined } }, "tag");
  }
  return (
    <section className="flex flex-col gap-3 px-3 py-2.5">
      <div className="grid grid-cols-2 gap-3">
        <NumberField label="Priority" hint="1 to 100, in the queue." max={100} value={step.priority} onChange={(priority) => set({ priority: priority || undefined }, "priority")} />
        {(value.type === "rawscript" || value.type === "script") && <Field label="Tag" hint="Of the workers that run it.">{(given) => <Input {...given} className="font-mono" value={tag ?? ""} onChange={(event) => setTag(event.target.value)} />}</Field>}
      </div>
      <Check on={step.delete_after_use ?? false} onChange={(on) => set({ delete_after_use: on || undefined })} hint="Arguments, result and log are erased once the flow is over.">
        Erase what it held
      </Check>
    </section>
  );
}
