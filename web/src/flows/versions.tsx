/** The versions of a flow: who deployed them, what they changed, and the way back. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { writeYaml } from "@/flow/yaml";
import { CompareVersions } from "@/items/compare";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Shown } from "@/ui/states";
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
  const useYaml = (version: number) => useQuery({ ...versionQuery(workspace, version), select: writeYaml });
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
            {compared !== undefined && <CompareVersions versions={all.map((each) => each.id)} index={compared} nameOf={String} useText={useYaml} label="Differences as YAML" language="yaml" same="They are the same." onClose={() => setCompared(undefined)} />}
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
