/** A grid of any length: sorted by a click on a head, only the rows in view are there. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo, useRef, useState, type ReactNode } from "react";

import { cls } from "./class";

interface GridProps<T> {
  columns: readonly string[];
  rows: readonly (readonly T[])[];
  label: string;
  show: (value: T) => ReactNode;
  /** For sorting; what is shown is not always what it is sorted by. */
  compare: (one: T, other: T) => number;
  isNumber: (value: T) => boolean;
  className?: string;
}

export function Grid<T>({ columns, rows, label, show, compare, isNumber, className }: GridProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [sort, setSort] = useState<{ column: number; down: boolean } | null>(null);
  const sorted = useMemo(() => {
    if (!sort) return rows;
    const sign = sort.down ? -1 : 1;
    return [...rows].sort((one, other) => sign * compare(one[sort.column]!, other[sort.column]!));
  }, [rows, sort, compare]);
  const numeric = useMemo(() => columns.map((_, index) => rows.slice(0, 50).some((row) => isNumber(row[index]!))), [columns, rows, isNumber]);
  const lines = useVirtualizer({ count: sorted.length, getScrollElement: () => box.current, estimateSize: () => 30, overscan: 20 });
  const shown = lines.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = lines.getTotalSize() - (shown.at(-1)?.end ?? 0);
  function turn(column: number) {
    setSort((now) => (now?.column !== column ? { column, down: false } : now.down ? null : { column, down: true }));
  }
  return (
    <div ref={box} tabIndex={0} role="region" aria-label={label} className={cls("max-h-[60vh] overflow-auto", className)}>
      <table aria-rowcount={sorted.length + 1} className="w-full border-separate border-spacing-0 text-[13px]">
        <thead className="sticky top-0 z-10 bg-sunken">
          <tr>
            {columns.map((column, index) => (
              <th key={index} scope="col" aria-sort={sort?.column === index ? (sort.down ? "descending" : "ascending") : "none"} className="border-b border-line p-0 text-left font-semibold">
                <button type="button" onClick={() => turn(index)} className={cls("flex h-8 w-full items-center gap-1 px-3 whitespace-nowrap hover:bg-line", numeric[index] && "justify-end")}>
                  {column}
                  {sort?.column === index && (sort.down ? <ArrowDown size={13} aria-hidden /> : <ArrowUp size={13} aria-hidden />)}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr style={{ height: before }} aria-hidden />}
          {shown.map((line) => (
            <tr key={line.key} aria-rowindex={line.index + 2} className="hover:bg-sunken">
              {columns.map((_, index) => (
                <td key={index} className={cls("h-[30px] max-w-96 truncate border-b border-line px-3", numeric[index] && "text-right tabular-nums")}>
                  {show(sorted[line.index]![index]!)}
                </td>
              ))}
            </tr>
          ))}
          {after > 0 && <tr style={{ height: after }} aria-hidden />}
        </tbody>
      </table>
    </div>
  );
}
