/** Workers, and what waits for them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { cancelJob } from "@/job/queries";
import { StateBadge, stateOf } from "@/job/state";
import { Badge } from "@/ui/badge";
import { IconButton } from "@/ui/button";
import { PageHead, Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Table } from "@/ui/table";
import { Ago, bytes } from "@/ui/time";

import { queueQuery, SHOWN, workerKeys, workersQuery, type Queued, type Worker } from "./queries";
import { unserved } from "./tags";

const LATE_S = 60;

export function WorkersPage() {
  const workspace = useWorkspace();
  const workers = useQuery(workersQuery);
  const queue = useQuery(queueQuery(workspace));
  const missing = workers.data && queue.data ? unserved(queue.data, workers.data) : [];
  return (
    <>
      <PageHead title="Workers" hint="Who runs the jobs, and what of this workspace waits or runs." />
      <div className="flex flex-col gap-4 px-4 pb-8 lg:px-6">
        {missing.length > 0 && (
          <p role="status" className="rounded-md border border-warn/40 bg-warn-soft p-3 text-warn">
            Jobs wait for a worker that serves {missing.map((each) => `“${each}”`).join(", ")}. Start one with these tags (<code>TIDEMILL_WORKER_TAGS</code>), or cancel the jobs and run them with another tag.
          </p>
        )}
        <Panel title="Workers" flush>
          <Shown query={workers} what="the workers">
            {(found) => (found.length ? <Workers found={found} /> : <p className="p-3 text-muted">No worker showed itself in the last five minutes. Start one: tidemill worker.</p>)}
          </Shown>
        </Panel>
        <Panel title="Queue" flush>
          <Shown query={queue} what="the queue">
            {(found) => (found.length ? <Queue workspace={workspace} found={found} missing={missing} /> : <p className="p-3 text-muted">Nothing waits or runs.</p>)}
          </Shown>
        </Panel>
      </div>
    </>
  );
}

function Workers({ found }: { found: Worker[] }) {
  return (
    <Table label="Workers" heads={["Name", "State", "Group", "Tags", "Jobs", "Memory", "Isolation", "Version", "Since"]}>
      {found.map((each) => (
        <tr key={each.worker}>
          <td className="font-mono text-xs whitespace-nowrap">
            {each.worker}
            {each.worker_instance && <span className="block text-muted">{each.worker_instance}</span>}
          </td>
          <td>{each.draining ? <Badge tone="warn">finishing</Badge> : each.last_ping > LATE_S ? <Badge tone="bad">silent for {Math.round(each.last_ping)} s</Badge> : <Badge tone="good">alive</Badge>}</td>
          <td className="whitespace-nowrap">{each.worker_group}</td>
          <td className="min-w-56">
            <span className="flex flex-wrap gap-1">
              {each.custom_tags.map((tag) => (
                <Badge key={tag}>{tag}</Badge>
              ))}
            </span>
          </td>
          <td className="tabular-nums">{each.jobs_executed}</td>
          <td className="whitespace-nowrap tabular-nums">{each.memory_usage ? bytes(each.memory_usage) : "–"}</td>
          <td>{each.job_isolation === "none" ? <Badge tone="bad">none</Badge> : each.job_isolation}</td>
          <td className="whitespace-nowrap">{each.wm_version}</td>
          <td className="text-[13px] text-muted">
            <Ago at={each.started_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Queue({ workspace, found, missing }: { workspace: string; found: Queued[]; missing: string[] }) {
  return (
    <>
      <Table label="Queue" heads={["State", "What", "Tag", "By", "Since", "Cancel"]}>
        {found.map((each) => (
          <tr key={each.id}>
            <td>{each.suspend ? <Badge>waits for an answer</Badge> : <StateBadge state={stateOf(each)} />}</td>
            <td className="max-w-96 min-w-40 truncate">
              <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.id }} className="text-accent underline">
                {each.script_path ?? each.job_kind}
              </Link>
            </td>
            <td>
              <Badge tone={missing.includes(each.tag) ? "warn" : "neutral"}>{each.tag}</Badge>
            </td>
            <td className="text-[13px] text-muted">{each.created_by}</td>
            <td className="text-[13px] text-muted">
              <Ago at={each.created_at} />
            </td>
            <td>
              <Cancel workspace={workspace} job={each} />
            </td>
          </tr>
        ))}
      </Table>
      {found.length === SHOWN && <p className="border-t border-line p-3 text-[13px] text-muted">The oldest {SHOWN} are shown; all are among the runs.</p>}
    </>
  );
}

function Cancel({ workspace, job }: { workspace: string; job: Queued }) {
  const queries = useQueryClient();
  const canceled = useMutation({ mutationFn: () => cancelJob(workspace, job.id), onSettled: () => queries.invalidateQueries({ queryKey: workerKeys.queue(workspace) }) });
  return (
    <IconButton label={`Cancel ${job.script_path ?? job.job_kind}`} busy={canceled.isPending} onClick={() => canceled.mutate()}>
      <X size={14} aria-hidden />
    </IconButton>
  );
}
