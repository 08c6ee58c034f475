/** The versions of a script: who deployed them, what they changed, and the way back. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { CompareVersions } from "@/items/compare";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { asBefore, deploy, historyQuery, scriptKeys, versionQuery, type Version } from "./queries";

export const shortOf = (hash: string): string => hash.slice(0, 8);

export function Versions({ workspace, now }: { workspace: string; now: Version }) {
  const history = useQuery(historyQuery(workspace, now.path));
  const [compared, setCompared] = useState<number>();
  const [restoring, setRestoring] = useState<string>();
  const queries = useQueryClient();
  const useSource = (version: string) => useQuery({ ...versionQuery(workspace, version), select: (found) => found.content });
  return (
    <Panel title="Versions" flush>
      <Shown query={history} what="the versions">
        {(versions) => (
          <>
            <ol aria-label="Versions">
              {versions.map(({ script_hash: hash, ...each }, index) => (
                <li key={hash} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2 last:border-0">
                  <code className="text-xs">{shortOf(hash)}</code>
                  {hash === now.hash && <Badge tone="accent">now</Badge>}
                  <span className="min-w-0 flex-1 basis-40">
                    <span className="block truncate">{each.deployment_msg ?? <span className="text-muted">no words on it</span>}</span>
                    <span className="block text-[13px] text-muted">
                      {each.created_by}, <Ago at={each.created_at} />
                    </span>
                  </span>
                  {index < versions.length - 1 && (
                    <Button small onClick={() => setCompared(index)}>
                      What changed
                    </Button>
                  )}
                  {hash !== now.hash && (
                    <>
                      <Link to="/w/$workspace/scripts/edit/$" params={{ workspace, _splat: now.path }} search={{ version: hash }} className={buttonClass("plain", true)}>
                        Edit from here
                      </Link>
                      <Button small onClick={() => setRestoring(hash)}>
                        Restore
                      </Button>
                    </>
                  )}
                </li>
              ))}
            </ol>
            {compared !== undefined && <CompareVersions versions={versions.map((each) => each.script_hash)} index={compared} nameOf={shortOf} useText={useSource} label="Differences of the source" language={now.language} same="The source is the same." onClose={() => setCompared(undefined)} />}
            <Confirm
              open={restoring !== undefined}
              onClose={() => setRestoring(undefined)}
              title={`Restore version ${shortOf(restoring ?? "")}?`}
              verb="Restore it"
              look="primary"
              act={async () => {
                const old = await queries.fetchQuery(versionQuery(workspace, restoring!));
                await deploy(workspace, { ...asBefore(old), lock: old.lock, schema: old.schema, path: now.path, parent_hash: now.hash, deployment_message: `As in version ${shortOf(old.hash)}` });
                await queries.invalidateQueries({ queryKey: scriptKeys.all(workspace) });
                toast("good", "The old version is the newest now.");
              }}
            >
              Its source, lock and settings are deployed as a new version. The one of now stays in the list.
            </Confirm>
          </>
        )}
      </Shown>
    </Panel>
  );
}
