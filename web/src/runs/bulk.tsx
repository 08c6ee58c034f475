/** Canceling many runs, or running them again: how many, how far, and what could not be done and why. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Failure } from "@/ui/states";

import { cancelMany, rerunMany, type Progress } from "./queries";

export type Work = "cancel" | "rerun";

const WORDS = {
  cancel: { title: "Cancel", act: cancelMany, verb: "Cancel them", past: "canceled", told: "Each is stopped, with the steps that it started. What a run has done already stays done." },
  rerun: { title: "Run again", act: rerunMany, verb: "Run them again", past: "started", told: "Each starts as a new run of the same version, with the same arguments, as you." },
} as const;

export function BulkDialog({ work, workspace, ids, onClose, onDone }: { work: Work; workspace: string; ids: string[]; onClose: () => void; onDone: () => void }) {
  const { title, act, verb, past, told } = WORDS[work];
  const [progress, setProgress] = useState<Progress>();
  const [state, setState] = useState<"asking" | "working" | "over">("asking");
  const [error, setError] = useState<unknown>();
  async function go() {
    setState("working");
    setProgress({ done: 0, total: ids.length, failures: [] });
    try {
      setProgress(await act(workspace, ids, setProgress));
    } catch (refusal) {
      setError(refusal);
    }
    setState("over");
    onDone();
  }
  const what = `${ids.length.toLocaleString()} ${ids.length === 1 ? "run" : "runs"}`;
  return (
    <Dialog open onClose={onClose} title={`${title}: ${what}`}>
      <div className="flex flex-col gap-3">
        {state === "asking" && <p>{told}</p>}
        {progress && (
          <div role="status" className="flex flex-col gap-2">
            <progress aria-label={title} value={progress.done + progress.failures.length} max={progress.total} className="w-full accent-(--accent)" />
            <p>
              {progress.done.toLocaleString()} of {progress.total.toLocaleString()} {past}
              {progress.failures.length > 0 && `, ${progress.failures.length.toLocaleString()} not`}.
            </p>
          </div>
        )}
        {error !== undefined && <Failure error={error} what="It broke off here; the runs that are left are as they were" />}
        {progress && progress.failures.length > 0 && (
          <ul aria-label="Not done" className="max-h-52 overflow-auto rounded-md border border-line text-[13px]">
            {progress.failures.map(({ id, why }) => (
              <li key={id} className="flex gap-2 border-b border-line px-2 py-1 last:border-0">
                <Link to="/w/$workspace/runs/$id" params={{ workspace, id }} className="font-mono text-accent hover:underline">
                  {id.slice(-8)}
                </Link>
                <span className="min-w-0">{why}</span>
              </li>
            ))}
          </ul>
        )}
        <div className="flex justify-end gap-2">
          {state === "over" ? (
            <Button look="primary" onClick={onClose}>
              Close
            </Button>
          ) : (
            <>
              <Button onClick={onClose} disabled={state === "working"}>
                Not now
              </Button>
              <Button look={work === "cancel" ? "danger" : "primary"} busy={state === "working"} onClick={() => void go()}>
                {verb}
              </Button>
            </>
          )}
        </div>
      </div>
    </Dialog>
  );
}
