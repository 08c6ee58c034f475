/** A step in a run: its job, its iterations, and the way to begin there again. */
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, History } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { Loading } from "@/ui/states";
import { duration } from "@/ui/time";

import { aroundOf } from "./edit";
import { JobRun } from "./job-run";
import { KindIcon, STATE_WORDS, StateIcon } from "./look";
import { isContainer, isLoop, nameOf, type FlowValue, type Step } from "./model";
import { restart } from "./queries";
import { restartAt, restartPath, type Children, type RestartAt, type Standing, type StepRun } from "./status";

interface StepRunProps {
  workspace: string;
  flow: string;
  value: FlowValue;
  step: Step;
  standing: Standing;
  /** How steps around a flow inside of the flow lead to it. */
  before?: RestartAt[];
  /** How many flows are opened in their places around it. */
  depth?: number;
  hasEnded: boolean;
  onPick: (index: number) => void;
}

const SubFlow = lazy(() => import("./sub-flow"));
/** Each flow that is open listens to the server, and browsers keep few lines open. */
const DEEPEST = 2;

export function StepRunPanel({ workspace, flow, value, step, standing, before = [], depth = 0, hasEnded, onPick }: StepRunProps) {
  const run = standing.steps.get(step.id);
  const path = () => [...before, ...restartPath(value, standing, aroundOf(value, step.id), step.id)];
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <Panel
        title={
          <span className="flex items-center gap-2">
            <KindIcon step={step} /> <span className="min-w-0 truncate">{nameOf(step)}</span> <code className="font-normal text-muted">{step.id}</code>
          </span>
        }
        actions={run && <RunLink workspace={workspace} run={run} step={step} />}
      >
        <div className="flex flex-col gap-3">
          <p className="flex flex-wrap items-center gap-2">
            <StateIcon state={run?.state ?? "waiting"} /> {STATE_WORDS[run?.state ?? "waiting"]}
            {run && run.retries.length > 0 && <Badge tone="warn">{run.retries.length === 1 ? "repeated once" : `repeated ${run.retries.length} times`}</Badge>}
            {run && run.approvers.length > 0 && <span className="text-muted">approved by {run.approvers.join(", ")}</span>}
          </p>
          {run && run.retries.length > 0 && <Tries workspace={workspace} jobs={run.retries} />}
          {run?.children && isLoop(step) && <Iterations all={run.children} onPick={onPick} />}
          {run?.branch !== undefined && <p className="text-muted">{step.value.type === "branchone" && run.branch < step.value.branches.length ? `Branch ${run.branch + 1} was chosen.` : "No condition held: the default was taken."}</p>}
          {hasEnded && run && <Restart workspace={workspace} flow={flow} value={value} step={step} standing={standing} before={before} run={run} />}
        </div>
      </Panel>
      {run?.job && !isContainer(step) && (step.value.type === "flow" && depth < DEEPEST ? (
          <Suspense fallback={<Loading what="the flow" />}>
            <SubFlow key={run.job} workspace={workspace} flow={flow} before={path()} job={run.job} name={nameOf(step)} depth={depth + 1} hasEnded={hasEnded} />
          </Suspense>
        ) : <JobRun key={run.job} workspace={workspace} job={run.job} />)}
    </div>
  );
}

function RunLink({ workspace, run, step }: { workspace: string; run: StepRun; step: Step }) {
  const job = run.children ? run.children.jobs[run.children.picked] : run.job;
  if (!job) return null;
  return (
    <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job }} className="text-[13px] text-accent hover:underline">
      Open the {isLoop(step) ? "iteration" : "run"}
    </Link>
  );
}

function Tries({ workspace, jobs }: { workspace: string; jobs: string[] }) {
  return (
    <ul className="flex flex-wrap gap-x-3 text-[13px]">
      {jobs.map((job, index) => (
        <li key={job}>
          <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job }} className="text-accent hover:underline">
            Failed try {index + 1}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function wordOf(success: boolean | null | undefined): string {
  return success === null || success === undefined ? "under way" : success ? "succeeded" : "failed";
}

const MOST_SQUARES = 200;

function Iterations({ all, onPick }: { all: Children; onPick: (index: number) => void }) {
  const failed = all.success.flatMap((each, index) => (each === false ? [index] : []));
  const count = all.jobs.length;
  if (count === 0) return <p className="text-muted">It has gone through nothing yet.</p>;
  const took = all.durations[all.picked];
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <Pager all={all} onPick={onPick} />
        <span className="text-[13px] text-muted">
          {wordOf(all.success[all.picked])}
          {took !== null && took !== undefined && ` in ${duration(took)}`}
          {failed.length > 0 && `, ${failed.length} of ${count} failed`}
        </span>
      </div>
      {count <= MOST_SQUARES && (
        <div className="flex flex-wrap gap-1">
          {all.jobs.map((job, index) => (
            <button
              key={job}
              type="button"
              aria-label={`Iteration ${index + 1}, ${wordOf(all.success[index])}`}
              aria-pressed={index === all.picked}
              onClick={() => onPick(index)}
              className={cls("size-6 rounded text-[11px] tabular-nums", all.success[index] === false ? "bg-bad-soft text-bad" : all.success[index] ? "bg-good-soft text-good" : "bg-accent-soft text-accent", index === all.picked && "ring-2 ring-accent")}
            >
              {index + 1}
            </button>
          ))}
        </div>
      )}
      {count > MOST_SQUARES && failed.length > 0 && (
        <Button small className="self-start" onClick={() => onPick(failed.find((each) => each > all.picked) ?? failed[0]!)}>
          Next that failed
        </Button>
      )}
    </div>
  );
}

export function Pager({ all, onPick, isSmall = false }: { all: Children; onPick: (index: number) => void; isSmall?: boolean }) {
  const count = all.jobs.length;
  const total = Math.max(count, all.total ?? 0);
  const size = isSmall ? "!h-4 !px-0.5" : "!h-7";
  return (
    <span className={cls("inline-flex items-center gap-0.5 tabular-nums", isSmall ? "text-[11px]" : "text-[13px]")}>
      <IconButton label="Iteration before" className={size} disabled={all.picked <= 0} onClick={() => onPick(all.picked - 1)}>
        <ChevronLeft size={isSmall ? 12 : 15} aria-hidden />
      </IconButton>
      {isSmall ? (
        <span className="text-muted">
          {count === 0 ? 0 : all.picked + 1} of {total}
        </span>
      ) : (
        <>
          <Input type="number" aria-label="Iteration" min={1} max={count} value={all.picked + 1} onChange={(event) => event.target.valueAsNumber >= 1 && event.target.valueAsNumber <= count && onPick(event.target.valueAsNumber - 1)} className="!h-7 !w-20" />
          <span className="px-1 text-muted">of {total}</span>
        </>
      )}
      <IconButton label="Next iteration" className={size} disabled={all.picked >= count - 1} onClick={() => onPick(all.picked + 1)}>
        <ChevronRight size={isSmall ? 12 : 15} aria-hidden />
      </IconButton>
    </span>
  );
}

function Restart({ workspace, flow, value, step, standing, before, run }: { workspace: string; flow: string; value: FlowValue; step: Step; standing: Standing; before: RestartAt[]; run: StepRun }) {
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<number>();
  const around = aroundOf(value, step.id);
  const restarted = useMutation({
    mutationFn: (child: number | undefined) => restart(workspace, flow, restartAt([...before, ...restartPath(value, standing, around, step.id, child)])),
    onSuccess: (id) => navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id } }),
  });
  const children = step.value.type === "branchall" || isLoop(step) ? run.children : undefined;
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button small icon={<History size={14} aria-hidden />} busy={restarted.isPending} onClick={() => restarted.mutate(undefined)} title="A new run with the same arguments. What comes before is not run again.">
        Run again from here
      </Button>
      {children && children.jobs.length > 0 && (
        <form
          className="flex items-center gap-1"
          onSubmit={(event) => {
            event.preventDefault();
            restarted.mutate((chosen ?? children.picked + 1) - 1);
          }}
        >
          <Button small type="submit" busy={restarted.isPending}>
            From {isLoop(step) ? "iteration" : "branch"}
          </Button>
          <Input type="number" aria-label={isLoop(step) ? "Iteration to begin at" : "Branch to begin at"} min={1} max={children.jobs.length} required value={chosen ?? children.picked + 1} onChange={(event) => setChosen(event.target.valueAsNumber || undefined)} className="!h-7 !w-24" />
        </form>
      )}
    </div>
  );
}
