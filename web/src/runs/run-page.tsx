/** One run: what came in, what came out, what it cost. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, type ReactNode } from "react";

import { useWorkspace } from "@/app/workspace";
import { JobPanels } from "@/job/panel";
import { argsQuery, jobQuery, type Job } from "@/job/queries";
import { ResultView } from "@/results/view";
import { buttonClass } from "@/ui/button";
import { PageHead, Panel } from "@/ui/panel";
import { Loading, Shown } from "@/ui/states";
import { Ago, bytes, duration } from "@/ui/time";

import { RunAgain } from "./again";
import { Attempts, Touched } from "./traces";

const FlowRunPage = lazy(() => import("@/flow/run-page"));
const WorkflowRun = lazy(() => import("@/flow/workflow-run"));
const FLOWS = ["flow", "flowpreview", "singlestepflow", "flownode"];

export function RunPage() {
  const workspace = useWorkspace();
  const { id } = useParams({ from: "/w/$workspace/runs/$id" });
  const job = useQuery(jobQuery(workspace, id));
  return (
    <Shown query={job} what="the run">
      {(found) =>
        FLOWS.includes(found.job_kind) ? (
          <Suspense fallback={<Loading what="the flow" />}>
            <FlowRunPage workspace={workspace} job={found} actions={found.job_kind !== "flownode" && <RunAgain workspace={workspace} job={found} />} />
          </Suspense>
        ) : (
          <ScriptRun workspace={workspace} job={found} />
        )
      }
    </Shown>
  );
}

function ScriptRun({ workspace, job }: { workspace: string; job: Job }) {
  const args = useQuery(argsQuery(workspace, job.id));
  const mayBeWorkflow = job.language === "python3" && (job.workflow_as_code_status !== undefined || job.type !== "CompletedJob");
  return (
    <>
      <PageHead
        title={job.script_path ?? job.job_kind}
        hint={<code>{job.id}</code>}
        actions={
          <>
            {(job.job_kind === "script" || job.job_kind === "preview") && <RunAgain workspace={workspace} job={job} />}
            {job.parent_job && (
              <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job.parent_job }} className={buttonClass()}>
                What started it
              </Link>
            )}
            {job.schedule_path && (
              <Link to="/w/$workspace/schedules/p/$" params={{ workspace, _splat: job.schedule_path }} className={buttonClass()}>
                Its schedule
              </Link>
            )}
            {job.job_kind === "script" && job.script_path && (
              <Link to="/w/$workspace/scripts/p/$" params={{ workspace, _splat: job.script_path }} className={buttonClass()}>
                Open the script
              </Link>
            )}
          </>
        }
      />
      <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)] lg:px-6">
        <div className="flex min-w-0 flex-col gap-4">
          {mayBeWorkflow && (
            <Suspense fallback={null}>
              <WorkflowRun workspace={workspace} job={job.id} hasEnded={job.type === "CompletedJob"} />
            </Suspense>
          )}
          <JobPanels workspace={workspace} id={job.id} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="About">
            <Facts job={job} />
          </Panel>
          <Panel title="Arguments">
            <Shown query={args} what="the arguments">
              {(text) => <ResultView text={text} name="arguments" />}
            </Shown>
          </Panel>
          <Attempts workspace={workspace} id={job.id} />
          <Touched key={job.type} workspace={workspace} id={job.id} />
        </div>
      </div>
    </>
  );
}

function Facts({ job }: { job: Job }) {
  const facts: [string, ReactNode][] = [
    ["Started by", job.created_by],
    ["Runs as", job.permissioned_as],
    ["Created", <Ago key="created" at={job.created_at} />],
    ["Started", job.started_at ? <Ago key="started" at={job.started_at} /> : "not yet"],
    ["Took", job.type === "CompletedJob" ? duration(job.duration_ms ?? 0) : "…"],
    ["Peak memory", job.mem_peak ? bytes(job.mem_peak * 1024) : "–"],
    ["Language", job.language],
    ["Tag", job.tag],
    ["Worker", job.worker],
    ["Attempt", job.attempt],
  ];
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 truncate" title={typeof value === "string" ? value : undefined}>
            {value ?? "–"}
          </dd>
        </div>
      ))}
    </dl>
  );
}
