/** Databases as the server looks into them: tables, rows by pages, changes, and statements. Values stay as they are written. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { ApiError, api, data, request, workspaceUrl } from "@/api/client";
import { parse, write, type Digits, type Json } from "@/results/shape";

import type { Change } from "./changes";
import type { Condition } from "./conditions";

const JSON_BODY = { "Content-Type": "application/json" };
const PAGE = 200;

export const databaseKeys = {
  all: (workspace: string, resource: string) => ["databases", workspace, resource] as const,
  rows: (workspace: string, resource: string) => ["databases", workspace, resource, "rows"] as const,
  history: (workspace: string, resource: string) => ["database history", workspace, resource] as const,
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

/** What can be asked of a database beside looking into it. */
export interface Abilities {
  defines: string[];
  imports: boolean;
  exports: Format[];
  plans: boolean;
  runs_plans: boolean;
}

export type Format = "csv" | "json" | "parquet";

export const tablesQuery = (workspace: string, resource: string) =>
  queryOptions({
    queryKey: [...databaseKeys.all(workspace, resource), "tables"],
    staleTime: 30_000,
    retry: false,
    queryFn: async () => JSON.parse(await ask(workspace, "tables", JSON.stringify({ resource }))) as { language: string; tables: TableName[]; can: Abilities },
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
  /** What a collection was made with, JSON; "" for nothing. */
  options?: string;
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
  /** A condition in the database's own words, where it has such: JSON text; "" for none. */
  query: string;
  sort: { column: string; down: boolean } | null;
}

/** Which rows are asked for, as members of a JSON object. */
function askedJson(resource: string, { schema, table }: Place, { conditions, query, sort }: Asked): string {
  const filters = conditions.map((each) => `{"column":${JSON.stringify(each.column)},"operator":${JSON.stringify(each.operator)},"value":${each.value}}`).join(",");
  const order = sort ? [{ column: sort.column, descending: sort.down }] : [];
  return `"resource":${JSON.stringify(resource)},"schema":${JSON.stringify(schema)},"table":${JSON.stringify(table)},"filters":[${filters}],"sort":${JSON.stringify(order)}${query ? `,"query":${query}` : ""}`;
}

export const rowsQuery = (workspace: string, resource: string, { schema, table }: Place, asked: Asked) =>
  infiniteQueryOptions({
    queryKey: [...databaseKeys.rows(workspace, resource), schema, table, asked],
    initialPageParam: [] as Json[],
    staleTime: Infinity, // rows that are being changed stay as they were seen
    queryFn: async ({ pageParam }) => {
      const body = `{${askedJson(resource, { schema, table }, asked)},"after":${write(pageParam)},"limit":${PAGE},"canonical":true}`;
      return parse(await ask(workspace, "rows", body)) as unknown as RowsPage;
    },
    getNextPageParam: (page) => page.after ?? undefined,
  });

export interface Statement {
  sql: string;
  arguments: Json[];
  /** Those of one part take effect together. */
  part: Digits;
}

/** What changes came to. If it is not `atomic`, by parts, one after the other. */
export interface Changed {
  statements: Statement[];
  atomic: boolean;
}

/** Makes changes, all or none, or by parts where that is `byParts` and no more can be had; a trial shows what would be run. */
export async function change(workspace: string, resource: string, changes: readonly Change[], how: { isTrial: boolean; byParts?: boolean }): Promise<Changed> {
  const text = await ask(workspace, "change", `{"resource":${JSON.stringify(resource)},"dry_run":${how.isTrial},"by_parts":${how.byParts ?? false},"changes":${write(changes as unknown as Json)}}`);
  return parse(text) as unknown as Changed;
}

export interface Ran {
  /** JSON text. */
  result: string;
  rows: number | null;
  duration_ms: number;
}

/** Runs a script at once. Whether it succeeds or fails, it is in the history of the caller's. */
export async function runScript(workspace: string, resource: string, content: string): Promise<Ran> {
  const found = parse(await ask(workspace, "run", JSON.stringify({ resource, content }))) as { result: Json; rows: Digits | null; duration_ms: Digits };
  return { result: write(found.result), rows: found.rows && Number(found.rows.text), duration_ms: Number(found.duration_ms.text) };
}

export interface Entry {
  id: number;
  resource: string;
  language: string;
  content: string;
  is_cut: boolean;
  ran_at: string;
  duration_ms: number;
  rows: number | null;
  error: string | null;
}

export const historyQuery = (workspace: string, resource: string, text: string) =>
  infiniteQueryOptions({
    queryKey: [...databaseKeys.history(workspace, resource), text],
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam }) =>
      data(api.GET("/api/w/{workspace}/databases/history", { params: { path: { workspace }, query: { resource, per_page: 50, ...(text ? { text } : {}), ...(pageParam ? { before: pageParam } : {}) } } })) as Promise<{ entries: Entry[]; next: number | null }>,
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** Forgets one entry, or all that ran on the database. */
export async function forget(workspace: string, resource: string, id?: number): Promise<void> {
  const place = id === undefined ? `databases/history` : `databases/history/${id}`;
  await request(`${workspaceUrl(workspace, place)}${id === undefined ? `?resource=${encodeURIComponent(resource)}` : ""}`, { method: "DELETE" });
}

/** A step of a definition; docs/guides/databases.md tells what each has. */
export interface Step {
  kind: string;
  schema: string;
  table?: string;
  column?: string;
  to?: string;
  type?: string;
  nullable?: boolean;
  default?: string;
  name?: string;
  unique?: boolean;
  columns?: { name: string; type: string; nullable: boolean; default: string }[];
  names?: string[];
  options?: unknown;
}

export interface Defined {
  statements: string[];
  applied: boolean;
  atomic: boolean;
}

/** The statements of steps; of a trial nothing is sent to the database. */
export async function define(workspace: string, resource: string, steps: readonly Step[], isTrial: boolean): Promise<Defined> {
  return JSON.parse(await ask(workspace, "define", JSON.stringify({ resource, steps, dry_run: isTrial }))) as Defined;
}

/** The rows that match as a file; `got` is told how many bytes are there. */
export async function exportRows(workspace: string, resource: string, place: Place, asked: Asked, form: { format: Format; signal: AbortSignal; got: (bytes: number) => void }): Promise<Blob> {
  const body = `{${askedJson(resource, place, asked)},"format":"${form.format}"}`;
  const answer = await request(workspaceUrl(workspace, "databases/export"), { method: "POST", headers: JSON_BODY, body, signal: form.signal });
  const parts: BlobPart[] = [];
  const reader = answer.body!.getReader();
  for (let got = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts, { type: answer.headers.get("Content-Type") ?? "" });
    parts.push(value);
    form.got((got += value.length));
  }
}

/** The same into an object of workspace storage. */
export async function exportToStorage(workspace: string, resource: string, place: Place, asked: Asked, format: Format, key: string): Promise<string> {
  const body = `{${askedJson(resource, place, asked)},"format":"${format}","to":${JSON.stringify({ s3: key })}}`;
  return (JSON.parse(await ask(workspace, "export", body)) as { object: { s3: string } }).object.s3;
}

export interface Importing {
  file: File;
  format: Format;
  /** Columns of the file -> of the table; what is not named is left out. Empty: they have the same names. */
  columns: { [name: string]: string };
  isTrial: boolean;
  /** Told how many bytes the server has taken: it takes more as the database takes the rows before. */
  sent: (bytes: number) => void;
  signal: AbortSignal;
}

/** All of a file or nothing; how many rows. */
export function importFile(workspace: string, resource: string, { schema, table }: Place, asked: Importing): Promise<number> {
  const query = new URLSearchParams({ resource, schema, table, format: asked.format, columns: JSON.stringify(asked.columns), dry_run: String(asked.isTrial) });
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest(); // `fetch` does not tell how much was sent
    call.open("POST", `${workspaceUrl(workspace, "databases/import_file")}?${query.toString()}`);
    call.setRequestHeader("X-Tidemill-CSRF", "1");
    call.setRequestHeader("Content-Type", "application/octet-stream");
    call.upload.onprogress = (event) => asked.sent(event.loaded);
    call.onload = () => {
      if (call.status === 200) resolve((JSON.parse(call.responseText) as { rows: number }).rows);
      else reject(new ApiError(call.status, call.getResponseHeader("X-Tidemill-Error") ?? "", call.responseText || `The server answered ${call.status}.`));
    };
    call.onerror = () => reject(new ApiError(0, "unreachable", "The connection broke before the file was imported: nothing was."));
    call.onabort = () => reject(new DOMException("stopped", "AbortError"));
    asked.signal.addEventListener("abort", () => call.abort());
    call.send(asked.file);
  });
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

/** How the database would run one statement; if it `runs`, how it has, and what it did was taken back. */
export async function explain(workspace: string, resource: string, content: string, runs: boolean): Promise<Plan> {
  const found = parse(await ask(workspace, "explain", JSON.stringify({ resource, content, analyze: runs }))) as { form: string; sql: string; plan: Json };
  return { form: found.form, sql: found.sql, text: typeof found.plan === "string" ? found.plan : write(found.plan) };
}
