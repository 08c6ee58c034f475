/** What runs when a scheduled run fails, recovers or succeeds, for schedules that name nothing themselves. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { NotSaved } from "@/ui/states";
import { toast } from "@/ui/toast";

import { setDefaultHandler, settingsKeys, targetsQuery, type DefaultHandler, type Handlers } from "./queries";

const KINDS = [
  { kind: "error", label: "When a run fails" },
  { kind: "recovery", label: "When it runs again after failures" },
  { kind: "success", label: "When a run succeeds" },
] as const;

/** As it is kept: each handler is JSON text. */
function keptOf(kept: Handlers, kind: string): Partial<DefaultHandler> {
  const text = kept[kind];
  return typeof text === "string" ? (JSON.parse(text) as Partial<DefaultHandler>) : {};
}

export function DefaultHandlers({ workspace, kept }: { workspace: string; kept: Handlers }) {
  return (
    <Panel title="Handlers of schedules">
      <p className="mb-3 text-muted">A script or flow that schedules call which name none of their own. It gets what failed, its error, and which schedule it was.</p>
      <div className="flex flex-col gap-4">
        {KINDS.map(({ kind, label }) => (
          <Handler key={`${kind} ${String(kept[kind])}`} workspace={workspace} kind={kind} label={label} kept={keptOf(kept, kind)} />
        ))}
      </div>
    </Panel>
  );
}

function Handler({ workspace, kind, label, kept }: { workspace: string; kind: DefaultHandler["handler_type"]; label: string; kept: Partial<DefaultHandler> }) {
  const targets = useQuery(targetsQuery(workspace));
  const queries = useQueryClient();
  const [path, setPath] = useState(kept.path ?? "");
  const [times, setTimes] = useState(String(kept.number_of_occurence ?? 1));
  const [isForAll, setForAll] = useState(false);
  const saved = useMutation({
    mutationFn: () => setDefaultHandler(workspace, { handler_type: kind, path: path || null, override_existing: isForAll, ...(kind === "success" || !path ? {} : { number_of_occurence: Number(times) }) }),
    meta: { quiet: true },
    onSuccess: async () => {
      toast("good", "The handler was set.");
      await queries.invalidateQueries({ queryKey: settingsKeys.workspace(workspace) });
    },
  });
  const isSame = path === (kept.path ?? "") && times === String(kept.number_of_occurence ?? 1);
  return (
    <form
      className="flex flex-wrap items-end gap-3 border-b border-line pb-4 last:border-0 last:pb-0"
      onSubmit={(event) => {
        event.preventDefault();
        saved.mutate();
      }}
    >
      <Field label={label} className="min-w-56 flex-1">
        {(given) => (
          <Select {...given} className="font-mono" value={path} onChange={(event) => setPath(event.target.value)}>
            <option value="">Nothing</option>
            {[...new Set([...(path ? [path] : []), ...(targets.data ?? [])])].map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        )}
      </Field>
      {kind !== "success" && (
        <Field label={kind === "error" ? "After failures" : "After successes"} className="w-32">
          {(given) => <Input {...given} type="number" min={1} step={1} required disabled={!path} value={times} onChange={(event) => setTimes(event.target.value)} />}
        </Field>
      )}
      <label className="flex h-8 items-center gap-1.5 text-[13px]">
        <input type="checkbox" className="accent-(--accent)" checked={isForAll} onChange={(event) => setForAll(event.target.checked)} /> also for the schedules that there are
      </label>
      <Button type="submit" busy={saved.isPending} disabled={isSame && !isForAll}>
        Set
      </Button>
      {saved.error && (
        <div className="w-full">
          <NotSaved error={saved.error} />
        </div>
      )}
    </form>
  );
}
