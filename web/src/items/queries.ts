/** What variables and resources (states among them) have in common: versions, shares, what needs them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { parse, write, type Json } from "@/results/shape";

import { mentions } from "./mentions";

/** As the API's addresses name them. */
export type Kind = "resources" | "variables";

export const itemKeys = {
  all: (workspace: string, kind: Kind) => [kind, workspace] as const,
  one: (workspace: string, kind: Kind, path: string) => [kind, workspace, "one", path] as const,
  history: (workspace: string, kind: Kind, path: string) => [kind, workspace, "history", path] as const,
};

const PAGE = 50;
const JSON_BODY = { "Content-Type": "application/json" };

export const historyQuery = (workspace: string, kind: Kind, path: string) =>
  infiniteQueryOptions({
    queryKey: itemKeys.history(workspace, kind, path),
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam }) => {
      const params = { path: { workspace, path }, query: { per_page: PAGE, ...(pageParam ? { before: pageParam } : {}) } };
      return data(kind === "resources" ? api.GET("/api/w/{workspace}/resources/history/p/{path}", { params }) : api.GET("/api/w/{workspace}/variables/history/p/{path}", { params }));
    },
    getNextPageParam: (page) => page.next_before,
  });

export interface Version {
  id: number;
  version: number;
  created_at: string;
  created_by: string;
  operation: string;
  is_secret: boolean;
  job_id?: string;
}

export interface Comparison {
  is_changed: boolean;
  changes: { pointer: string; old?: Json; new?: Json }[];
}

/** What differs between two versions, with the digits that it was written with. */
export const comparisonQuery = (workspace: string, kind: Kind, from: number, to: number) =>
  queryOptions({
    queryKey: [kind, workspace, "comparison", from, to],
    staleTime: Infinity,
    queryFn: async () => parse(await (await request(`${workspaceUrl(workspace, kind, "history/diff")}?from=${from}&to=${to}`)).text()) as unknown as Comparison,
  });

/** The value of one old version as text; "" for a secret. */
export const versionQuery = (workspace: string, kind: Kind, id: number) =>
  queryOptions({
    queryKey: [kind, workspace, "version", id],
    staleTime: Infinity,
    queryFn: async () => {
      const whole = parse(await (await request(workspaceUrl(workspace, kind, "history/v", String(id)))).text()) as { [key: string]: Json };
      return whole.value === undefined ? "" : write(whole.value);
    },
  });

export async function restore(workspace: string, kind: Kind, id: number): Promise<void> {
  await request(workspaceUrl(workspace, kind, "history/restore/v", String(id)), { method: "POST" });
}

export async function clearHistory(workspace: string, kind: Kind, path: string): Promise<void> {
  await request(workspaceUrl(workspace, kind, "history/p", path), { method: "DELETE" });
}

export async function remove(workspace: string, kind: Kind, path: string): Promise<void> {
  await request(workspaceUrl(workspace, kind, "delete", path), { method: "DELETE" });
}

/** Writes over `version` and nothing else. `body` is JSON text. */
export async function update(workspace: string, kind: Kind, path: string, version: number, body: string): Promise<void> {
  await request(workspaceUrl(workspace, kind, "update", path), { method: "POST", headers: { ...JSON_BODY, "If-Match": `"${version}"` }, body });
}

/** Creates, and never writes over what is there. */
export async function create(workspace: string, kind: Kind, body: string): Promise<void> {
  await request(workspaceUrl(workspace, kind, "create"), { method: "POST", headers: JSON_BODY, body });
}

export interface ResourceItem {
  path: string;
  resource_type: string;
  description: string;
  edited_by: string;
  edited_at: string;
  version: number;
  /** JSON text as it was written, laid out anew; undefined where it may not be read. */
  text: string | undefined;
}

/** A resource or state with its value. */
export const resourceQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: itemKeys.one(workspace, "resources", path),
    retry: false,
    staleTime: Infinity, // while it is edited nothing changes under the hands
    queryFn: () => loadResource(workspace, path),
  });

export async function loadResource(workspace: string, path: string): Promise<ResourceItem> {
  const text = await (await request(workspaceUrl(workspace, "resources/get", path))).text();
  const whole = parse(text) as { [key: string]: Json };
  return { ...(JSON.parse(text) as Omit<ResourceItem, "text">), text: whole.value === undefined ? undefined : write(whole.value) };
}

/** JSON text of a change; the value stays as it is written. */
export function changeOf(members: Record<string, unknown>, value: string | undefined): string {
  const written = Object.entries(members).map(([name, member]) => `${JSON.stringify(name)}:${JSON.stringify(member)}`);
  return `{${[...written, ...(value === undefined ? [] : [`"value":${value}`])].join(",")}}`;
}

export const foldersQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["folders", workspace, "names"],
    staleTime: 30_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/folders/listnames", { params: { path: { workspace } } })),
  });

export interface User {
  kind: "script" | "flow" | "resource" | "storage";
  path: string;
}

/** What names an item; `cut`: of how many values only the beginning could be looked at. */
export const usersQuery = (workspace: string, kind: Kind, path: string) =>
  queryOptions({
    queryKey: [kind, workspace, "users", path],
    queryFn: async (): Promise<{ found: User[]; cut: number }> => {
      const params = { path: { workspace } };
      const [scripts, flows, resources, storages] = await Promise.all([
        data(api.GET("/api/w/{workspace}/scripts/list_search", { params })),
        data(api.GET("/api/w/{workspace}/flows/list_search", { params })),
        data(api.GET("/api/w/{workspace}/resources/list_search", { params: { ...params, query: { per_page: 1000 } } })),
        data(api.GET("/api/w/{workspace}/storages/list", { params })),
      ]);
      const found: User[] = [
        ...scripts.filter((each) => mentions(each.content, kind, path)).map((each) => ({ kind: "script" as const, path: each.path })),
        ...flows.filter((each) => mentions(JSON.stringify(each.value), kind, path)).map((each) => ({ kind: "flow" as const, path: each.path })),
        ...resources.filter((each) => each.path !== path && mentions(each.value, kind, path)).map((each) => ({ kind: "resource" as const, path: each.path })),
        ...storages.filter((each) => kind === "resources" && each.resource_path === path).map((each) => ({ kind: "storage" as const, path: each.name })),
      ];
      return { found, cut: resources.filter((each) => each.truncated).length };
    },
  });
