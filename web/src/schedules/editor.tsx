/** The form of a schedule, new or there already, beside its next occurrences. */
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";

import { usePreview } from "@/cron/queries";
import { knowsZone } from "@/cron/words";
import { ValueEditor } from "@/items/value-editor";
import { Field } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { useSettled } from "@/ui/settled";
import { Failure, Loading, NotSaved, wordsOf } from "@/ui/states";

import { faultsOf, type Draft, type Faults } from "./draft";
import { Around, When } from "./fields";
import { NextOccurrences } from "./occurrences";
import { schemaQuery } from "./queries";
import { TargetSelect } from "./target-select";

/** The form that a button saves, wherever it stands. */
export const FORM = "schedule-form";

interface EditorProps {
  workspace: string;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  /** Called when the form has no fault that can be told here. */
  onSave: () => void;
  error: unknown;
  /** Where it is put. */
  path?: ReactNode;
  hasPathFault?: boolean;
  onTried?: () => void;
  beside?: ReactNode;
}

export function ScheduleEditor({ workspace, draft, onDraft, onSave, error, path, hasPathFault = false, onTried, beside }: EditorProps) {
  const [isTried, setTried] = useState(false);
  const when = useSettled(`${draft.timezone.trim()}\n${draft.cron.trim()}`);
  const [timezone = "", cron = ""] = when.split("\n");
  const preview = usePreview(cron, timezone);
  const faults: Faults = { ...refusalOf(preview.error, timezone), ...faultsOf(draft) };
  if (!isTried) delete faults.target;
  const change = (changed: Partial<Draft>) => onDraft({ ...draft, ...changed });
  function tell() {
    setTried(true);
    onTried?.();
  }
  function save() {
    tell();
    if (!hasPathFault && Object.keys(faultsOf(draft)).length === 0) onSave();
  }
  return (
    <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
      <div className="flex min-w-0 flex-col gap-4">
        <NotSaved error={error} />
        {path && <Panel>{path}</Panel>}
        <When draft={draft} onDraft={change} faults={faults} />
        <Panel title="What">
          <Field label="Script or flow" error={faults.target}>
            {(given) => <TargetSelect {...given} none="Pick one" value={draft.target} onChange={(target) => change({ target })} />}
          </Field>
        </Panel>
        <Arguments workspace={workspace} draft={draft} onArgs={(args) => change({ args })} onSubmit={save} onRefused={tell} />
        <Around draft={draft} onDraft={change} faults={faults} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <NextOccurrences preview={preview} timezone={timezone} note={noteOf(draft)} />
        {beside}
      </div>
    </div>
  );
}

/** The server's words on a pattern or a zone, beside the field that they are about. */
function refusalOf(error: unknown, timezone: string): Faults {
  if (!error) return {};
  return knowsZone(timezone) ? { cron: wordsOf(error) } : { timezone: wordsOf(error) };
}

function noteOf(draft: Draft): string | undefined {
  if (!draft.enabled) return "It is switched off: it does not come.";
  return draft.pausedUntil ? "It is paused: it does not come before that moment." : undefined;
}

interface ArgumentsProps {
  workspace: string;
  draft: Draft;
  onArgs: (text: string) => void;
  onSubmit: () => void;
  onRefused: () => void;
}

function Arguments({ workspace, draft, onArgs, onSubmit, onRefused }: ArgumentsProps) {
  const schema = useQuery(schemaQuery(workspace, draft.target));
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  const hasForm = Object.keys(schema.data?.properties ?? {}).length > 0;
  if (hasForm || (draft.target && draft.args !== "{}" && !schema.isPending)) return <ValueEditor id={FORM} title="Arguments" schema={schema.data} text={draft.args} onText={onArgs} onSubmit={onSubmit} onRefused={onRefused} />;
  return (
    <Panel title="Arguments">
      <form id={FORM} onSubmit={submit} className="text-muted">
        {!draft.target ? "Its form appears when it is picked." : schema.isPending ? <Loading what="its form" /> : schema.error ? <Failure error={schema.error} what="Could not load its form" again={() => void schema.refetch()} /> : "It takes no arguments."}
      </form>
    </Panel>
  );
}
