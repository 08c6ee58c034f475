/** Databases as the server looks into them: tables, rows by pages, changes, and statements. Values stay as they are written. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { parse, write, type Json } from "@/results/shape";

import type { Change } from "./changes";
import type { Condition } from "./conditions";

const JSON_BODY = { "Content-Type": "application/json" };
const PAGE = 200;

export const databaseKeys = {
  all: (workspace: string, resource: string) => ["databases", workspace, resource] as const,
  rows: (workspace: string, resource: string) => ["databases", workspace, resource, "rows"] as const,
};

/** Types of resources whose databases can be looked into, and how scripts of their language are written. */
export const LANGUAGES: Record<string, string> = {
  postgresql: "postgresql", mysql: "mysql", clickhouse: "clickhouse", ms_sql_server: "mssql", oracledb: "oracledb", bigquery: "bigquery", snowflake: "snowflake", mongodb: "mongodb", redis: "redis", upstash: "redis",
};

export const databasesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["resources", workspace, "databases"],
    queryFn: () => data(api.GET("/api/w/{workspace}/resources/list", { params: { path: { workspace }, query: { resource_type: Object.keys(LANGUAGES).join(","), per_page: 1000 } } })),
  });

async function ask(workspace: string, name: string, body: string): Promise<string> {
  return (await request(workspaceUrl(workspace, "databases", name), { method: "POST", headers: JSON_BODY, body })).text();
}

export interface TableName {
  schema: string;
  name: string;
  kind: string;
  rows: number | null;
  comment: string;
}

export const tablesQuery = (workspace: string, resource: string) =>
  queryOptions({
    queryKey: [...databaseKeys.all(workspace, resource), "tables"],
    staleTime: 30_000,
    retry: false,
    queryFn: async () => JSON.parse(await ask(workspace, "tables", JSON.stringify({ resource }))) as { language: string; tables: TableName[] },
  });

export interface TableColumn {
  name: string;
  type: string;
  is_nullable: boolean;
  default: string | null;
  is_generated: boolean;
  comment: string;
  choices: string[];
}

export interface Table {
  schema: string;
  name: string;
  kind: string;
  comment: string;
  columns: TableColumn[];
  key: string[];
  indexes: { name: string; columns: string[]; is_unique: boolean; is_primary: boolean; definition: string }[];
  foreign_keys: { name: string; columns: string[]; schema: string; table: string; references: string[] }[];
  why_read_only?: string;
}

export interface Place {
  schema: string;
  table: string;
}

export const tableQuery = (workspace: string, resource: string, { schema, table }: Place) =>
  queryOptions({
    queryKey: [...databaseKeys.all(workspace, resource), "table", schema, table],
    staleTime: 30_000,
    queryFn: async () => JSON.parse(await ask(workspace, "table", JSON.stringify({ resource, schema, table }))) as Table,
  });

export interface RowsPage {
  columns: { name: string; type: string; kind: string }[];
  rows: Json[][];
  versions: string[] | null;
  row_names: string[] | null;
  after: Json[] | null;
  has_more: boolean;
  sql: string;
  documents?: Json[] | null;
}

export interface Asked {
  conditions: Condition[];
  sort: { column: string; down: boolean } | null;
}

export const rowsQuery = (workspace: string, resource: string, { schema, table }: Place, { conditions, sort }: Asked) =>
  infiniteQueryOptions({
    queryKey: [...databaseKeys.rows(workspace, resource), schema, table, conditions, sort],
    initialPageParam: [] as Json[],
    staleTime: Infinity, // rows that are being changed stay as they were seen
    queryFn: async ({ pageParam }) => {
      const filters = conditions.map((each) => `{"column":${JSON.stringify(each.column)},"operator":${JSON.stringify(each.operator)},"value":${each.value}}`).join(",");
      const order = sort ? [{ column: sort.column, descending: sort.down }] : [];
      const body = `{"resource":${JSON.stringify(resource)},"schema":${JSON.stringify(schema)},"table":${JSON.stringify(table)},"filters":[${filters}],"sort":${JSON.stringify(order)},"after":${write(pageParam)},"limit":${PAGE},"canonical":true}`;
      return parse(await ask(workspace, "rows", body)) as unknown as RowsPage;
    },
    getNextPageParam: (page) => page.after ?? undefined,
  });

export interface Statement {
  sql: string;
  arguments: Json[];
}

/** Makes changes, all or none; a trial shows what would be run, and the database takes it back. */
export async function change(workspace: string, resource: string, changes: readonly Change[], isTrial: boolean): Promise<Statement[]> {
  const text = await ask(workspace, "change", `{"resource":${JSON.stringify(resource)},"dry_run":${isTrial},"changes":${write(changes as unknown as Json)}}`);
  return (parse(text) as unknown as { statements: Statement[] }).statements;
}

/** Sends statements to the database at once; the result as JSON text. */
export async function runStatements(workspace: string, language: string, content: string): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "jobs/run_inline/preview"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ language, content, args: {} }) });
  return answer.text();
}

/** Names for the console to complete: tables, and the columns of those that were opened. */
export const completionQuery = (workspace: string, resource: string, tables: readonly TableName[]) =>
  queryOptions({
    queryKey: [...databaseKeys.all(workspace, resource), "completion", tables.length],
    staleTime: 60_000,
    queryFn: async () => {
      const near = tables.slice(0, MOST_COMPLETED);
      const found = await Promise.all(near.map(async (each) => [each, JSON.parse(await ask(workspace, "table", JSON.stringify({ resource, schema: each.schema, table: each.name }))) as Table] as const));
      const columns = new Map(found.map(([each, table]) => [each, table.columns.map((column) => column.name)]));
      const names: Record<string, string[]> = {};
      for (const each of tables) {
        names[each.name] ??= columns.get(each) ?? [];
        if (each.schema) names[`${each.schema}.${each.name}`] = columns.get(each) ?? [];
      }
      return names;
    },
  });

const MOST_COMPLETED = 20;

export interface Plan {
  form: string;
  sql: string;
  text: string;
}

/** How the database would run one statement; it is not run. */
export async function explain(workspace: string, resource: string, content: string): Promise<Plan> {
  const found = parse(await ask(workspace, "explain", JSON.stringify({ resource, content }))) as { form: string; sql: string; plan: Json };
  return { form: found.form, sql: found.sql, text: typeof found.plan === "string" ? found.plan : write(found.plan) };
}
