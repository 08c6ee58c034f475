import { infiniteQueryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

export const PAGE = 100;

export interface RunFilter {
  path?: string;
  state?: string;
  by?: string;
  from?: string;
  to?: string;
}

function query(filter: RunFilter) {
  return {
    ...(filter.path ? { script_path_start: filter.path } : {}),
    ...(filter.by ? { created_by: filter.by } : {}),
    ...(filter.from ? { created_after: filter.from } : {}),
    ...(filter.to ? { created_before: filter.to } : {}),
    ...(filter.state === "running" ? { running: true } : {}),
    ...(filter.state === "queued" ? { running: false } : {}),
    ...(filter.state === "success" ? { success: true } : {}),
    ...(filter.state === "failure" || filter.state === "canceled" ? { success: false } : {}),
  };
}

export const runsQuery = (workspace: string, filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ["runs", workspace, filter] as const,
    refetchInterval: 5_000,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/jobs/list", { params: { path: { workspace }, query: { ...query(filter), per_page: PAGE, ...(pageParam ? { before_id: pageParam } : {}) } } })),
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
  });

export async function cancelSelection(workspace: string, ids: string[]): Promise<void> {
  await request(workspaceUrl(workspace, "jobs/queue/cancel_selection"), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(ids) });
}
