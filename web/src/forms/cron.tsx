/** A pattern of moments: what it says in words, and when it comes next on the reader's own clock. */
import type { WidgetProps } from "@rjsf/utils";

import { usePreview } from "@/cron/queries";
import { onClock, PATTERNS, wordsOf } from "@/cron/words";
import { Input, Select } from "@/ui/field";
import { useSettled } from "@/ui/settled";
import { wordsOf as wordsOfError } from "@/ui/states";

const SHOWN = 3;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export default function CronWidget({ id, value, onChange, disabled, label }: WidgetProps) {
  const text = typeof value === "string" ? value : "";
  const preview = usePreview(useSettled(text), HERE);
  const fault = text && preview.error ? wordsOfError(preview.error) : "";
  return (
    <div className="flex flex-col gap-1">
      <div className="flex gap-1">
        <Input
          id={id}
          className="font-mono"
          spellCheck={false}
          autoComplete="off"
          placeholder="0 0 9 * * mon-fri"
          value={text}
          disabled={disabled}
          aria-invalid={fault ? true : undefined}
          data-fault={fault || undefined}
          aria-describedby={`${id}-words`}
          onChange={(event) => onChange(event.target.value || undefined)}
        />
        <Select aria-label={`Patterns for ${label}`} className="!w-48" disabled={disabled} value={PATTERNS.some(([cron]) => cron === text) ? text : ""} onChange={(event) => event.target.value && onChange(event.target.value)}>
          <option value="">Your own</option>
          {PATTERNS.map(([cron, words]) => (
            <option key={cron} value={cron}>
              {words}
            </option>
          ))}
        </Select>
      </div>
      <div id={`${id}-words`} className="text-[13px]">
        {fault ? <p className="text-bad">{fault}</p> : <p className="text-muted">{wordsOf(text) || "second minute hour day-of-month month day-of-week"}</p>}
        {!fault && text && preview.data && (
          <ol aria-label={`Next moments of ${label}`} className="text-muted tabular-nums">
            {preview.data.slice(0, SHOWN).map((each) => (
              <li key={each}>{onClock(new Date(each), HERE)}</li>
            ))}
          </ol>
        )}
      </div>
    </div>
  );
}
