/** A database: its tables beside, one of them or the console in the middle. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Plus, RefreshCw, Settings2, SquareTerminal } from "lucide-react";
import { useState } from "react";

import { useWorkspace } from "@/app/workspace";
import { buttonClass, Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Tabs } from "@/ui/tabs";

import { readConditions, writeConditions } from "./conditions";
import { Console } from "./console";
import { NewTable } from "./new-table";
import { databaseKeys, tablesQuery, type Abilities, type Asked, type Place } from "./queries";
import { Rows } from "./rows";
import { Structure } from "./structure";
import { Tables } from "./tables";

export function DatabasePage() {
  const workspace = useWorkspace();
  const resource = useParams({ from: "/w/$workspace/databases/p/$" })._splat ?? "";
  const search = useSearch({ from: "/w/$workspace/databases/p/$" });
  const tables = useQuery(tablesQuery(workspace, resource));
  const queries = useQueryClient();
  const navigate = useNavigate();
  const go = (to: typeof search) => void navigate({ to: "/w/$workspace/databases/p/$", params: { workspace, _splat: resource }, search: to });
  const [isMaking, setMaking] = useState(false);
  const isConsole = search.view === "console";
  const place = search.table === undefined ? null : { schema: search.schema ?? "", table: search.table };
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={resource}
        actions={
          <>
            <Button icon={<RefreshCw size={15} aria-hidden />} onClick={() => void queries.resetQueries({ queryKey: databaseKeys.all(workspace, resource) })}>
              Read again
            </Button>
            {tables.data?.can.defines.includes("create_table") && (
              <Button icon={<Plus size={15} aria-hidden />} onClick={() => setMaking(true)}>
                {tables.data.language === "mongodb" ? "New collection" : "New table"}
              </Button>
            )}
            <Button icon={<SquareTerminal size={15} aria-hidden />} aria-pressed={isConsole} onClick={() => go(isConsole ? { ...search, view: undefined } : { ...search, view: "console" })}>
              Console
            </Button>
            <Link to="/w/$workspace/resources/p/$" params={{ workspace, _splat: resource }} className={buttonClass()}>
              <Settings2 size={15} aria-hidden /> Resource
            </Link>
          </>
        }
      />
      <Shown query={tables} what="the database">
        {({ language, tables: found, can }) => (
          <div className="flex min-h-0 flex-1 flex-col border-t border-line bg-panel md:flex-row">
            <div className={cls("shrink-0 border-line md:block md:w-60 md:border-r", place || isConsole ? "hidden" : "block min-h-0 flex-1 md:flex-none")}>
              <Tables tables={found} shown={isConsole ? null : place} open={(to) => go({ schema: to.schema || undefined, table: to.table })} />
            </div>
            <div className={cls("min-w-0 flex-1 flex-col md:flex", place || isConsole ? "flex min-h-0" : "hidden")}>
              {(place || isConsole) && (
                <div className="border-b border-line p-2 md:hidden">
                  <Button small onClick={() => go({})}>
                    All tables
                  </Button>
                </div>
              )}
              {isConsole ? (
                <Console workspace={workspace} resource={resource} language={language} can={can} tables={found} />
              ) : place ? (
                <TableView key={`${place.schema}.${place.table}`} workspace={workspace} resource={resource} language={language} can={can} place={place} search={search} go={go} />
              ) : (
                <Empty title="Pick a table">Its rows open here. The console takes statements.</Empty>
              )}
            </div>
            {isMaking && (
              <NewTable
                workspace={workspace}
                resource={resource}
                language={language}
                schemas={schemasOf(found)}
                onClose={() => setMaking(false)}
                onMade={(to) => {
                  setMaking(false);
                  go({ schema: to.schema, table: to.table, view: "structure" });
                }}
              />
            )}
          </div>
        )}
      </Shown>
    </div>
  );
}

/** The one that is most likely meant first. */
function schemasOf(tables: readonly { schema: string }[]): string[] {
  const all = [...new Set(tables.map((each) => each.schema))];
  return [...all.filter((each) => each === "public" || each === "dbo"), ...all.filter((each) => each !== "public" && each !== "dbo")];
}

interface TableViewProps {
  workspace: string;
  resource: string;
  language: string;
  can: Abilities;
  place: Place;
  search: { schema?: string; table?: string; view?: string; sort?: string; where?: string; query?: string };
  go: (search: TableViewProps["search"]) => void;
}

function TableView({ workspace, resource, language, can, place, search, go }: TableViewProps) {
  const asked: Asked = {
    conditions: readConditions(search.where),
    query: search.query ?? "",
    sort: search.sort ? { column: search.sort.replace(/^-/, ""), down: search.sort.startsWith("-") } : null,
  };
  const set = ({ conditions, query, sort }: Asked) => go({ ...search, where: writeConditions(conditions), query: query || undefined, sort: sort ? `${sort.down ? "-" : ""}${sort.column}` : undefined });
  return (
    <Tabs
      label={place.table}
      className="min-h-0 flex-1 !rounded-none !border-0"
      value={search.view === "structure" ? "structure" : "rows"}
      onChange={(view) => go({ ...search, view: view === "rows" ? undefined : view })}
      tabs={[
        { id: "rows", label: "Rows", content: <Rows workspace={workspace} resource={resource} language={language} can={can} place={place} asked={asked} ask={set} openTable={(to) => go({ schema: to.schema, table: to.table })} /> },
        { id: "structure", label: "Structure", content: <Structure workspace={workspace} resource={resource} language={language} can={can} place={place} openTable={(to) => go(to ? { schema: to.schema, table: to.table, view: "structure" } : {})} /> },
      ]}
    />
  );
}
