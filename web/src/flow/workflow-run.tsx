/** A run of a workflow in code: what it asks, and what it has come to, as it goes on. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { BellRing, Bookmark, Moon, Play } from "lucide-react";
import { useEffect } from "react";

import { workspaceUrl } from "@/api/client";
import { Panel } from "@/ui/panel";

import { Asked } from "./asking";
import { Bars } from "./bars";
import { paced } from "./paced";
import { workflowKey, workflowQuery } from "./queries";
import { asks, barsOf, type StepBar } from "./workflow";

const ICONS = { task: Play, step: Bookmark, sleep: Moon, approval: BellRing };
const KINDS = { task: "Task", step: "Step that is kept", sleep: "Sleep", approval: "Approval" };
const EVERY_MS = 300;
/** Nothing is told of steps while a round goes on, nor of its first one. */
const LOOK_EVERY_MS = 3000;

export default function WorkflowRun({ workspace, job, hasEnded }: { workspace: string; job: string; hasEnded: boolean }) {
  const found = useQuery({ ...workflowQuery(workspace, job, hasEnded), refetchInterval: hasEnded ? false : LOOK_EVERY_MS });
  const status = found.data ?? undefined;
  useChanges(workspace, job, status !== undefined && !hasEnded);
  if (!status) return null;
  const bars = barsOf(status, hasEnded).map((each) => ({ ...each, name: <Name bar={each} /> }));
  return (
    <>
      {!hasEnded && asks(status) && <Asked workspace={workspace} flow={job} title="The workflow waits for an answer" />}
      <Panel title="What it has come to" flush>
        {bars.length === 0 ? <p className="px-3 py-2.5 text-muted">Nothing yet: neither a task nor a step.</p> : <div style={{ height: Math.min(bars.length * 30 + 10, 320) }}><Bars workspace={workspace} bars={bars} /></div>}
      </Panel>
    </>
  );
}

function Name({ bar }: { bar: StepBar }) {
  const Icon = ICONS[bar.kind];
  return (
    <>
      <Icon size={13} className="shrink-0 text-muted" role="img" aria-label={KINDS[bar.kind]} /> <span className="truncate">{bar.name}</span>
    </>
  );
}

/** Loads anew when a round or a task has begun or ended. */
function useChanges(workspace: string, job: string, isOpen: boolean) {
  const queries = useQueryClient();
  useEffect(() => {
    if (!isOpen) return;
    const look = paced(EVERY_MS, () => queries.invalidateQueries({ queryKey: workflowKey(workspace, job) }));
    const source = new EventSource(workspaceUrl(workspace, "jobs_u/flow_changes_sse", job));
    source.onmessage = (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as { type: string; jobs?: string[]; completed?: boolean };
      if (told.type === "not_found" || told.completed) source.close();
      if (told.jobs?.length) look.call();
    };
    return () => {
      source.close();
      look.end();
    };
  }, [workspace, job, isOpen, queries]);
}
