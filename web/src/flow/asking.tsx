/** What a flow asks its members just now, where it does. */
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { Ask } from "./ask";
import { answerAsMember, askedQuery, runKeys } from "./queries";

/** `isLikely`: a step that is looked at waits for an answer. */
export function Asking({ workspace, flow, isLikely, hasEnded }: { workspace: string; flow: string; isLikely: boolean; hasEnded: boolean }) {
  const queries = useQueryClient();
  const asked = useQuery({ ...askedQuery(workspace, flow), enabled: isLikely && !hasEnded });
  if (!isLikely || hasEnded || !asked.data) return null;
  return (
    <section aria-label="Approval" className="flex flex-col gap-3 rounded-lg border border-warn bg-panel p-4">
      <h2 className="font-semibold">{asked.data.step_summary ?? "The flow waits for an answer"}</h2>
      <div className="max-w-2xl">
        <Ask asked={asked.data} send={(approved, payload) => answerAsMember(workspace, flow, approved, payload)} then={() => void queries.invalidateQueries({ queryKey: runKeys.approval(workspace, flow) })} />
      </div>
    </section>
  );
}
