/** The tables of a database by their schemas. */
import { ChevronDown, ChevronRight, Eye, Table2 } from "lucide-react";
import { useState } from "react";

import { cls } from "@/ui/class";
import { Input } from "@/ui/field";

import type { Place, TableName } from "./queries";

interface TablesProps {
  tables: TableName[];
  shown: Place | null;
  open: (place: Place) => void;
}

const COUNT = new Intl.NumberFormat(undefined, { notation: "compact" });

export function Tables({ tables, shown, open }: TablesProps) {
  const [filter, setFilter] = useState("");
  const wanted = filter.toLowerCase();
  const found = tables.filter((each) => `${each.schema}.${each.name}`.toLowerCase().includes(wanted));
  const schemas = [...new Set(found.map((each) => each.schema))];
  return (
    <div className="flex h-full flex-col">
      <div className="border-b border-line p-2">
        <Input type="search" aria-label="Search tables" placeholder="Search tables" value={filter} onChange={(event) => setFilter(event.target.value)} />
      </div>
      <nav aria-label="Tables" className="min-h-0 flex-1 overflow-auto p-2 text-[13px]">
        {schemas.map((schema) => (
          <Schema key={schema} name={schema} tables={found.filter((each) => each.schema === schema)} shown={shown} open={open} />
        ))}
        {found.length === 0 && <p className="p-2 text-muted">{tables.length ? "No table of that name." : "There is no table that this user may see."}</p>}
      </nav>
    </div>
  );
}

function Schema({ name, tables, shown, open }: TablesProps & { name: string }) {
  const [isOpen, setOpen] = useState(true);
  const Arrow = isOpen ? ChevronDown : ChevronRight;
  return (
    <section>
      {name && (
        <button type="button" aria-expanded={isOpen} className="flex w-full items-center gap-1 py-1 font-medium" onClick={() => setOpen(!isOpen)}>
          <Arrow size={13} aria-hidden /> <span className="truncate">{name}</span>
        </button>
      )}
      {isOpen && (
        <ul className={name ? "pl-3" : undefined}>
          {tables.map((each) => {
            const isShown = shown?.schema === each.schema && shown.table === each.name;
            const Icon = each.kind.includes("view") ? Eye : Table2;
            return (
              <li key={each.name}>
                <button
                  type="button"
                  title={[each.kind, each.comment].filter(Boolean).join(": ")}
                  aria-current={isShown ? "true" : undefined}
                  className={cls("flex w-full items-center gap-1.5 rounded px-1.5 py-1 text-left", isShown ? "bg-accent-soft text-accent" : "hover:bg-sunken")}
                  onClick={() => open({ schema: each.schema, table: each.name })}
                >
                  <Icon size={13} aria-hidden className="shrink-0" />
                  <span className="min-w-0 flex-1 truncate">{each.name}</span>
                  {each.rows !== null && <span className="text-xs text-muted tabular-nums">{COUNT.format(each.rows)}</span>}
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
