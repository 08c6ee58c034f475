import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { EMPTY_SCHEMA, moreOf, normal, type Flow, type FlowValue, type More, type Schema } from "@/flow/model";
import { preserving } from "@/items/how-it-runs";
import { readValue, writeValue } from "@/results/value";

const JSON_BODY = { "Content-Type": "application/json" };

export const flowKeys = {
  all: (workspace: string) => ["flows", workspace] as const,
  list: (workspace: string, archived: boolean) => ["flows", workspace, "list", archived] as const,
  one: (workspace: string, path: string) => ["flows", workspace, "one", path] as const,
  history: (workspace: string, path: string) => ["flows", workspace, "history", path] as const,
};

export const flowsQuery = (workspace: string, archived: boolean) =>
  queryOptions({
    queryKey: flowKeys.list(workspace, archived),
    queryFn: () => data(api.GET("/api/w/{workspace}/flows/list", { params: { path: { workspace }, query: { per_page: 1000, show_archived: archived, without_value: true } } })),
  });

export type Listed = Awaited<ReturnType<NonNullable<ReturnType<typeof flowsQuery>["queryFn"]>>>[number];

export interface Version extends Flow {
  path: string;
  version: number;
  archived: boolean;
  by: string;
  at: string;
  message: string;
  /** What else is deployed with it. */
  more: More;
}

interface Wire {
  path: string;
  summary: string;
  description: string;
  value: FlowValue;
  schema?: Schema | null;
  edited_by: string;
  edited_at: string;
  archived: boolean;
  version_id: number;
  deployment_msg?: string;
}

function versionOf(text: string): Version {
  const found = readValue(text) as unknown as Wire;
  return {
    path: found.path,
    summary: found.summary,
    description: found.description,
    value: normal(found.value),
    schema: found.schema ?? EMPTY_SCHEMA,
    version: found.version_id,
    archived: found.archived,
    by: found.edited_by,
    at: found.edited_at,
    message: found.deployment_msg ?? "",
    more: moreOf(found),
  };
}

export const flowQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: flowKeys.one(workspace, path),
    queryFn: async () => versionOf(await (await request(workspaceUrl(workspace, "flows/get", path))).text()),
  });

/** Whether the scripts that stand in the flow are locked; asked again while a job does that. */
export const deploymentQuery = (workspace: string, path: string, version: number) =>
  queryOptions({
    queryKey: [...flowKeys.one(workspace, path), "deployment", version] as const,
    queryFn: () => data(api.GET("/api/w/{workspace}/flows/deployment_status/p/{path}", { params: { path: { workspace, path } } })),
    refetchInterval: ({ state }) => (state.data?.job_id && !state.data.lock_error_logs ? 2000 : false),
  });

export const versionQuery = (workspace: string, version: number) =>
  queryOptions({
    queryKey: ["flows", workspace, "version", version] as const,
    staleTime: Infinity,
    queryFn: async () => versionOf(await (await request(workspaceUrl(workspace, "flows/get/v", String(version)))).text()),
  });

const PAGE = 50;

export const historyQuery = (workspace: string, path: string) =>
  infiniteQueryOptions({
    queryKey: flowKeys.history(workspace, path),
    initialPageParam: 1,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/flows/history/p/{path}", { params: { path: { workspace, path }, query: { page: pageParam, per_page: PAGE } } })),
    getNextPageParam: (page, _, number) => (page.length < PAGE ? undefined : number + 1),
  });

/** The newest run of each flow, by its path. */
export const lastRunsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["runs", workspace, "of flows"] as const,
    refetchInterval: 10_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/flows/last_runs", { params: { path: { workspace } } })),
  });

export type LastRun = Awaited<ReturnType<NonNullable<ReturnType<typeof lastRunsQuery>["queryFn"]>>>[string];

export const runsOfQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: ["runs", workspace, "of flow", path] as const,
    refetchInterval: 5_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs/list", { params: { path: { workspace }, query: { job_kinds: "flow", script_path_exact: path, per_page: 20 } } })),
  });

export type Run = Awaited<ReturnType<NonNullable<ReturnType<typeof runsOfQuery>["queryFn"]>>>[number];

export const schedulesOfQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: ["schedules", workspace, "of flow", path] as const,
    queryFn: () => data(api.GET("/api/w/{workspace}/schedules/list", { params: { path: { workspace }, query: { path, is_flow: true, per_page: 1000 } } })),
  });

export interface User {
  kind: "flow" | "script";
  path: string;
}

/** The flows that run it as a step, and the scripts that name its path. */
export const usersOfQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: ["flows", workspace, "users", path] as const,
    queryFn: async (): Promise<User[]> => {
      const params = { path: { workspace } };
      const [flows, scripts] = await Promise.all([data(api.GET("/api/w/{workspace}/flows/list_search", { params })), data(api.GET("/api/w/{workspace}/scripts/list_search", { params }))]);
      return [
        ...flows.filter((each) => each.path !== path && runsIt(each.value, path)).map((each) => ({ kind: "flow" as const, path: each.path })),
        ...scripts.filter((each) => ['"', "'", "`"].some((mark) => each.content.includes(`${mark}${path}${mark}`))).map((each) => ({ kind: "script" as const, path: each.path })),
      ];
    },
  });

/** Whether a step at any depth runs the flow `path`. */
export function runsIt(value: unknown, path: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { type, path: named } = value as { type?: unknown; path?: unknown };
  return (type === "flow" && named === path) || Object.values(value).some((each) => runsIt(each, path));
}

export async function setArchived(workspace: string, path: string, archived: boolean): Promise<void> {
  await request(workspaceUrl(workspace, "flows/archive", path), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ archived }) });
}

export async function remove(workspace: string, path: string): Promise<void> {
  await request(workspaceUrl(workspace, "flows/delete", path), { method: "DELETE" });
}

export interface Deployment extends Flow {
  path: string;
  message: string;
  more: More;
}

/** Deploys a new flow, or a version on top of the one that `base` is of. */
export async function deploy(workspace: string, { path, message, more, summary, description, value, schema }: Deployment, base?: { path: string; version: number }): Promise<void> {
  const body = writeValue({ ...more, ...preserving(more), path, summary, description, value, schema, deployment_message: message });
  const url = base ? workspaceUrl(workspace, "flows/update", base.path) : workspaceUrl(workspace, "flows/create");
  await request(url, { method: "POST", headers: { ...JSON_BODY, ...(base ? { "If-Match": `"${base.version}"` } : {}) }, body });
}

export interface Finding {
  code: string;
  place: string;
  message: string;
}

/** What is probably wrong with a flow that is not deployed. */
export const checkQuery = (workspace: string, value: string, schema: string, tag: string | undefined) =>
  queryOptions({
    queryKey: ["flows", workspace, "check", value, schema, tag] as const,
    staleTime: 30_000,
    gcTime: 60_000,
    retry: false,
    queryFn: async (): Promise<Finding[]> => {
      const answer = await request(workspaceUrl(workspace, "flows/check"), { method: "POST", headers: JSON_BODY, body: `{"value":${value},"schema":${schema},"tag":${JSON.stringify(tag ?? null)}}` });
      return (await answer.json()) as Finding[];
    },
  });

/** Runs a flow that is not deployed; gives the id of the job. */
export async function runPreviewFlow(workspace: string, value: FlowValue, args: unknown, path?: string): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "jobs/run/preview_flow"), { method: "POST", headers: JSON_BODY, body: writeValue({ value, args, ...(path ? { path } : {}) }) });
  return (await answer.text()).trim();
}

/** The form that a source, a script or a flow asks for. */
export const askedOfQuery = (workspace: string, what: { language: string; content: string } | { kind: "script" | "flow"; path: string }) =>
  queryOptions({
    queryKey: ["flows", workspace, "arguments", what] as const,
    staleTime: "content" in what ? Infinity : 15_000,
    retry: false,
    queryFn: async (): Promise<Schema> => {
      if ("content" in what) {
        const answer = await request(workspaceUrl(workspace, "scripts/infer_schema"), { method: "POST", headers: JSON_BODY, body: JSON.stringify(what) });
        return ((readValue(await answer.text()) as unknown as { schema?: Schema }).schema ?? EMPTY_SCHEMA);
      }
      const url = what.kind === "script" ? workspaceUrl(workspace, "scripts/get/p", what.path) : workspaceUrl(workspace, "flows/get", what.path);
      return ((readValue(await (await request(url)).text()) as unknown as { schema?: Schema | null }).schema ?? EMPTY_SCHEMA);
    },
  });

/** Paths of what a step can run, and of what expressions can read. */
export const pathsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["flows", workspace, "paths"] as const,
    staleTime: 15_000,
    queryFn: async () => {
      const params = { path: { workspace }, query: { per_page: 1000, without_description: true } };
      const [scripts, flows] = await Promise.all([data(api.GET("/api/w/{workspace}/scripts/list", { params })), data(api.GET("/api/w/{workspace}/flows/list_paths", { params: { path: { workspace } } }))]);
      return { script: scripts.map((each) => each.path).sort(), flow: flows };
    },
  });

export const namesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["flows", workspace, "names"] as const,
    staleTime: 15_000,
    queryFn: async () => {
      const params = { path: { workspace } };
      const [variables, resources] = await Promise.all([data(api.GET("/api/w/{workspace}/variables/list", { params })), data(api.GET("/api/w/{workspace}/resources/list", { params: { ...params, query: { per_page: 1000 } } }))]);
      return { variable: variables.map((each) => each.path).sort(), resource: resources.filter((each) => each.resource_type !== "state").map((each) => each.path).sort() };
    },
  });

/** What a step of a level gave, as JSON text. */
export const resultOfQuery = (workspace: string, level: string, step: string) =>
  queryOptions({
    queryKey: ["flow run", workspace, level, "result of", step] as const,
    staleTime: Infinity,
    retry: false,
    queryFn: async () => (await request(workspaceUrl(workspace, "jobs/result_by_id", level, step))).text(),
  });

/** Runs a source that is not deployed; gives the id of the job. */
export async function runSource(workspace: string, language: string, content: string, args: unknown): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "jobs/run/preview"), { method: "POST", headers: JSON_BODY, body: writeValue({ language, content, args }) });
  return (await answer.text()).trim();
}
