import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

export const recentScripts = (workspace: string) =>
  queryOptions({
    queryKey: ["scripts", workspace, "recent"],
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/list", { params: { path: { workspace }, query: { per_page: 8, without_description: true } } })),
  });

export const recentRuns = (workspace: string) =>
  queryOptions({
    queryKey: ["runs", workspace, "recent"],
    refetchInterval: 10_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs/list", { params: { path: { workspace }, query: { per_page: 10, has_null_parent: true } } })),
  });

export type Run = Awaited<ReturnType<NonNullable<ReturnType<typeof recentRuns>["queryFn"]>>>[number];
