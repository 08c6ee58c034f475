/** Spans of time as bars on one scale, one a row; those that belong to another stand below it. */
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { cls } from "@/ui/class";
import { useRowsInView } from "@/ui/rows-in-view";
import { duration } from "@/ui/time";

const ROW_PX = 30;
const TONES: Record<string, string> = { success: "bg-good", failure: "bg-bad", canceled: "bg-warn", skipped: "bg-line-strong", waiting: "bg-line-strong" };

export interface Bar {
  key: string;
  name: ReactNode;
  depth: number;
  status: string;
  /** In milliseconds since 1970; without a beginning there is no bar yet, without an end it grows. */
  from?: number;
  to?: number;
  /** What is said in the place of how long it took. */
  note?: ReactNode;
  /** The run that it is about. */
  job?: string;
}

export function Bars({ workspace, bars }: { workspace: string; bars: Bar[] }) {
  const box = useRef<HTMLUListElement>(null);
  const now = useNow(bars.some((each) => each.to === undefined));
  const spans = bars.map((each) => (each.from === undefined ? undefined : { from: each.from, to: each.to ?? Math.max(each.from, now) }));
  const start = Math.min(...spans.map((each) => each?.from ?? Infinity));
  const end = Math.max(start + 1, ...spans.map((each) => each?.to ?? 0));
  const { shown, total } = useRowsInView(box as never, { count: bars.length, height: ROW_PX, keyOf: (index) => bars[index]!.key });
  return (
    <ul ref={box} aria-label="Timeline" tabIndex={0} className="h-full overflow-auto py-1">
      <li style={{ height: total }} className="relative">
        <ul>
          {shown.map((row) => {
            const each = bars[row.index]!;
            const span = spans[row.index];
            return (
              <li key={row.key} style={{ position: "absolute", top: 0, left: 0, right: 0, height: row.size, transform: `translateY(${row.start}px)` }} className="flex items-center gap-3 px-3 hover:bg-sunken">
                <Name workspace={workspace} bar={each} />
                <span className="relative h-3.5 min-w-0 flex-1 rounded bg-sunken">
                  {span && (
                    <span
                      className={cls("absolute h-full min-w-1 rounded", TONES[each.status] ?? "bg-accent")}
                      style={{ left: `${((span.from - start) / (end - start)) * 100}%`, width: `${((span.to - span.from) / (end - start)) * 100}%` }}
                    />
                  )}
                </span>
                <span className="w-24 shrink-0 truncate text-right text-[13px] text-muted tabular-nums">{each.note ?? (span ? duration(span.to - span.from) : each.status)}</span>
              </li>
            );
          })}
        </ul>
      </li>
    </ul>
  );
}

function Name({ workspace, bar }: { workspace: string; bar: Bar }) {
  const looks = { className: "flex w-40 shrink-0 items-center gap-1.5 truncate text-[13px] sm:w-56", style: { paddingLeft: Math.min(bar.depth, 8) * 12 } };
  if (bar.job === undefined) return <span {...looks}>{bar.name}</span>;
  return (
    <Link to="/w/$workspace/runs/$id" params={{ workspace, id: bar.job }} {...looks} className={cls(looks.className, "hover:underline")}>
      {bar.name}
    </Link>
  );
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
