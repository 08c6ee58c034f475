/** A job beside the script that it runs: log while it runs, result when it has ended. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Square } from "lucide-react";
import { useState } from "react";

import { ResultHead } from "@/results/head";
import { ResultView } from "@/results/view";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { bytes, duration } from "@/ui/time";

import { useLiveJob } from "./live";
import { LogView } from "./log";
import { cancelJob, jobQuery, resultQuery, resultUrl } from "./queries";
import { StateBadge, stateOf } from "./state";

interface JobPanelsProps {
  workspace: string;
  id: string;
  linked?: boolean;
  /** False where the page has a button for it already. */
  canCancel?: boolean;
}

export function JobPanels({ workspace, id, linked = false, canCancel = true }: JobPanelsProps) {
  const live = useLiveJob(workspace, id);
  const job = useQuery(jobQuery(workspace, id));
  const isDone = live.completed || job.data?.type === "CompletedJob";
  const [whole, setWhole] = useState(false);
  const result = useQuery({ ...resultQuery(workspace, id, { whole }), enabled: isDone, placeholderData: (before) => before });
  const state = job.data && isDone === (job.data.type === "CompletedJob") ? stateOf(job.data) : isDone ? "success" : live.running ? "running" : "queued";
  const facts = job.data?.type === "CompletedJob" ? [duration(job.data.duration_ms ?? 0), job.data.mem_peak ? `${bytes(job.data.mem_peak * 1024)} peak` : ""].filter(Boolean).join(" · ") : "";
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <Panel
        title={
          <span className="flex items-center gap-2">
            Result <StateBadge state={state} />
            <span className="font-normal text-muted">{facts}</span>
          </span>
        }
        actions={
          <>
            {linked && (
              <Link to="/w/$workspace/runs/$id" params={{ workspace, id }} className="text-[13px] text-accent hover:underline">
                Open the run
              </Link>
            )}
            {!isDone && canCancel && (
              <Button small icon={<Square size={13} aria-hidden />} onClick={() => void cancelJob(workspace, id)}>
                Cancel
              </Button>
            )}
          </>
        }
      >
        {live.progress !== undefined && !isDone && <progress value={live.progress} max={100} className="mb-2 w-full accent-(--accent)" />}
        {isDone ? (
          <Shown query={result} what="the result">
            {({ text, isWhole }) =>
              isWhole ? (
                <ResultView text={text} name={`result-${id.slice(0, 8)}`} />
              ) : (
                <ResultHead text={text} url={resultUrl(workspace, id)} name={`result-${id.slice(0, 8)}.json`} busy={result.isFetching} loadAll={() => setWhole(true)} />
              )
            }
          </Shown>
        ) : live.stream ? (
          <pre className="whitespace-pre-wrap">{live.stream}</pre>
        ) : (
          <p className="text-muted">{live.running || state === "running" ? "Running…" : "Waiting for a worker…"}</p>
        )}
      </Panel>
      <Panel title="Log" flush className="h-72">
        <LogView text={live.log} completed={isDone} />
      </Panel>
    </div>
  );
}
