/** Makes a version of the draft. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { ApiError } from "@/api/client";
import type { Flow } from "@/flow/model";
import { PathField, pathFault } from "@/items/path-field";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { Failure } from "@/ui/states";
import { toast } from "@/ui/toast";

import { deploy, flowKeys, flowQuery } from "../queries";

interface DeployProps {
  open: boolean;
  onClose: () => void;
  workspace: string;
  flow: Flow;
  onSummary: (summary: string) => void;
  path: string;
  onPath: (path: string) => void;
  more: Record<string, unknown>;
  /** The version that the draft began with. */
  base: { path: string; version: number } | undefined;
  onDeployed: () => void;
}

export function Deploy({ open, onClose, workspace, flow, onSummary, path, onPath, more, base, onDeployed }: DeployProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const [isTried, setTried] = useState(false);
  const fault = pathFault(path);
  const deployed = useMutation({
    meta: { quiet: true },
    mutationFn: async (isOnTop: boolean) => {
      const on = base && isOnTop ? { path: base.path, version: (await queries.fetchQuery({ ...flowQuery(workspace, base.path), staleTime: 0 })).version } : base;
      await deploy(workspace, { ...flow, path, message, more }, on);
    },
    onSuccess: async () => {
      onDeployed();
      await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
      toast("good", `${path} is deployed.`);
      await navigate({ to: "/w/$workspace/flows/p/$", params: { workspace, _splat: path } });
    },
  });
  const isOutrun = deployed.error instanceof ApiError && deployed.error.code === "version_mismatch";
  return (
    <Dialog open={open} onClose={onClose} title="Deploy a version" hint="Runs by path use it from now on. Runs that have begun go on with theirs.">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!fault) deployed.mutate(false);
        }}
      >
        <PathField workspace={workspace} path={path} onChange={onPath} shown={(isTried && fault) || undefined} />
        {base && path !== base.path && <p className="text-[13px] text-muted">The flow moves with all of its versions. What runs {base.path} will not find it there.</p>}
        <Field label="Summary">{(given) => <Input {...given} value={flow.summary} onChange={(event) => onSummary(event.target.value)} />}</Field>
        <Field label="What has changed">{(given) => <Input {...given} value={message} placeholder="For the list of versions" onChange={(event) => setMessage(event.target.value)} />}</Field>
        {isOutrun ? (
          <div role="alert" className="rounded-md border border-warn/40 bg-warn-soft p-3">
            <p className="font-medium">Somebody deployed another version meanwhile.</p>
            <p>Look at it on the page of the flow, under Versions. If you deploy yours, it is the newest, and theirs stays in the list.</p>
            <Button small className="mt-2" busy={deployed.isPending} onClick={() => deployed.mutate(true)}>
              Deploy mine all the same
            </Button>
          </div>
        ) : (
          deployed.error && <Failure error={deployed.error} what="It was not deployed" />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={deployed.isPending}>
            Deploy
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
