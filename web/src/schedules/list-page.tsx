import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { CalendarClock, Plus } from "lucide-react";
import { useRef } from "react";

import { useWorkspace } from "@/app/workspace";
import { wordsOf } from "@/cron/words";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { cls } from "@/ui/class";
import { Input } from "@/ui/field";
import { PageHead } from "@/ui/panel";
import { useRowsInView } from "@/ui/rows-in-view";
import { Empty, Shown } from "@/ui/states";
import { Switch } from "@/ui/switch";

import { scheduleKeys, schedulesQuery, setEnabled, type Listed } from "./queries";

const ROW_PX = 60;

export function SchedulesPage() {
  const workspace = useWorkspace();
  const { q = "" } = useSearch({ from: "/w/$workspace/schedules" });
  const navigate = useNavigate();
  const schedules = useQuery(schedulesQuery(workspace));
  const create = (
    <Link to="/w/$workspace/schedules/new" params={{ workspace }} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> New schedule
    </Link>
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Schedules"
        hint="What runs when, and what became of it."
        actions={
          <>
            <Input
              type="search"
              aria-label="Filter"
              placeholder="Filter by path or script"
              className="!w-60"
              value={q}
              onChange={(event) => void navigate({ to: "/w/$workspace/schedules", params: { workspace }, search: event.target.value ? { q: event.target.value } : {}, replace: true })}
            />
            {create}
          </>
        }
      />
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        <Shown query={schedules} what="the schedules">
          {(all) => {
            const found = all.filter((each) => `${each.path} ${each.script_path} ${each.summary ?? ""}`.toLowerCase().includes(q.toLowerCase()));
            if (all.length === 0)
              return (
                <Empty icon={<CalendarClock size={28} aria-hidden />} title="No schedule yet" action={create}>
                  A schedule runs a script or a flow when its pattern comes.
                </Empty>
              );
            return found.length === 0 ? <Empty title="No schedule matches">Try fewer letters.</Empty> : <Rows workspace={workspace} found={found} />;
          }}
        </Shown>
      </div>
    </div>
  );
}

function Rows({ workspace, found }: { workspace: string; found: Listed[] }) {
  const box = useRef<HTMLDivElement>(null);
  const { shown, total } = useRowsInView(box, { count: found.length, height: ROW_PX, keyOf: (index) => found[index]!.path });
  return (
    <div ref={box} className="h-full overflow-auto">
      <ul aria-label="Schedules" style={{ height: total, position: "relative" }}>
        {shown.map((each) => (
          <li key={each.key} style={{ position: "absolute", top: 0, left: 0, right: 0, height: each.size, transform: `translateY(${each.start}px)` }} className="flex items-center gap-3 border-b border-line px-4 hover:bg-sunken lg:px-6">
            <Row workspace={workspace} one={found[each.index]!} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ workspace, one }: { workspace: string; one: Listed }) {
  const queries = useQueryClient();
  const turned = useMutation({ mutationFn: (enabled: boolean) => setEnabled(workspace, one.path, enabled), onSettled: () => queries.invalidateQueries({ queryKey: scheduleKeys.all(workspace) }) });
  return (
    <>
      <Switch label={`${one.path} comes`} on={turned.isPending ? turned.variables : one.enabled} disabled={turned.isPending} onChange={(enabled) => turned.mutate(enabled)} />
      <Link to="/w/$workspace/schedules/p/$" params={{ workspace, _splat: one.path }} className="flex h-full min-w-0 flex-1 items-center gap-3">
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium">{one.summary || one.path}</span>
          <span className="block truncate text-[13px] text-muted">
            {one.is_flow ? "flow" : "script"} <span className="font-mono text-xs">{one.script_path}</span>
          </span>
        </span>
        <span className="hidden w-72 min-w-0 sm:block">
          <span className="block truncate">{wordsOf(one.schedule) || one.schedule}</span>
          <span className="block truncate text-[13px] text-muted">
            <span className="font-mono text-xs">{one.schedule}</span> {one.timezone}
          </span>
        </span>
      </Link>
      {one.error && <Badge tone="bad">cannot run</Badge>}
      <LastRuns runs={one.jobs} />
    </>
  );
}

/** A bar for each of the last runs, the oldest first. */
function LastRuns({ runs }: { runs: Listed["jobs"] }) {
  const failed = runs.filter((each) => !each.success).length;
  const told = runs.length === 0 ? "no run yet" : `${failed} of the last ${runs.length} runs failed`;
  return (
    <span role="img" aria-label={told} title={told} className="hidden h-5 w-40 shrink-0 items-end justify-end gap-0.5 md:flex">
      {runs.toReversed().map((each) => (
        <span key={each.id} className={cls("h-full w-1.5 rounded-sm", each.success ? "bg-good" : "bg-bad")} />
      ))}
    </span>
  );
}
