/** What a run left behind beside its result: attempts that failed, objects and databases that it read and wrote. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { readAddress } from "@/object/address";
import { parse, shapeOf } from "@/results/shape";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { Ago, bytes, duration } from "@/ui/time";

import { attemptsQuery, touchedQuery } from "./queries";

/** Nothing for a run that did not have to be tried twice. */
export function Attempts({ workspace, id }: { workspace: string; id: string }) {
  const { data: found = [] } = useQuery(attemptsQuery(workspace, id));
  if (!found.length) return null;
  return (
    <Panel title={`Earlier attempts (${found.length})`} flush>
      <ol>
        {found.map((each) => {
          const shape = each.error === undefined ? undefined : shapeOf(parse(JSON.stringify(each.error)));
          return (
            <li key={`${each.attempt}-${each.ended_at}`} className="flex flex-col gap-1 border-b border-line px-3 py-2 last:border-0">
              <span className="flex flex-wrap items-center gap-2">
                <span className="font-medium">Attempt {each.attempt}</span>
                <Badge tone="warn">{each.end_reason.replaceAll("_", " ")}</Badge>
                <span className="text-[13px] text-muted">
                  {each.started_at && `${duration(new Date(each.ended_at).getTime() - new Date(each.started_at).getTime())}, `}
                  <Ago at={each.ended_at} />
                  {each.worker && ` on ${each.worker}`}
                </span>
              </span>
              {shape?.kind === "error" && (
                <span className="text-[13px] break-words">
                  <b className="text-bad">{shape.name}</b> {shape.message}
                </span>
              )}
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

/** Nothing for a run that touched none. */
export function Touched({ workspace, id }: { workspace: string; id: string }) {
  const touched = useInfiniteQuery(touchedQuery(workspace, id));
  const found = touched.data?.pages.flatMap((page) => page.accesses) ?? [];
  if (!found.length) return null;
  return (
    <Panel title="Storage touched" flush>
      <ul className="max-h-72 overflow-auto">
        {found.map((each) => {
          const at = each.kind === "object" ? readAddress(each.address) : null;
          return (
            <li key={each.id} className="flex items-center gap-2 border-b border-line px-3 py-1.5 text-[13px] last:border-0">
              <Badge tone={each.access === "read" ? "neutral" : each.access === "write" ? "accent" : "warn"}>{each.access}</Badge>
              {at ? (
                <Link to="/w/$workspace/storages/$storage" params={{ workspace, storage: at.storage }} search={{ key: at.key }} title={each.address} className="min-w-0 flex-1 truncate text-accent hover:underline">
                  {each.address}
                </Link>
              ) : each.kind === "object" ? (
                <span className="min-w-0 flex-1 truncate" title={each.address}>
                  {each.address}
                </span>
              ) : (
                <Link to={each.kind === "database" ? "/w/$workspace/databases/p/$" : "/w/$workspace/resources/p/$"} params={{ workspace, _splat: each.address }} className="min-w-0 flex-1 truncate text-accent hover:underline">
                  {each.kind} {each.address}
                </Link>
              )}
              {each.size_bytes !== null && <span className="shrink-0 text-muted tabular-nums">{bytes(each.size_bytes)}</span>}
            </li>
          );
        })}
      </ul>
      {touched.hasNextPage && (
        <div className="border-t border-line p-2">
          <Button small busy={touched.isFetchingNextPage} onClick={() => void touched.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </Panel>
  );
}
