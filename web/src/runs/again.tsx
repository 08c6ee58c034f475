/** Running once more what ran: as it was, or with other arguments. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Pencil, RotateCw } from "lucide-react";
import { useState } from "react";

import { read } from "@/items/json";
import { ValueEditor } from "@/items/value-editor";
import { argsQuery, type Job } from "@/job/queries";
import { isObject } from "@/results/shape";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Failure, Shown } from "@/ui/states";

import { rerun, runKeys, runWith, schemaQuery } from "./queries";

const FORM = "rerun-form";

export function RunAgain({ workspace, job }: { workspace: string; job: Job }) {
  const [editing, setEditing] = useState(false);
  const started = useStarted(workspace);
  const again = useMutation({ mutationFn: async () => (await rerun(workspace, [job.id]))[0]!, onSuccess: started });
  const canEdit = job.job_kind === "script" || (job.job_kind === "preview" && job.raw_code !== undefined);
  return (
    <>
      <Button icon={<RotateCw size={14} aria-hidden />} busy={again.isPending} onClick={() => again.mutate()}>
        Run again
      </Button>
      {canEdit && (
        <Button icon={<Pencil size={14} aria-hidden />} onClick={() => setEditing(true)}>
          With other arguments
        </Button>
      )}
      {editing && <WithOthers workspace={workspace} job={job} onClose={() => setEditing(false)} />}
    </>
  );
}

function useStarted(workspace: string) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  return async (id: string) => {
    void queries.invalidateQueries({ queryKey: runKeys.all(workspace) });
    await navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id } });
  };
}

function WithOthers({ workspace, job, onClose }: { workspace: string; job: Job; onClose: () => void }) {
  const args = useQuery(argsQuery(workspace, job.id));
  return (
    <Dialog open wide onClose={onClose} title="Run with other arguments" hint="The same version, with what stands here.">
      <Shown query={args} what="the arguments">
        {(text) => <Edited workspace={workspace} job={job} first={text} onClose={onClose} />}
      </Shown>
    </Dialog>
  );
}

function Edited({ workspace, job, first, onClose }: { workspace: string; job: Job; first: string; onClose: () => void }) {
  const [text, setText] = useState(first);
  const schema = useQuery({ ...schemaQuery(workspace, job.script_hash ?? ""), enabled: job.job_kind === "script" && job.script_hash !== undefined });
  const started = useStarted(workspace);
  const run = useMutation({
    meta: { quiet: true },
    mutationFn: async () => {
      const { value, fault } = read(text);
      if (value === undefined) throw new Error(`The arguments are no JSON: ${fault}`);
      if (!isObject(value)) throw new Error("The arguments are an object: a member for each of them.");
      return runWith(workspace, job, text);
    },
    onSuccess: async (id) => {
      onClose();
      await started(id);
    },
  });
  return (
    <div className="flex flex-col gap-3">
      <ValueEditor id={FORM} title="Arguments" schema={schema.data ?? undefined} text={text} onText={setText} onSubmit={() => run.mutate()} />
      {run.error && <Failure error={run.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Not now</Button>
        <Button look="primary" type="submit" form={FORM} busy={run.isPending}>
          Run
        </Button>
      </div>
    </div>
  );
}
