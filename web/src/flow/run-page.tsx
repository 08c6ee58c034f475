/** The page of a run that is a flow, or a level of one. */
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Square } from "lucide-react";
import type { ReactNode } from "react";

import { cancelJob, type Job } from "@/job/queries";
import { StateBadge, stateOf } from "@/job/state";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { PageHead } from "@/ui/panel";
import { Ago, duration } from "@/ui/time";

import { FlowRun } from "./run";

export default function FlowRunPage({ workspace, job, actions }: { workspace: string; job: Job; actions?: ReactNode }) {
  const canceled = useMutation({ mutationFn: () => cancelJob(workspace, job.id) });
  const { step } = useSearch({ from: "/w/$workspace/runs/$id" });
  const navigate = useNavigate();
  const choose = (next: string | undefined) => void navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id: job.id }, search: next === undefined ? {} : { step: next }, replace: true, resetScroll: false });
  const isDeployed = job.job_kind === "flow" && job.script_path !== undefined;
  return (
    <>
      <PageHead
        title={titleOf(job)}
        hint={
          <span className="flex flex-wrap items-center gap-2">
            {job.type === "QueuedJob" && job.suspend ? <Badge tone="warn">waits for an answer</Badge> : <StateBadge state={stateOf(job)} />}
            {job.type === "CompletedJob" && <span>{duration(job.duration_ms ?? 0)}</span>}
            <span>
              by {job.created_by}, <Ago at={job.created_at} />
            </span>
            {job.schedule_path && <Badge>{job.schedule_path}</Badge>}
            <code className="text-xs">{job.id}</code>
          </span>
        }
        actions={
          <>
            {actions}
            {job.parent_job && (
              <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job.parent_job }} className={buttonClass()}>
                What started it
              </Link>
            )}
            {isDeployed && (
              <Link to="/w/$workspace/flows/p/$" params={{ workspace, _splat: job.script_path! }} className={buttonClass()}>
                Open the flow
              </Link>
            )}
            {job.type !== "CompletedJob" && (
              <Button icon={<Square size={13} aria-hidden />} busy={canceled.isPending} onClick={() => canceled.mutate()}>
                Cancel
              </Button>
            )}
          </>
        }
      />
      <div className="px-4 pb-8 lg:px-6">
        <FlowRun key={job.id} workspace={workspace} id={job.id} kept={{ step, choose }} />
      </div>
    </>
  );
}

function titleOf(job: Job): string {
  if (job.job_kind === "flownode") return "Inside of a flow";
  return job.script_path ?? (job.job_kind === "flowpreview" ? "Test of a flow" : job.job_kind);
}
