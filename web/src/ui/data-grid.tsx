/** A grid of any length: only the rows in view are there. Who shows it sorts, as rows may come page by page from a server. */
import { ArrowDown, ArrowUp } from "lucide-react";
import { useRef, type ReactNode } from "react";

import { cls } from "./class";
import { useRowsInView } from "./rows-in-view";

export interface GridSort {
  column: string;
  down: boolean;
}

export interface GridColumn {
  name: string;
  /** Shown below the name: its type. */
  hint?: string;
  icon?: ReactNode;
  /** Numbers stand to the right. */
  isNumeric?: boolean;
}

interface DataGridProps<T> {
  label: string;
  columns: readonly GridColumn[];
  rows: readonly (readonly T[])[];
  cell: (value: T | undefined, row: number, column: number) => ReactNode;
  sort: GridSort | null;
  onSort: (sort: GridSort | null) => void;
  /** Called when the end comes into view; absent where there is no more. */
  more?: () => void;
  rowClass?: (row: number) => string | undefined;
  /** A first column, such as what can be done with a row. */
  lead?: (row: number) => ReactNode;
  className?: string;
}

const ROW = 30;

export function DataGrid<T>({ label, columns, rows, cell, sort, onSort, more, rowClass, lead, className }: DataGridProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const { shown, total } = useRowsInView(box, { count: rows.length, height: ROW, more });
  const before = shown[0]?.start ?? 0;
  const after = total - (shown.at(-1)?.end ?? 0);
  const turn = (name: string) => onSort(sort?.column !== name ? { column: name, down: false } : sort.down ? null : { column: name, down: true });
  return (
    <div ref={box} tabIndex={0} role="region" aria-label={label} className={cls("overflow-auto", className)}>
      <table aria-rowcount={rows.length + 1} className="min-w-full border-separate border-spacing-0 text-[13px]">
        <thead className="sticky top-0 z-10 bg-sunken">
          <tr>
            {lead && (
              <th scope="col" className="w-10 border-b border-line">
                <span className="sr-only">Row</span>
              </th>
            )}
            {columns.map((column, index) => (
              <th key={index} scope="col" aria-sort={sort?.column === column.name ? (sort.down ? "descending" : "ascending") : "none"} className="border-b border-line p-0 text-left font-semibold">
                <button type="button" onClick={() => turn(column.name)} className={cls("flex min-h-8 w-full flex-col justify-center px-3 py-1 leading-tight whitespace-nowrap hover:bg-line", column.isNumeric ? "items-end" : "items-start")}>
                  <span className="flex items-center gap-1">
                    {column.icon}
                    {column.name}
                    {sort?.column === column.name && (sort.down ? <ArrowDown size={12} aria-hidden /> : <ArrowUp size={12} aria-hidden />)}
                  </span>
                  {column.hint && <span className="text-[11px] font-normal text-muted">{column.hint}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr style={{ height: before }} aria-hidden />}
          {shown.map((line) => (
            <tr key={line.key} aria-rowindex={line.index + 2} className={cls("hover:bg-sunken", rowClass?.(line.index))}>
              {lead && <td className="h-[30px] border-b border-line px-1">{lead(line.index)}</td>}
              {columns.map((column, index) => (
                <td key={index} className={cls("h-[30px] max-w-80 truncate border-b border-line px-3", column.isNumeric && "text-right tabular-nums")}>
                  {cell(rows[line.index]![index], line.index, index)}
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
