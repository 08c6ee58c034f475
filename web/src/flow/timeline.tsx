/** When each job of a flow ran; those that it started stand below it. */
import { useQuery } from "@tanstack/react-query";

import { Shown } from "@/ui/states";

import { Bars, type Bar } from "./bars";
import { treeQuery, type TreeEntry } from "./queries";

export function Timeline({ workspace, flow }: { workspace: string; flow: string }) {
  const tree = useQuery(treeQuery(workspace, flow));
  return (
    <Shown query={tree} what="the timeline">
      {(entries) => <Bars workspace={workspace} bars={entries.map(barOf)} />}
    </Shown>
  );
}

function barOf(each: TreeEntry): Bar {
  const from = each.started_at ? new Date(each.started_at).getTime() : undefined;
  const to = from === undefined || each.duration_ms === undefined ? undefined : from + each.duration_ms;
  return { key: each.job_id, name: nameOf(each), depth: each.depth, status: each.status, from, to, job: each.job_id };
}

function nameOf(each: TreeEntry): string {
  if (each.depth === 0) return "The whole flow";
  return each.sibling_count > 1 ? `${each.flow_step_id ?? ""} ${each.sibling_index}` : (each.flow_step_id ?? each.label);
}
