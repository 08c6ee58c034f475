/** The job of a step: result, log, arguments. */
import { useQuery } from "@tanstack/react-query";

import { JobPanels } from "@/job/panel";
import { argsQuery } from "@/job/queries";
import { ResultView } from "@/results/view";
import { Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";

export function JobRun({ workspace, job }: { workspace: string; job: string }) {
  const args = useQuery(argsQuery(workspace, job));
  return (
    <>
      <JobPanels workspace={workspace} id={job} />
      <Panel title="Arguments">
        <Shown query={args} what="the arguments">
          {(text) => <ResultView text={text} name="arguments" />}
        </Shown>
      </Panel>
    </>
  );
}
