/** What a flow asks its members just now, where it does. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { Ask } from "./ask";
import { allSteps, type FlowValue } from "./model";
import { answerAsMember, askedQuery, runKeys } from "./queries";

export function Asking({ workspace, flow, value, hasEnded }: { workspace: string; flow: string; value: FlowValue; hasEnded: boolean }) {
  const mayAsk = useMemo(() => [...allSteps(value)].some((each) => each.suspend !== undefined || each.value.type === "flow"), [value]);
  return mayAsk && !hasEnded ? <Asked workspace={workspace} flow={flow} title="The flow waits for an answer" /> : null;
}

/** What is asked now; nothing where nothing is. */
export function Asked({ workspace, flow, title }: { workspace: string; flow: string; title: string }) {
  const queries = useQueryClient();
  const asked = useQuery(askedQuery(workspace, flow));
  if (asked.status !== "success") return null;
  return (
    <section aria-label="Approval" className="flex flex-col gap-3 rounded-lg border border-warn bg-panel p-4">
      <h2 className="font-semibold">{asked.data.step_summary ?? title}</h2>
      <div className="max-w-2xl">
        <Ask asked={asked.data} send={(approved, payload) => answerAsMember(workspace, flow, approved, payload)} then={() => void queries.invalidateQueries({ queryKey: runKeys.approval(workspace, flow) })} />
      </div>
    </section>
  );
}
