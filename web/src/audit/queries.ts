/** What was done, by whom; read on towards the older, and asked again for the newer. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, data, workspaceUrl } from "@/api/client";
import type { AuditSearch } from "@/app/router";

export const PAGE = 200;
/** So many new ones are put in front of what is shown; with more, the list begins anew. */
export const MOST_NEW = 500;
const EVERY_MS = 4_000;

export type Filter = Omit<AuditSearch, "id">;
type Kind = "Created" | "Updated" | "Delete" | "Execute";

function wanted(filter: Filter) {
  return {
    ...(filter.user ? { username: filter.user } : {}),
    ...(filter.operation ? { operation: filter.operation } : {}),
    ...(filter.kind ? { action_kind: filter.kind as Kind } : {}),
    ...(filter.resource ? { resource_prefix: filter.resource } : {}),
    ...(filter.from ? { after: moment(filter.from) } : {}),
    ...(filter.to ? { before: moment(filter.to) } : {}),
    ...(filter.all ? { all_workspaces: true } : {}),
  };
}

/** Of a field that knows no zone: the reader's own. */
function moment(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}

export const auditQuery = (workspace: string, filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ["audit", workspace, "list", filter] as const,
    staleTime: Infinity,
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/audit/list", { params: { path: { workspace }, query: { ...wanted(filter), per_page: PAGE, ...(pageParam ? { before_id: pageParam } : {}) } } })),
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
  });

/** What came after the record `after`, the newest first. */
export const newerQuery = (workspace: string, filter: Filter, after: number) =>
  queryOptions({
    queryKey: ["audit", workspace, "newer", filter, after] as const,
    refetchInterval: EVERY_MS,
    queryFn: () => data(api.GET("/api/w/{workspace}/audit/list", { params: { path: { workspace }, query: { ...wanted(filter), per_page: MOST_NEW, after_id: after } } })),
  });

export type AuditRecord = Awaited<ReturnType<NonNullable<ReturnType<typeof newerQuery>["queryFn"]>>>[number];

export const usernamesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["members", workspace, "names"],
    staleTime: 60_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/users/list_usernames", { params: { path: { workspace } } })),
  });

/** One record; with `isAcross` of any workspace, or of the instance. */
export const recordQuery = (workspace: string, id: number, isAcross: boolean) =>
  queryOptions({
    queryKey: ["audit", workspace, "one", id, isAcross],
    staleTime: Infinity,
    retry: false,
    queryFn: async () => {
      if (!isAcross) return data(api.GET("/api/w/{workspace}/audit/get/{id}", { params: { path: { workspace, id } } }));
      const found = await data(api.GET("/api/w/{workspace}/audit/list", { params: { path: { workspace }, query: { all_workspaces: true, before_id: id + 1, per_page: 1 } } }));
      if (found[0]?.id !== id) throw new Error(`There is no audit record ${id}.`);
      return found[0];
    },
  });

/** Where the file of all that fits is. */
export function exportUrl(workspace: string, filter: Filter, format: "csv" | "jsonl"): string {
  const query = new URLSearchParams(Object.entries({ ...wanted(filter), format }).map(([name, value]) => [name, String(value)]));
  return `${workspaceUrl(workspace, "audit/export")}?${query}`;
}
