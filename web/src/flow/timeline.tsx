/** When each job of a flow ran, as bars on one scale; those that it started stand below it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { cls } from "@/ui/class";
import { useRowsInView } from "@/ui/rows-in-view";
import { Shown } from "@/ui/states";
import { duration } from "@/ui/time";

import { treeQuery, type TreeEntry } from "./queries";

const ROW_PX = 30;
const TONES: Record<string, string> = { success: "bg-good", failure: "bg-bad", canceled: "bg-warn", skipped: "bg-line-strong" };

export function Timeline({ workspace, flow }: { workspace: string; flow: string }) {
  const tree = useQuery(treeQuery(workspace, flow));
  return (
    <Shown query={tree} what="the timeline">
      {(entries) => <Bars workspace={workspace} entries={entries} />}
    </Shown>
  );
}

function Bars({ workspace, entries }: { workspace: string; entries: TreeEntry[] }) {
  const box = useRef<HTMLUListElement>(null);
  const now = useNow(entries.some((each) => each.duration_ms === undefined));
  const spans = entries.map((each) => spanOf(each, now));
  const start = Math.min(...spans.map((each) => each?.from ?? Infinity));
  const end = Math.max(start + 1, ...spans.map((each) => each?.to ?? 0));
  const { shown, total } = useRowsInView(box as never, { count: entries.length, height: ROW_PX, keyOf: (index) => entries[index]!.job_id });
  return (
    <ul ref={box} aria-label="Timeline" tabIndex={0} className="h-full overflow-auto py-1">
      <li style={{ height: total }} className="relative">
        <ul>
          {shown.map((row) => {
            const each = entries[row.index]!;
            const span = spans[row.index];
            return (
              <li key={row.key} style={{ position: "absolute", top: 0, left: 0, right: 0, height: row.size, transform: `translateY(${row.start}px)` }} className="flex items-center gap-3 px-3 hover:bg-sunken">
                <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.job_id }} className="w-40 shrink-0 truncate text-[13px] hover:underline sm:w-56" style={{ paddingLeft: Math.min(each.depth, 8) * 12 }}>
                  {nameOf(each)}
                </Link>
                <span className="relative h-3.5 min-w-0 flex-1 rounded bg-sunken">
                  {span && (
                    <span
                      className={cls("absolute h-full min-w-1 rounded", TONES[each.status] ?? "bg-accent")}
                      style={{ left: `${((span.from - start) / (end - start)) * 100}%`, width: `${((span.to - span.from) / (end - start)) * 100}%` }}
                    />
                  )}
                </span>
                <span className="w-20 shrink-0 text-right text-[13px] text-muted tabular-nums">{span ? duration(span.to - span.from) : each.status}</span>
              </li>
            );
          })}
        </ul>
      </li>
    </ul>
  );
}

function nameOf(each: TreeEntry): string {
  if (each.depth === 0) return "The whole flow";
  return each.sibling_count > 1 ? `${each.flow_step_id ?? ""} ${each.sibling_index}` : (each.flow_step_id ?? each.label);
}

function spanOf(each: TreeEntry, now: number): { from: number; to: number } | undefined {
  if (!each.started_at) return undefined;
  const from = new Date(each.started_at).getTime();
  return { from, to: each.duration_ms === undefined ? Math.max(from, now) : from + each.duration_ms };
}

function useNow(isMoving: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [isMoving]);
  return now;
}
