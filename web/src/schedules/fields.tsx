/** What can be said of a schedule: when it comes, and what happens around its runs. */
import type { ReactNode } from "react";

import { PATTERNS, wordsOf } from "@/cron/words";
import { Field, Input, Select } from "@/ui/field";
import { Panel } from "@/ui/panel";

import type { Draft, Faults, Repeats } from "./draft";
import { TargetSelect } from "./target-select";

export interface FieldsProps {
  draft: Draft;
  onDraft: (change: Partial<Draft>) => void;
  faults: Faults;
}

const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];
const GRID = "grid gap-3 sm:grid-cols-2";

export function When({ draft, onDraft, faults }: FieldsProps) {
  return (
    <Panel title="When">
      <div className="flex flex-col gap-3">
        <div className={GRID}>
          <Field label="Pattern" error={faults.cron} hint={wordsOf(draft.cron) || "second minute hour day-of-month month day-of-week"}>
            {(given) => <Input {...given} className="font-mono" spellCheck={false} autoComplete="off" value={draft.cron} onChange={(event) => onDraft({ cron: event.target.value })} />}
          </Field>
          <Field label="Begin with" hint="Fills in the pattern.">
            {(given) => (
              <Select {...given} value={PATTERNS.some(([cron]) => cron === draft.cron) ? draft.cron : ""} onChange={(event) => event.target.value && onDraft({ cron: event.target.value })}>
                <option value="">A pattern of your own</option>
                {PATTERNS.map(([cron, words]) => (
                  <option key={cron} value={cron}>
                    {words}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Time zone" error={faults.timezone} hint="Its clocks decide, and their changes count.">
            {(given) => (
              <>
                <Input {...given} list="time-zones" spellCheck={false} autoComplete="off" value={draft.timezone} onChange={(event) => onDraft({ timezone: event.target.value })} />
                <datalist id="time-zones">
                  {ZONES.map((each) => (
                    <option key={each} value={each} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field label="Paused until" hint="In your own time zone.">
            {(given) => <Input {...given} type="datetime-local" value={draft.pausedUntil} onChange={(event) => onDraft({ pausedUntil: event.target.value })} />}
          </Field>
        </div>
        <Check on={draft.enabled} onChange={(enabled) => onDraft({ enabled })}>
          Enabled
        </Check>
      </div>
    </Panel>
  );
}

export function Around({ draft, onDraft, faults }: FieldsProps) {
  const amount = (label: string, field: "attempts" | "waitS" | "factor" | "failureTimes" | "recoveryTimes" | "catchUpS", hint?: string) => (
    <Field label={label} hint={hint} error={faults[field]}>
      {(given) => <Input {...given} inputMode="numeric" value={draft[field]} onChange={(event) => onDraft({ [field]: event.target.value })} />}
    </Field>
  );
  return (
    <>
      <Panel title="If a run fails">
        <div className={GRID}>
          <Field label="Repeat it" className="sm:col-span-2" hint={draft.target.startsWith("flow/") ? "A flow is repeated as a whole." : undefined}>
            {(given) => (
              <Select {...given} value={draft.repeats} onChange={(event) => onDraft({ repeats: event.target.value as Repeats })}>
                <option value="none">Not at all</option>
                <option value="constant">After the same wait each time</option>
                <option value="exponential">After a wait that grows</option>
                {draft.repeats === "kept" && <option value="kept">As it was set by the API</option>}
              </Select>
            )}
          </Field>
          {(draft.repeats === "constant" || draft.repeats === "exponential") && (
            <>
              {amount("Repeats at most", "attempts")}
              {amount(draft.repeats === "constant" ? "Wait (seconds)" : "Base of the wait (seconds)", "waitS", draft.repeats === "exponential" ? "The n-th wait is factor × base to the power of n." : undefined)}
              {draft.repeats === "exponential" && amount("Factor", "factor")}
            </>
          )}
          <Handler label="On failure, run" field="onFailure" draft={draft} onDraft={onDraft} />
          {draft.onFailure && amount("From so many failures in a row", "failureTimes")}
          {draft.onFailure && (
            <Check on={draft.failureExact} onChange={(failureExact) => onDraft({ failureExact })}>
              At that number only
            </Check>
          )}
          <Handler label="On recovery, run" field="onRecovery" draft={draft} onDraft={onDraft} />
          {draft.onRecovery && amount("After so many successes", "recoveryTimes")}
        </div>
      </Panel>
      <Panel title="More">
        <div className={GRID}>
          <Field label="Summary" className="sm:col-span-2">
            {(given) => <Input {...given} value={draft.summary} onChange={(event) => onDraft({ summary: event.target.value })} />}
          </Field>
          <Handler label="On success, run" field="onSuccess" draft={draft} onDraft={onDraft} />
          <Handler label="Ask before each run" field="dynamicSkip" draft={draft} onDraft={onDraft} hint="It is given scheduled_for, and returns true to skip." none="Nobody" />
          {amount("Catch up (seconds)", "catchUpS", "How long ago a missed occurrence may have been to still come.")}
          <Field label="Tag" hint="Of its jobs. Empty: that of the script.">
            {(given) => <Input {...given} className="font-mono" value={draft.tag} onChange={(event) => onDraft({ tag: event.target.value })} />}
          </Field>
          <div className="sm:col-span-2">
            <Check on={draft.noOverlap} onChange={(noOverlap) => onDraft({ noOverlap })}>
              Skip an occurrence while the run before goes on
            </Check>
          </div>
        </div>
      </Panel>
    </>
  );
}

interface HandlerProps extends Omit<FieldsProps, "faults"> {
  label: string;
  field: "onFailure" | "onRecovery" | "onSuccess" | "dynamicSkip";
  hint?: string;
  none?: string;
}

function Handler({ label, field, hint, none = "Nothing", draft, onDraft }: HandlerProps) {
  return (
    <Field label={label} hint={hint}>
      {(given) => <TargetSelect {...given} none={none} value={draft[field]} onChange={(target) => onDraft({ [field]: target })} />}
    </Field>
  );
}

function Check({ on, onChange, children }: { on: boolean; onChange: (on: boolean) => void; children: ReactNode }) {
  return (
    <label className="flex items-center gap-2">
      <input type="checkbox" className="size-4 accent-(--accent)" checked={on} onChange={(event) => onChange(event.target.checked)} />
      <span>{children}</span>
    </label>
  );
}
