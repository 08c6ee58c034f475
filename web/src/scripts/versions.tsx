/** The versions of a script: who deployed them, what they changed, and the way back. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { DiffView } from "@/editor";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { Failure, Loading, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { asBefore, deploy, historyQuery, scriptKeys, versionQuery, type Version } from "./queries";

export const shortOf = (hash: string): string => hash.slice(0, 8);

export function Versions({ workspace, now }: { workspace: string; now: Version }) {
  const history = useQuery(historyQuery(workspace, now.path));
  const [compared, setCompared] = useState<number>();
  const [restoring, setRestoring] = useState<string>();
  const queries = useQueryClient();
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
            {compared !== undefined && <Compare workspace={workspace} versions={versions.map((each) => each.script_hash)} index={compared} onClose={() => setCompared(undefined)} />}
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

function Compare({ workspace, versions, index, onClose }: { workspace: string; versions: string[]; index: number; onClose: () => void }) {
  const after = versions[index]!;
  const [before, setBefore] = useState(versions[index + 1]!);
  const one = useQuery(versionQuery(workspace, before));
  const other = useQuery(versionQuery(workspace, after));
  const error = one.error ?? other.error;
  return (
    <Dialog open onClose={onClose} wide title={`What version ${shortOf(after)} changed`}>
      <label className="mb-3 flex items-center gap-2 text-[13px]">
        Compared with version
        <Select className="!w-32 font-mono" value={before} onChange={(event) => setBefore(event.target.value)}>
          {versions
            .filter((each) => each !== after)
            .map((each) => (
              <option key={each} value={each}>
                {shortOf(each)}
              </option>
            ))}
        </Select>
      </label>
      {error ? (
        <Failure error={error} what="Could not load the versions" />
      ) : !one.data || !other.data ? (
        <Loading what="the versions" />
      ) : one.data.content === other.data.content ? (
        <p className="text-muted">The source is the same.</p>
      ) : (
        <div className="h-[60vh] rounded-md border border-line">
          <DiffView label="Differences of the source" language={other.data.language} before={one.data.content} after={other.data.content} />
        </div>
      )}
    </Dialog>
  );
}
