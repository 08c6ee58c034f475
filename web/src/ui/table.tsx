/** A plain table of some rows; wider than its place, it scrolls by itself. */
import type { ReactNode } from "react";

export function Table({ label, heads, children }: { label: string; heads: ReactNode[]; children: ReactNode }) {
  return (
    <div tabIndex={0} role="region" aria-label={label} className="overflow-x-auto">
      <table className="w-full [&_td]:px-3 [&_td]:py-1.5 [&_td]:align-middle [&_th]:px-3 [&_th]:py-1.5">
        <thead>
          <tr className="border-b border-line text-left text-[13px] text-muted">
            {heads.map((each, index) => (
              <th key={index} scope="col" className="font-medium whitespace-nowrap">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&>tr]:border-b [&>tr]:border-line [&>tr:last-child]:border-0">{children}</tbody>
      </table>
    </div>
  );
}
