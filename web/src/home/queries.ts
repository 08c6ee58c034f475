import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

const SHOWN = 10;

/** What was deployed last, scripts and flows together. */
export const recentlyDeployed = (workspace: string) =>
  queryOptions({
    queryKey: ["scripts", workspace, "recent"],
    queryFn: async () => {
      const params = { path: { workspace }, query: { per_page: SHOWN, without_description: true } };
      const [scripts, flows] = await Promise.all([data(api.GET("/api/w/{workspace}/scripts/list", { params })), data(api.GET("/api/w/{workspace}/flows/list", { params: { ...params, query: { ...params.query, without_value: true } } }))]);
      return [
        ...scripts.map(({ path, summary, language, created_at }) => ({ isFlow: false, path, summary, language: language as string, at: created_at })),
        ...flows.map(({ path, summary, edited_at }) => ({ isFlow: true, path, summary, language: "flow", at: edited_at })),
      ]
        .sort((one, other) => (one.at < other.at ? 1 : -1))
        .slice(0, SHOWN);
    },
  });

export const recentRuns = (workspace: string) =>
  queryOptions({
    queryKey: ["runs", workspace, "recent"],
    refetchInterval: 10_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs/list", { params: { path: { workspace }, query: { per_page: 10, has_null_parent: true } } })),
  });

export type Run = Awaited<ReturnType<NonNullable<ReturnType<typeof recentRuns>["queryFn"]>>>[number];
