/** A try of the draft: its arguments, and the run that the graph beside shows. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FlaskConical, Square } from "lucide-react";

import { INPUT } from "@/flow/layout";
import { stepOf, type Flow } from "@/flow/model";
import type { Running } from "@/flow/queries";
import { Asking } from "@/flow/asking";
import { StepRunPanel } from "@/flow/step-run";
import { SchemaForm } from "@/forms/form";
import { JobPanels } from "@/job/panel";
import { cancelJob, jobQuery } from "@/job/queries";
import { StateBadge, stateOf } from "@/job/state";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { Failure } from "@/ui/states";

interface TestPanelProps {
  workspace: string;
  flow: Flow;
  args: Record<string, unknown>;
  onArgs: (args: Record<string, unknown>) => void;
  onTest: () => void;
  /** The step behind which it is to end; undefined: none. */
  upTo: string | undefined;
  onWhole: () => void;
  isBusy: boolean;
  error: unknown;
  job: string | undefined;
  running: Running;
  selected: string;
  onPick: (step: string, index: number) => void;
}

const TEST_FORM = "test-flow";

export function TestPanel({ workspace, flow, args, onArgs, onTest, upTo, onWhole, isBusy, error, job, running, selected, onPick }: TestPanelProps) {
  const hasNone = Object.keys(flow.schema.properties ?? {}).length === 0;
  const chosen = selected === INPUT ? undefined : running.value && stepOf(running.value, selected);
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <Panel title={upTo === undefined ? "Test of the flow" : `Test up to step ${upTo}`} actions={job && <JobLine workspace={workspace} job={job} />}>
        <div className="flex flex-col gap-3">
          {hasNone && <p className="text-muted">It takes no arguments.</p>}
          <SchemaForm id={TEST_FORM} schema={{ ...flow.schema, type: "object" } as never} value={args} onChange={onArgs} onSubmit={onTest} />
          <div className="flex flex-wrap gap-2">
            <Button look="primary" type="submit" form={TEST_FORM} icon={<FlaskConical size={15} aria-hidden />} busy={isBusy}>
              Run the test
            </Button>
            {upTo !== undefined && <Button onClick={onWhole}>The whole flow instead</Button>}
          </div>
          {error !== null && error !== undefined && <Failure error={error} what="It could not be run" />}
        </div>
      </Panel>
      {job && running.value && <Asking workspace={workspace} flow={job} value={running.value} hasEnded={running.hasEnded} />}
      {job && running.value && (chosen ? <StepRunPanel key={chosen.id} workspace={workspace} flow={job} value={running.value} step={chosen} standing={running} hasEnded={false} onPick={(index) => onPick(chosen.id, index)} /> : <JobPanels key={job} workspace={workspace} id={job} />)}
    </div>
  );
}

function JobLine({ workspace, job }: { workspace: string; job: string }) {
  const found = useQuery(jobQuery(workspace, job));
  return (
    <>
      {found.data && <StateBadge state={stateOf(found.data)} />}
      {found.data?.type === "QueuedJob" && (
        <Button small icon={<Square size={13} aria-hidden />} onClick={() => void cancelJob(workspace, job)}>
          Cancel
        </Button>
      )}
      <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job }} className="text-[13px] text-accent hover:underline">
        Open the run
      </Link>
    </>
  );
}
