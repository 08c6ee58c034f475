import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { parse, write, type Json } from "@/results/shape";

const JSON_BODY = { "Content-Type": "application/json" };
const PAGE = 50;

export const scheduleKeys = {
  all: (workspace: string) => ["schedules", workspace] as const,
  list: (workspace: string) => ["schedules", workspace, "list"] as const,
  one: (workspace: string, path: string) => ["schedules", workspace, "one", path] as const,
  occurrences: (workspace: string, path: string) => ["schedules", workspace, "occurrences", path] as const,
};

/** Schedules, each with the ends of its last 20 runs. */
export const schedulesQuery = (workspace: string) =>
  queryOptions({
    queryKey: scheduleKeys.list(workspace),
    refetchInterval: 15_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/schedules/list_with_jobs", { params: { path: { workspace }, query: { per_page: 1000 } } })),
  });

export type Listed = Awaited<ReturnType<NonNullable<ReturnType<typeof schedulesQuery>["queryFn"]>>>[number];

/** A schedule; `argsText` has its arguments with the digits that they were written with. */
export type Schedule = Omit<Listed, "jobs" | "args"> & { argsText: string };

export const scheduleQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: scheduleKeys.one(workspace, path),
    retry: false,
    staleTime: Infinity, // while it is edited nothing changes under the hands
    queryFn: async (): Promise<Schedule> => {
      const text = await (await request(workspaceUrl(workspace, "schedules/get", path))).text();
      const whole = parse(text) as { [key: string]: Json };
      return { ...(JSON.parse(text) as Schedule), argsText: write(whole.args ?? {}) };
    },
  });

export const occurrencesQuery = (workspace: string, path: string) =>
  infiniteQueryOptions({
    queryKey: scheduleKeys.occurrences(workspace, path),
    refetchInterval: 5_000,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/schedules/occurrences/{path}", { params: { path: { workspace, path }, query: { per_page: PAGE, ...(pageParam ? { before: pageParam } : {}) } } })),
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.scheduled_for),
  });

/** What can be run, as `script/<path>` and `flow/<path>`. */
export const targetsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["targets", workspace] as const,
    staleTime: 15_000,
    queryFn: async () => {
      const params = { path: { workspace }, query: { per_page: 1000, without_description: true } };
      const [scripts, flows] = await Promise.all([data(api.GET("/api/w/{workspace}/scripts/list", { params })), data(api.GET("/api/w/{workspace}/flows/list_paths", { params: { path: { workspace } } }))]);
      return { scripts: scripts.map((each) => `script/${each.path}`).sort(), flows: flows.map((each) => `flow/${each}`) };
    },
  });

export interface Schema {
  properties?: Record<string, object>;
}

/** The form of a script's or flow's arguments; `{}` where it takes none. */
export const schemaQuery = (workspace: string, target: string) =>
  queryOptions({
    queryKey: ["targets", workspace, "schema", target] as const,
    retry: false,
    enabled: target !== "",
    queryFn: async (): Promise<Schema> => {
      const [kind, path] = split(target);
      const params = { path: { workspace, path } };
      const found = kind === "flow" ? await data(api.GET("/api/w/{workspace}/flows/get/{path}", { params })) : await data(api.GET("/api/w/{workspace}/scripts/get/p/{path}", { params }));
      return (found.schema ?? {}) as Schema;
    },
  });

function split(target: string): [string, string] {
  const at = target.indexOf("/");
  return [target.slice(0, at), target.slice(at + 1)];
}

/** Creates, and never writes over what is there. `body` is JSON text. */
export async function create(workspace: string, body: string): Promise<void> {
  await request(workspaceUrl(workspace, "schedules/create"), { method: "POST", headers: JSON_BODY, body });
}

/** Writes over `version` and nothing else. */
export async function change(workspace: string, path: string, version: number, body: string): Promise<void> {
  await request(workspaceUrl(workspace, "schedules/update", path), { method: "POST", headers: { ...JSON_BODY, "If-Match": `"${version}"` }, body });
}

export async function setEnabled(workspace: string, path: string, enabled: boolean): Promise<void> {
  await request(workspaceUrl(workspace, "schedules/setenabled", path), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ enabled }) });
}

export async function remove(workspace: string, path: string): Promise<void> {
  await request(workspaceUrl(workspace, "schedules/delete", path), { method: "DELETE" });
}

/** Runs what a schedule runs, now and beside it; `args` is JSON text. Gives the job's id. */
export async function runNow(workspace: string, target: string, args: string): Promise<string> {
  const [kind, path] = split(target);
  const answer = await request(workspaceUrl(workspace, kind === "flow" ? "jobs/run/f" : "jobs/run/p", path), { method: "POST", headers: JSON_BODY, body: args });
  return (await answer.text()).trim();
}
