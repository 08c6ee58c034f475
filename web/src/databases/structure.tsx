import { useQuery } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";

import { Badge } from "@/ui/badge";
import { Shown } from "@/ui/states";

import { tableQuery, type Place } from "./queries";

const HEAD = "border-b border-line px-3 py-1.5 text-left font-semibold";
const CELL = "border-b border-line px-3 py-1.5 align-top";

/** Columns, indexes and foreign keys of a table. */
export function Structure({ workspace, resource, place }: { workspace: string; resource: string; place: Place }) {
  const table = useQuery(tableQuery(workspace, resource, place));
  return (
    <Shown query={table} what="the table">
      {(found) => (
        <div className="h-full overflow-auto p-3 text-[13px]" tabIndex={0} role="region" aria-label="Structure">
          {found.comment && <p className="mb-3 text-muted">{found.comment}</p>}
          <table className="w-full border-separate border-spacing-0">
            <thead>
              <tr>
                {["Column", "Type", "Default", "Comment"].map((each) => (
                  <th key={each} scope="col" className={HEAD}>
                    {each}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.columns.map((each) => (
                <tr key={each.name}>
                  <td className={CELL}>
                    <span className="flex items-center gap-1.5 font-medium">
                      {found.key.includes(each.name) && <KeyRound size={13} aria-label="in the key" className="text-accent" />} {each.name}
                    </span>
                  </td>
                  <td className={CELL}>
                    <code>{each.type}</code> {!each.is_nullable && <Badge>never null</Badge>} {each.is_generated && <Badge>generated</Badge>}
                    {each.choices.length > 0 && <p className="text-muted">{each.choices.join(", ")}</p>}
                  </td>
                  <td className={CELL}>
                    <code className="text-xs">{each.default}</code>
                  </td>
                  <td className={CELL}>{each.comment}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {found.indexes.length > 0 && <h3 className="mt-5 mb-1 font-semibold">Indexes</h3>}
          <ul>
            {found.indexes.map((each) => (
              <li key={each.name} className="py-0.5">
                <code className="break-all">{each.definition || each.name}</code>
              </li>
            ))}
          </ul>
          {found.foreign_keys.length > 0 && <h3 className="mt-5 mb-1 font-semibold">Foreign keys</h3>}
          <ul>
            {found.foreign_keys.map((each) => (
              <li key={each.name} className="py-0.5">
                <code>
                  ({each.columns.join(", ")}) → {each.schema}.{each.table} ({each.references.join(", ")})
                </code>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Shown>
  );
}
