/** The rows of a table: filtered, sorted, changed, taken out as a file and brought in from one. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Upload } from "lucide-react";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Shown } from "@/ui/states";

import { EditableRows } from "./editable-rows";
import { ExportDialog } from "./export-dialog";
import { Filters } from "./filters";
import { ImportDialog } from "./import-dialog";
import { OwnQuery } from "./own-query";
import { databaseKeys, rowsQuery, tableQuery, type Abilities, type Asked, type Place, type RowsPage, type Table } from "./queries";

export interface RowsProps {
  workspace: string;
  resource: string;
  language: string;
  can: Abilities;
  place: Place;
  asked: Asked;
  ask: (asked: Asked) => void;
  openTable: (place: Place) => void;
}

/** All pages as one. */
function joined(pages: readonly RowsPage[]): RowsPage {
  const names = [...new Map(pages.flatMap((page) => page.columns).map((each) => [each.name, each])).values()];
  const rows = pages.flatMap((page) => {
    const at = names.map((each) => page.columns.findIndex((one) => one.name === each.name));
    return page.rows.map((row) => at.map((index) => (index < 0 ? null : row[index]!)));
  });
  const all = <T,>(part: (page: RowsPage) => T[] | null | undefined) => (pages.every((page) => part(page)) ? pages.flatMap((page) => part(page)!) : null);
  return { ...pages.at(-1)!, columns: names, rows, versions: all((page) => page.versions), row_names: all((page) => page.row_names), documents: all((page) => page.documents) };
}

export function Rows(props: RowsProps) {
  const { workspace, resource, language, can, place, asked, ask } = props;
  const table = useQuery(tableQuery(workspace, resource, place));
  const [open, setOpen] = useState<"export" | "import" | null>(null);
  const isOneKey = (language === "redis" || language === "upstash") && place.schema !== "";
  const queries = useQueryClient();
  const rows = useInfiniteQuery({ ...rowsQuery(workspace, resource, place, asked), placeholderData: (before) => before, retry: false });
  return (
    <Shown query={table} what="the table">
      {(known) => (
        <div className="flex h-full min-h-0 flex-col">
          <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
            <Filters columns={filterable(known, rows.data?.pages[0])} conditions={asked.conditions} onConditions={(conditions) => ask({ ...asked, conditions })} />
            <OwnQuery language={language} place={place} query={asked.query} onQuery={(query) => ask({ ...asked, query })} />
            <span className="flex-1" />
            {can.exports.length > 0 && (
              <Button small icon={<Download size={13} aria-hidden />} onClick={() => setOpen("export")}>
                Export
              </Button>
            )}
            {can.imports && !known.kind.includes("view") && !isOneKey && (
              <Button small icon={<Upload size={13} aria-hidden />} onClick={() => setOpen("import")}>
                Import
              </Button>
            )}
          </div>
          <div className="min-h-0 flex-1">
            {rows.error ? (
              <Shown query={{ data: undefined, error: rows.error, isPending: false, refetch: rows.refetch }} what="the rows">
                {() => null}
              </Shown>
            ) : (
              <Shown query={rows} what="the rows">
                {({ pages }) => <EditableRows {...props} table={known} page={joined(pages)} more={rows.hasNextPage && !rows.isFetching ? () => void rows.fetchNextPage() : undefined} hasMore={rows.hasNextPage} />}
              </Shown>
            )}
          </div>
          {open === "export" && <ExportDialog workspace={workspace} resource={resource} place={place} asked={asked} formats={can.exports} onClose={() => setOpen(null)} />}
          {open === "import" && (
            <ImportDialog
              workspace={workspace}
              resource={resource}
              place={place}
              columns={language === "mongodb" || known.kind === "keys" ? [] : known.columns.filter((each) => !each.is_generated).map((each) => each.name)}
              onClose={() => setOpen(null)}
              onImported={() => {
                setOpen(null);
                void queries.resetQueries({ queryKey: databaseKeys.rows(workspace, resource) });
              }}
            />
          )}
        </div>
      )}
    </Shown>
  );
}

/** What can be filtered by: the columns of the rows, which know their kinds, else those of the table. */
function filterable(table: Table, page: RowsPage | undefined): { name: string; kind: string }[] {
  return page?.columns.length ? page.columns : table.columns.map((each) => ({ name: each.name, kind: "text" }));
}
