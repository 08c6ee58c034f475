/** A run of a flow: its graph as it stands now, the step that is looked at, what it asks, when what ran, all logs. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { JobPanels } from "@/job/panel";
import { argsQuery } from "@/job/queries";
import { LogView } from "@/job/log";
import { ResultView } from "@/results/view";
import { Panel } from "@/ui/panel";
import { Failure, Loading, Shown } from "@/ui/states";
import { Tabs } from "@/ui/tabs";

import { Asking } from "./asking";
import { INPUT } from "./layout";
import { stepOf } from "./model";
import { FlowPicture } from "./picture";
import { allLogsQuery, allLogsUrl, useRunning } from "./queries";
import { useRunLook } from "./run-look";
import { StepRunPanel } from "./step-run";
import { Timeline } from "./timeline";

type View = "timeline" | "logs";

interface FlowRunProps {
  workspace: string;
  id: string;
  /** The step that is looked at, and how to look at another, where the page keeps it. */
  kept?: { step: string | undefined; choose: (step: string | undefined) => void };
}

export function FlowRun({ workspace, id, kept }: FlowRunProps) {
  const [picks, setPicks] = useState<Record<string, number>>({});
  const [own, setOwn] = useState<string>(INPUT);
  const selected = kept ? (kept.step ?? INPUT) : own;
  const setSelected = kept ? (step: string) => kept.choose(step === INPUT ? undefined : step) : setOwn;
  const [view, setView] = useState<View>("timeline");
  const running = useRunning(workspace, id, picks);
  const pick = (step: string, index: number) => setPicks((before) => ({ ...before, [step]: index }));
  const look = useRunLook(workspace, id, running, pick);
  const { value } = running;
  if (!value) return running.error ? <Failure error={running.error} what="Could not load the flow" /> : <Loading what="the flow" />;
  const chosen = selected === INPUT ? undefined : stepOf(value, selected);
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Asking workspace={workspace} flow={id} value={value} hasEnded={running.hasEnded} />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] xl:grid-cols-[minmax(0,6fr)_minmax(0,5fr)]">
        <Panel title="Graph" flush className="lg:sticky lg:top-4">
          <div className="h-[420px] lg:h-[min(640px,calc(100vh-9rem))]">
            <FlowPicture value={value} label="Graph of the run" selected={selected} onSelect={setSelected} {...look} />
          </div>
        </Panel>
        {chosen ? (
          <StepRunPanel key={chosen.id} workspace={workspace} flow={id} value={value} step={chosen} standing={running} hasEnded={running.hasEnded} onPick={(index) => pick(chosen.id, index)} />
        ) : (
          <Whole workspace={workspace} id={id} canCancel={kept === undefined} />
        )}
      </div>
      <Tabs<View>
        label="All steps"
        value={view}
        onChange={setView}
        tabs={[
          { id: "timeline", label: "Timeline", content: <div className="h-72">{view === "timeline" && <Timeline workspace={workspace} flow={id} />}</div> },
          { id: "logs", label: "Logs of all steps", content: <div className="h-96">{view === "logs" && <AllLogs workspace={workspace} flow={id} hasEnded={running.hasEnded} />}</div> },
        ]}
      />
    </div>
  );
}

function Whole({ workspace, id, canCancel }: { workspace: string; id: string; canCancel: boolean }) {
  const args = useQuery(argsQuery(workspace, id));
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <Panel title="Arguments">
        <Shown query={args} what="the arguments">
          {(text) => <ResultView text={text} name="arguments" />}
        </Shown>
      </Panel>
      <JobPanels workspace={workspace} id={id} canCancel={canCancel} />
    </div>
  );
}

function AllLogs({ workspace, flow, hasEnded }: { workspace: string; flow: string; hasEnded: boolean }) {
  const logs = useQuery(allLogsQuery(workspace, flow));
  return (
    <Shown query={logs} what="the logs">
      {(text) => <LogView text={text} completed={hasEnded} download={allLogsUrl(workspace, flow)} />}
    </Shown>
  );
}
