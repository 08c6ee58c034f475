/** The flows of a workspace, each with how its last run ended. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArchiveRestore, Plus, Workflow } from "lucide-react";
import { useMemo, useRef } from "react";

import { useWorkspace } from "@/app/workspace";
import { StateBadge, stateOf } from "@/job/state";
import { ownerOf } from "@/items/owner";
import { Button, buttonClass } from "@/ui/button";
import { Input, Select } from "@/ui/field";
import { PageHead } from "@/ui/panel";
import { useRowsInView } from "@/ui/rows-in-view";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { arranged, ORDERS } from "./order";
import { flowKeys, flowsQuery, lastRunsQuery, setArchived, type LastRun as LastRunOf, type Listed } from "./queries";
import { RowMenu } from "./row-menu";

const ROW_PX = 56;

export function FlowsPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/flows" });
  const isArchived = search.archived !== undefined;
  const navigate = useNavigate();
  const flows = useQuery(flowsQuery(workspace, isArchived));
  const last = useQuery(lastRunsQuery(workspace)).data;
  const found = useMemo(() => arranged(flows.data ?? [], search, (path) => last?.[path]?.created_at), [flows.data, search, last]);
  const owners = [...new Set([...(search.owner ? [search.owner] : []), ...(flows.data ?? []).map((each) => ownerOf(each.path))])].sort();
  function narrow(change: Partial<typeof search>) {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value));
    void navigate({ to: "/w/$workspace/flows", params: { workspace }, search: next, replace: true });
  }
  const create = (
    <Link to="/w/$workspace/flows/new" params={{ workspace }} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> New flow
    </Link>
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead title="Flows" hint="Scripts, queries and other flows, one after the other; each step is kept." actions={create} />
      <div className="flex flex-wrap items-center gap-2 px-4 pb-3 lg:px-6">
        <Input type="search" aria-label="Filter" placeholder="Filter by path or summary" className="!w-64 max-w-full" value={search.q ?? ""} onChange={(event) => narrow({ q: event.target.value })} />
        <Select aria-label="Owner" className="!w-36 font-mono" value={search.owner ?? ""} onChange={(event) => narrow({ owner: event.target.value })}>
          <option value="">All owners</option>
          {owners.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </Select>
        <Select aria-label="Order" className="!w-44" value={search.sort ?? "edited"} onChange={(event) => narrow({ sort: event.target.value === "edited" ? "" : event.target.value })}>
          {Object.entries(ORDERS).map(([id, words]) => (
            <option key={id} value={id}>
              {words}
            </option>
          ))}
        </Select>
        <label className="flex items-center gap-2">
          <input type="checkbox" className="size-4 accent-(--accent)" checked={isArchived} onChange={(event) => narrow({ archived: event.target.checked ? "yes" : "" })} /> Archived ones
        </label>
        {flows.data && <span className="ml-auto text-[13px] text-muted">{found.length === flows.data.length ? found.length : `${found.length} of ${flows.data.length}`}</span>}
      </div>
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        <Shown query={flows} what="the flows">
          {(all) =>
            found.length > 0 ? (
              <Rows workspace={workspace} found={found} last={last} />
            ) : all.length > 0 ? (
              <Empty title="No flow matches">Try fewer letters, or all owners.</Empty>
            ) : isArchived ? (
              <Empty title="No flow is archived" />
            ) : (
              <Empty icon={<Workflow size={28} aria-hidden />} title="No flow yet" action={create}>
                A flow runs steps one after the other, in loops and in branches, waits for approvals, and goes on after a crash.
              </Empty>
            )
          }
        </Shown>
      </div>
    </div>
  );
}

function Rows({ workspace, found, last }: { workspace: string; found: Listed[]; last: Record<string, LastRunOf> | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const { shown, total } = useRowsInView(box, { count: found.length, height: ROW_PX, keyOf: (index) => found[index]!.path });
  return (
    <div ref={box} className="h-full overflow-auto">
      <ul aria-label="Flows" style={{ height: total, position: "relative" }}>
        {shown.map((each) => {
          const one = found[each.index]!;
          return (
            <li key={each.key} style={{ position: "absolute", top: 0, left: 0, right: 0, height: each.size, transform: `translateY(${each.start}px)` }} className="flex items-center gap-3 border-b border-line px-4 hover:bg-sunken lg:px-6">
              <Link to="/w/$workspace/flows/p/$" params={{ workspace, _splat: one.path }} className="flex h-full min-w-0 flex-1 items-center gap-3">
                <span className="flex size-8 shrink-0 items-center justify-center rounded-md bg-sunken text-muted">
                  <Workflow size={16} aria-hidden />
                </span>
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium">{one.summary || one.path.split("/").at(-1)}</span>
                  <span className="block truncate font-mono text-xs text-muted">{one.path}</span>
                </span>
                <span className="hidden w-40 truncate text-[13px] text-muted lg:block">
                  {one.edited_by}, <Ago at={one.edited_at} />
                </span>
              </Link>
              {one.archived ? (
                <Back workspace={workspace} path={one.path} />
              ) : (
                <>
                  {last && <LastRun workspace={workspace} run={last[one.path]} />}
                  <RowMenu workspace={workspace} path={one.path} />
                </>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function LastRun({ workspace, run }: { workspace: string; run: LastRunOf | undefined }) {
  if (!run) return <span className="w-24 shrink-0 text-right text-[13px] text-muted sm:w-40">no run yet</span>;
  return (
    <Link to="/w/$workspace/runs/$id" params={{ workspace, id: run.id }} aria-label={`Last run: ${stateOf(run)}`} className="flex w-24 shrink-0 items-center justify-end gap-2 sm:w-40">
      <span className="hidden text-[13px] text-muted sm:inline">
        <Ago at={run.created_at} />
      </span>
      <StateBadge state={stateOf(run)} />
    </Link>
  );
}

function Back({ workspace, path }: { workspace: string; path: string }) {
  const queries = useQueryClient();
  const back = useMutation({
    mutationFn: () => setArchived(workspace, path, false),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
      toast("good", `${path} is in use again.`);
    },
  });
  return (
    <Button small icon={<ArchiveRestore size={14} aria-hidden />} busy={back.isPending} onClick={() => back.mutate()}>
      Bring back
    </Button>
  );
}
