/** The statements that queued changes come to, tried by the database and taken back, before they are applied. */
import { useMutation, useQuery } from "@tanstack/react-query";

import { ApiError } from "@/api/client";
import { write } from "@/results/shape";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Failure, Loading, wordsOf } from "@/ui/states";
import { toast } from "@/ui/toast";

import type { Queue } from "./changes";
import { change, type Statement } from "./queries";

interface ReviewProps {
  workspace: string;
  resource: string;
  queue: Queue;
  onClose: () => void;
  onApplied: () => void;
}

export function Review({ workspace, resource, queue, onClose, onApplied }: ReviewProps) {
  const trial = useQuery({ queryKey: ["databases", workspace, resource, "trial", queue.map((each) => write(each as never))], gcTime: 0, retry: false, queryFn: () => change(workspace, resource, queue, { isTrial: true }) });
  const cannotTry = trial.error instanceof ApiError && trial.error.code === "unsupported";
  const inParts = trial.data?.atomic === false;
  const applied = useMutation({
    mutationFn: () => change(workspace, resource, queue, { isTrial: false, byParts: inParts }),
    meta: { quiet: true },
    onSuccess: () => {
      toast("good", `${queue.length} ${queue.length === 1 ? "change is" : "changes are"} applied.`);
      onApplied();
    },
  });
  return (
    <Dialog open onClose={onClose} wide title="What will be run" hint={cannotTry || inParts ? undefined : "Together or not at all. The database has tried it and taken it back."}>
      <div className="flex flex-col gap-3">
        {trial.isPending && <Loading what="what the database says" />}
        {cannotTry && (
          <>
            <p className="rounded-md bg-warn-soft p-3 text-warn">This server cannot try changes before they are applied: {wordsOf(trial.error)}</p>
            <ol aria-label="Changes" className="max-h-[50vh] overflow-auto">
              {queue.map((each, index) => (
                <li key={index} className="border-b border-line py-1 font-mono text-xs break-words last:border-0">
                  {each.kind} in {each.table}: {each.row && write(each.row.key, 0).replaceAll("\n", "")} {write(each.values, 0).replaceAll("\n", "")}
                </li>
              ))}
            </ol>
          </>
        )}
        {trial.error && !cannotTry && <Failure error={trial.error} what="The database would refuse it" again={() => void trial.refetch()} />}
        {inParts && (
          <p className="rounded-md bg-warn-soft p-3 text-warn">
            These keys are in {partsOf(trial.data!.statements)} slots of the cluster, which changes keys of one slot together, and not of several. All changes have been tried, and would fit. They are applied slot by slot:
            should one fail meanwhile, those before it stay, and you are told which.
          </p>
        )}
        {trial.data && (
          <ol aria-label="Statements" className="flex max-h-[50vh] flex-col gap-2 overflow-auto">
            {trial.data.statements.map((each, index) => (
              <Line key={index} statement={each} part={inParts ? each.part.text : ""} />
            ))}
          </ol>
        )}
        {applied.error && <Failure error={applied.error} what={inParts ? "Not all was changed" : "Nothing was changed"} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button look="primary" disabled={!trial.data && !cannotTry} busy={applied.isPending} onClick={() => applied.mutate()}>
            Apply
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function partsOf(statements: readonly Statement[]): number {
  return new Set(statements.map((each) => each.part.text)).size;
}

function Line({ statement, part }: { statement: Statement; part: string }) {
  return (
    <li className="rounded-md bg-sunken p-2">
      {part && <p className="mb-1 text-xs text-muted">Part {part}</p>}
      <pre className="overflow-auto font-mono text-xs whitespace-pre-wrap">{statement.sql}</pre>
      {statement.arguments.length > 0 && <p className="mt-1 font-mono text-xs break-words text-muted">{statement.arguments.map((each, index) => `$${index + 1} = ${write(each, 0).replaceAll("\n", "")}`).join(", ")}</p>}
    </li>
  );
}
