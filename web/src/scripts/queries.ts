import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { preserving } from "@/items/how-it-runs";
import { readValue, writeValue } from "@/results/value";

export const scriptKeys = {
  all: (workspace: string) => ["scripts", workspace] as const,
  list: (workspace: string) => ["scripts", workspace] as const,
  one: (workspace: string, path: string) => ["scripts", workspace, "one", path] as const,
  history: (workspace: string, path: string) => ["scripts", workspace, "history", path] as const,
  version: (workspace: string, hash: string) => ["scripts", workspace, "version", hash] as const,
};

export const scriptsQuery = (workspace: string) =>
  queryOptions({
    queryKey: scriptKeys.list(workspace),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/list", { params: { path: { workspace }, query: { per_page: 1000, without_description: true, include_without_main: true } } })),
  });

export type Listed = Awaited<ReturnType<NonNullable<ReturnType<typeof scriptsQuery>["queryFn"]>>>[number];

export const scriptQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: scriptKeys.one(workspace, path),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/get/p/{path}", { params: { path: { workspace, path } } })),
  });

export type Version = Awaited<ReturnType<NonNullable<ReturnType<typeof scriptQuery>["queryFn"]>>>;

/** Whether its packages are still looked for. */
export const isLocking = (script: Version): boolean => script.lock === undefined && !script.lock_error_logs;

export const historyQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: scriptKeys.history(workspace, path),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/history/p/{path}", { params: { path: { workspace, path } } })),
  });

export const versionQuery = (workspace: string, hash: string) =>
  queryOptions({
    queryKey: scriptKeys.version(workspace, hash),
    staleTime: Infinity,
    queryFn: async () => readValue(await (await request(workspaceUrl(workspace, "scripts/get/h", hash))).text()) as unknown as Version,
  });

export interface Inferred {
  schema: Record<string, unknown>;
  description?: string;
}

async function infer(workspace: string, language: string, content: string): Promise<Response> {
  return request(workspaceUrl(workspace, "scripts/infer_schema"), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ language, content }) });
}

/** The form that a source asks for, by parsing only. */
export const inferQuery = (workspace: string, language: string, content: string) =>
  queryOptions({
    queryKey: ["infer", workspace, language, content],
    staleTime: Infinity,
    retry: false,
    queryFn: async () => (await (await infer(workspace, language, content)).json()) as Inferred,
  });

/** As `inferQuery` tells, with numbers as they stand in the source: for what is stored. */
export async function inferExactly(workspace: string, language: string, content: string): Promise<Inferred> {
  return readValue(await (await infer(workspace, language, content)).text()) as unknown as Inferred;
}

/** What a version has beside its source; the server takes it under the same names. */
const SETTINGS = [
  "description", "kind", "tag", "on_behalf_of", "labels", "on_worker_loss", "is_template", "concurrent_limit", "concurrency_time_window_s", "concurrency_key", "cache_ttl", "cache_ignore_s3_path",
  "dedicated_worker", "ws_error_handler_muted", "priority", "timeout", "delete_after_use", "delete_after_secs", "auto_kind", "assets",
  "debounce_key", "debounce_delay_s", "debounce_args_to_accumulate", "max_total_debouncing_time", "max_total_debounces_amount",
] as const;

export interface Draft extends Partial<Pick<Version, (typeof SETTINGS)[number]>> {
  path: string;
  summary: string;
  content: string;
  language: string;
  parent_hash?: string;
}

/** A draft that holds what `version` does. Its form and its lock are made anew. */
export function asBefore(version: Version): Draft {
  const settings = Object.fromEntries(SETTINGS.map((name) => [name, version[name]]).filter(([, value]) => value !== undefined));
  return { path: version.path, summary: version.summary, content: version.content, language: version.language, ...settings };
}

interface Deployment extends Draft {
  deployment_message: string;
  lock?: string;
  schema?: unknown;
  /** Follow whatever version is the newest. */
  auto_parent?: boolean;
}

/** Deploys a version; gives its hash. */
export async function deploy(workspace: string, deployment: Deployment): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "scripts/create"), { method: "POST", headers: { "Content-Type": "application/json" }, body: writeValue({ description: "", schema: null, ...deployment, ...preserving(deployment) }) });
  return answer.text();
}

export async function archive(workspace: string, path: string): Promise<void> {
  await request(workspaceUrl(workspace, "scripts/archive/p", path), { method: "POST" });
}
