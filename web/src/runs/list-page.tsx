import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Activity } from "lucide-react";
import { useCallback, useMemo } from "react";

import type { RunsSearch } from "@/app/router";
import { useWorkspace } from "@/app/workspace";
import { StateBadge, stateOf } from "@/job/state";
import { Input, Select } from "@/ui/field";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Failure, Loading } from "@/ui/states";
import { Ago, duration } from "@/ui/time";

import { runsQuery } from "./queries";

const STATES = ["queued", "running", "success", "failure", "canceled"] as const;

export function RunsPage() {
  const workspace = useWorkspace();
  const filter = useSearch({ from: "/w/$workspace/runs" });
  const navigate = useNavigate({ from: "/w/$workspace/runs" });
  const runs = useInfiniteQuery(runsQuery(workspace, filter));
  const found = useMemo(() => {
    const all = runs.data?.pages.flat() ?? [];
    return filter.state === "canceled" || filter.state === "failure" ? all.filter((each) => stateOf(each) === filter.state) : all;
  }, [runs.data, filter.state]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = runs;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  function narrow(change: Partial<RunsSearch>) {
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value)), replace: true });
  }
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Runs"
        hint="Every job of this workspace that you may see, the newest first."
        actions={
          <>
            <Input type="search" aria-label="Path begins with" placeholder="Path begins with" className="!w-48" value={filter.path ?? ""} onChange={(event) => narrow({ path: event.target.value })} />
            <Input type="search" aria-label="Started by" placeholder="Started by" className="!w-32" value={filter.by ?? ""} onChange={(event) => narrow({ by: event.target.value })} />
            <Select aria-label="State" className="!w-36" value={filter.state ?? ""} onChange={(event) => narrow({ state: event.target.value as RunsSearch["state"] })}>
              <option value="">All states</option>
              {STATES.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          </>
        }
      />
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        {runs.isPending ? (
          <Loading what="the runs" />
        ) : runs.error && !runs.data ? (
          <Failure error={runs.error} what="Could not load the runs" again={() => void runs.refetch()} />
        ) : found.length === 0 ? (
          <Empty icon={<Activity size={28} aria-hidden />} title={Object.keys(filter).length ? "No run matches" : "Nothing has run yet"}>
            {Object.keys(filter).length ? "Widen the filters above." : "Run a script; its log, result and cost are kept here."}
          </Empty>
        ) : (
          <VirtualList
            items={found}
            label="Runs"
            keyOf={(each) => each.id}
            height={40}
            more={more}
            open={(each) => void navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id: each.id } })}
            row={(each) => (
              <div className="flex w-full items-center gap-3">
                <span className="w-20 shrink-0">
                  <StateBadge state={stateOf(each)} />
                </span>
                <span className="min-w-0 flex-1 truncate">{each.script_path ?? <span className="text-muted">{each.job_kind}</span>}</span>
                <span className="hidden w-24 truncate text-[13px] text-muted lg:block">{each.language}</span>
                <span className="hidden w-28 truncate text-[13px] text-muted md:block">{each.created_by}</span>
                <span className="w-20 text-right text-[13px] tabular-nums">{each.type === "CompletedJob" ? duration(each.duration_ms ?? 0) : ""}</span>
                <span className="hidden w-24 text-right text-[13px] text-muted sm:block">
                  <Ago at={each.created_at} />
                </span>
              </div>
            )}
          />
        )}
      </div>
    </div>
  );
}
