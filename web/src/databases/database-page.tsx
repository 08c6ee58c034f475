/** A database: its tables beside, one of them or the console in the middle. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { RefreshCw, Settings2, SquareTerminal } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { buttonClass, Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Tabs } from "@/ui/tabs";

import { readConditions, writeConditions } from "./conditions";
import { Console } from "./console";
import { databaseKeys, tablesQuery, type Asked, type Place, type TableName } from "./queries";
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
        {({ language, tables: found }) => (
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
                <Console workspace={workspace} resource={resource} language={language} tables={found} />
              ) : place ? (
                <TableView key={`${place.schema}.${place.table}`} workspace={workspace} resource={resource} language={language} place={place} tables={found} search={search} go={go} />
              ) : (
                <Empty title="Pick a table">Its rows open here. The console takes statements.</Empty>
              )}
            </div>
          </div>
        )}
      </Shown>
    </div>
  );
}

interface TableViewProps {
  workspace: string;
  resource: string;
  language: string;
  place: Place;
  tables: TableName[];
  search: { schema?: string; table?: string; view?: string; sort?: string; where?: string };
  go: (search: TableViewProps["search"]) => void;
}

function TableView({ workspace, resource, language, place, search, go }: TableViewProps) {
  const asked: Asked = {
    conditions: readConditions(search.where),
    sort: search.sort ? { column: search.sort.replace(/^-/, ""), down: search.sort.startsWith("-") } : null,
  };
  const set = ({ conditions, sort }: Asked) => go({ ...search, where: writeConditions(conditions), sort: sort ? `${sort.down ? "-" : ""}${sort.column}` : undefined });
  return (
    <Tabs
      label={place.table}
      className="min-h-0 flex-1 !rounded-none !border-0"
      value={search.view === "structure" ? "structure" : "rows"}
      onChange={(view) => go({ ...search, view: view === "rows" ? undefined : view })}
      tabs={[
        { id: "rows", label: "Rows", content: <Rows workspace={workspace} resource={resource} language={language} place={place} asked={asked} ask={set} openTable={(to) => go({ schema: to.schema, table: to.table })} /> },
        { id: "structure", label: "Structure", content: <Structure workspace={workspace} resource={resource} place={place} /> },
      ]}
    />
  );
}
