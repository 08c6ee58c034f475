/** A step that runs another flow, opened in its place: the graph of that run, and the step of it that is looked at. */
import { useState } from "react";

import { JobRun } from "./job-run";
import { INPUT } from "./layout";
import { stepOf } from "./model";
import { FlowPicture } from "./picture";
import { useRunning } from "./queries";
import { useRunLook } from "./run-look";
import type { RestartAt } from "./status";
import { StepRunPanel } from "./step-run";

interface SubFlowProps {
  workspace: string;
  /** The run that is started again, and how its steps lead here. */
  flow: string;
  before: RestartAt[];
  /** The run of the step. */
  job: string;
  name: string;
  depth: number;
  hasEnded: boolean;
}

export default function SubFlow({ workspace, flow, before, job, name, depth, hasEnded }: SubFlowProps) {
  const [picks, setPicks] = useState<Record<string, number>>({});
  const [selected, setSelected] = useState<string>(INPUT);
  const running = useRunning(workspace, job, picks);
  const pick = (step: string, index: number) => setPicks((before) => ({ ...before, [step]: index }));
  const look = useRunLook(workspace, job, running, pick);
  const { value } = running;
  if (!value) return <JobRun workspace={workspace} job={job} />;
  const chosen = selected === INPUT ? undefined : stepOf(value, selected);
  return (
    <>
      <section aria-label={`Inside of ${name}`} className="h-80 rounded-lg border border-line bg-panel">
        <FlowPicture value={value} label={`Graph of ${name}`} selected={selected} onSelect={setSelected} {...look} />
      </section>
      {chosen ? (
        <StepRunPanel key={chosen.id} workspace={workspace} flow={flow} value={value} step={chosen} standing={running} before={before} depth={depth} hasEnded={hasEnded} onPick={(index) => pick(chosen.id, index)} />
      ) : (
        <JobRun workspace={workspace} job={job} />
      )}
    </>
  );
}
