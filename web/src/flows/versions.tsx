/** The versions of a flow: who deployed them, what they changed, and the way back. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { DiffView } from "@/editor";
import { writeYaml } from "@/flow/yaml";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { Failure, Loading, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { deploy, flowKeys, historyQuery, versionQuery, type Version } from "./queries";

interface VersionsProps {
  workspace: string;
  now: Version;
}

export function Versions({ workspace, now }: VersionsProps) {
  const history = useInfiniteQuery(historyQuery(workspace, now.path));
  const [compared, setCompared] = useState<number>();
  const [restoring, setRestoring] = useState<number>();
  const queries = useQueryClient();
  return (
    <Shown query={history} what="the versions">
      {({ pages }) => {
        const all = pages.flat();
        return (
          <>
            <ol aria-label="Versions">
              {all.map((each, index) => (
                <li key={each.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2 last:border-0">
                  <code className="text-xs">{each.id}</code>
                  {each.id === now.version && <Badge tone="accent">now</Badge>}
                  <span className="min-w-0 flex-1 basis-40">
                    <span className="block truncate">{each.deployment_msg || <span className="text-muted">no words on it</span>}</span>
                    <span className="block text-[13px] text-muted">
                      {each.created_by}, <Ago at={each.created_at} />
                    </span>
                  </span>
                  {index < all.length - 1 && (
                    <Button small onClick={() => setCompared(index)}>
                      What changed
                    </Button>
                  )}
                  {each.id !== now.version && (
                    <Button small onClick={() => setRestoring(each.id)}>
                      Restore
                    </Button>
                  )}
                </li>
              ))}
            </ol>
            {history.hasNextPage && (
              <div className="p-3">
                <Button small busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
                  Older ones
                </Button>
              </div>
            )}
            {compared !== undefined && <Compare workspace={workspace} versions={all.map((each) => each.id)} index={compared} onClose={() => setCompared(undefined)} />}
            <Confirm
              open={restoring !== undefined}
              onClose={() => setRestoring(undefined)}
              title={`Restore version ${restoring ?? ""}?`}
              verb="Restore it"
              look="primary"
              act={async () => {
                const old = await queries.fetchQuery(versionQuery(workspace, restoring!));
                await deploy(workspace, { ...old, path: now.path, message: `As in version ${old.version}` }, now);
                await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
                toast("good", "The old version is the newest now.");
              }}
            >
              What it held is deployed as a new version. The one of now stays in the list.
            </Confirm>
          </>
        );
      }}
    </Shown>
  );
}

function Compare({ workspace, versions, index, onClose }: { workspace: string; versions: number[]; index: number; onClose: () => void }) {
  const after = versions[index]!;
  const [before, setBefore] = useState(versions[index + 1]!);
  const one = useQuery(versionQuery(workspace, before));
  const other = useQuery(versionQuery(workspace, after));
  const error = one.error ?? other.error;
  const texts = one.data && other.data ? [writeYaml(one.data), writeYaml(other.data)] : undefined;
  return (
    <Dialog open onClose={onClose} wide title={`What version ${after} changed`}>
      <label className="mb-3 flex items-center gap-2 text-[13px]">
        Compared with version
        <Select className="!w-32" value={before} onChange={(event) => setBefore(Number(event.target.value))}>
          {versions
            .filter((each) => each !== after)
            .map((each) => (
              <option key={each}>{each}</option>
            ))}
        </Select>
      </label>
      {error ? (
        <Failure error={error} what="Could not load the versions" />
      ) : !texts ? (
        <Loading what="the versions" />
      ) : texts[0] === texts[1] ? (
        <p className="text-muted">They are the same.</p>
      ) : (
        <div className="h-[60vh] rounded-md border border-line">
          <DiffView label="Differences as YAML" language="yaml" before={texts[0]!} after={texts[1]!} />
        </div>
      )}
    </Dialog>
  );
}
