/** Makes a version of the draft. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { ApiError } from "@/api/client";
import type { Flow, More } from "@/flow/model";
import { DeployDialog } from "@/items/deploy-dialog";
import { HowItRunsFields, type HowItRuns } from "@/items/how-it-runs";
import { PathField, pathFault } from "@/items/path-field";
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
  more: More;
  /** The version that the draft began with. */
  base: { path: string; version: number } | undefined;
  onDeployed: () => void;
}

export function Deploy({ open, onClose, workspace, flow, onSummary, path, onPath, more, base, onDeployed }: DeployProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const [how, setHow] = useState<HowItRuns>({ tag: more.tag, on_behalf_of: more.on_behalf_of });
  const [isTried, setTried] = useState(false);
  const fault = pathFault(path);
  const deployed = useMutation({
    meta: { quiet: true },
    mutationFn: async (isOnTop: boolean) => {
      const on = base && isOnTop ? { path: base.path, version: (await queries.fetchQuery({ ...flowQuery(workspace, base.path), staleTime: 0 })).version } : base;
      await deploy(workspace, { ...flow, path, message, more: { ...more, ...how } }, on);
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
    <DeployDialog
      open={open}
      onClose={onClose}
      what="flow"
      hint="Runs by path use it from now on. Runs that have begun go on with theirs."
      summary={flow.summary}
      onSummary={onSummary}
      message={message}
      onMessage={setMessage}
      error={deployed.error}
      isOutrun={isOutrun}
      busy={deployed.isPending}
      deploy={(isOnTop) => {
        setTried(true);
        if (!fault) deployed.mutate(isOnTop);
      }}
    >
      <PathField workspace={workspace} path={path} onChange={onPath} shown={(isTried && fault) || undefined} />
      <HowItRunsFields workspace={workspace} value={how} onChange={setHow} before={more.on_behalf_of} otherwise="flows" />
      {base && path !== base.path && <p className="text-[13px] text-muted">The flow moves with all of its versions. What runs {base.path} will not find it there.</p>}
    </DeployDialog>
  );
}
