import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Activity, RotateCw, Square, X } from "lucide-react";
import { useCallback, useMemo, useState } from "react";

import type { RunsSearch } from "@/app/router";
import { useWorkspace } from "@/app/workspace";
import type { Job } from "@/job/queries";
import { StateBadge, stateOf } from "@/job/state";
import { Button } from "@/ui/button";
import { PageHead } from "@/ui/panel";
import { SelectList } from "@/ui/select-list";
import { Empty, Failure, Loading } from "@/ui/states";
import { Ago, duration } from "@/ui/time";

import { BulkDialog, type Work } from "./bulk";
import { Filters } from "./filters";
import { matching, MOST_CHOSEN, runKeys, runsQuery } from "./queries";

export function RunsPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/runs" });
  const navigate = useNavigate({ from: "/w/$workspace/runs" });
  const queries = useQueryClient();
  const runs = useInfiniteQuery(runsQuery(workspace, search));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [work, setWork] = useState<Work>();
  const found = useMemo(() => runs.data?.pages.flat() ?? [], [runs.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = runs;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  function narrow(change: Partial<RunsSearch>) {
    setChosen(new Set());
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value)), replace: true });
  }
  const isFiltered = Object.keys(search).length > 0;
  return (
    <div className="flex h-full flex-col">
      <PageHead title="Runs" hint="Every job of this workspace that you may see, the newest first." />
      <Filters search={search} narrow={narrow} clear={() => void navigate({ search: {}, replace: true })} />
      {chosen.size > 0 && <Chosen workspace={workspace} search={search} shown={found.length} hasMore={hasNextPage} chosen={chosen} onChosen={setChosen} onWork={setWork} />}
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        {runs.isPending ? (
          <Loading what="the runs" />
        ) : runs.error && !runs.data ? (
          <Failure error={runs.error} what="Could not load the runs" again={() => void runs.refetch()} />
        ) : found.length === 0 ? (
          <Empty icon={<Activity size={28} aria-hidden />} title={isFiltered ? "No run matches" : "Nothing has run yet"}>
            {isFiltered ? "Widen the filters above." : "Run a script; its log, result and cost are kept here."}
          </Empty>
        ) : (
          <SelectList
            items={found}
            label="Runs"
            keyOf={(each) => each.id}
            nameOf={(each) => `the run ${each.id.slice(-8)} of ${each.script_path ?? each.job_kind}`}
            height={40}
            more={more}
            chosen={chosen}
            onChosen={setChosen}
            open={(each) => void navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id: each.id } })}
            row={(each) => <Row run={each} />}
          />
        )}
      </div>
      {work && (
        <BulkDialog
          work={work}
          workspace={workspace}
          ids={[...chosen]}
          onClose={() => setWork(undefined)}
          onDone={() => {
            setChosen(new Set());
            void queries.invalidateQueries({ queryKey: runKeys.all(workspace) });
          }}
        />
      )}
    </div>
  );
}

function Row({ run }: { run: Job }) {
  return (
    <div className="flex w-full min-w-0 items-center gap-3">
      <span className="w-20 shrink-0">
        <StateBadge state={stateOf(run)} />
      </span>
      <span className="min-w-0 flex-1 truncate">{run.script_path ?? <span className="text-muted">{run.job_kind}</span>}</span>
      <span className="hidden w-24 truncate text-[13px] text-muted lg:block">{run.language ?? run.job_kind}</span>
      <span className="hidden w-28 truncate text-[13px] text-muted md:block">{run.created_by}</span>
      <span className="w-20 shrink-0 text-right text-[13px] tabular-nums">{run.type === "CompletedJob" ? duration(run.duration_ms ?? 0) : ""}</span>
      <span className="hidden w-24 shrink-0 text-right text-[13px] text-muted sm:block">
        <Ago at={run.created_at} />
      </span>
    </div>
  );
}

interface ChosenProps {
  workspace: string;
  search: RunsSearch;
  shown: number;
  hasMore: boolean;
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  onWork: (work: Work) => void;
}

function Chosen({ workspace, search, shown, hasMore, chosen, onChosen, onWork }: ChosenProps) {
  const all = useMutation({ mutationFn: () => matching(workspace, search), onSuccess: (ids) => onChosen(new Set(ids)) });
  return (
    <div role="toolbar" aria-label="Chosen runs" className="flex flex-wrap items-center gap-2 border-t border-line bg-accent-soft px-4 py-1.5 lg:px-6">
      <span className="font-medium">{chosen.size.toLocaleString()} chosen</span>
      {chosen.size < shown || hasMore ? (
        <Button small look="quiet" busy={all.isPending} onClick={() => all.mutate()} title={`The newest ${MOST_CHOSEN.toLocaleString()} at most`}>
          Choose all that match
        </Button>
      ) : null}
      <span className="flex-1" />
      <Button small icon={<RotateCw size={13} aria-hidden />} onClick={() => onWork("rerun")}>
        Run again
      </Button>
      <Button small icon={<Square size={13} aria-hidden />} onClick={() => onWork("cancel")}>
        Cancel
      </Button>
      <Button small look="quiet" icon={<X size={14} aria-hidden />} onClick={() => onChosen(new Set())}>
        Choose none
      </Button>
    </div>
  );
}
