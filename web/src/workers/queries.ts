import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

const EVERY_MS = 5_000;

export const SHOWN = 500;

export const workerKeys = {
  queue: (workspace: string) => ["queue", workspace] as const,
};

/** The workers that showed themselves in the last five minutes. */
export const workersQuery = queryOptions({
  queryKey: ["workers"] as const,
  refetchInterval: EVERY_MS,
  queryFn: () => data(api.GET("/api/workers/list", { params: { query: { per_page: 1000 } } })),
});

export type Worker = Awaited<ReturnType<NonNullable<(typeof workersQuery)["queryFn"]>>>[number];

/** What waits or runs in the workspace, the oldest first. */
export const queueQuery = (workspace: string) =>
  queryOptions({
    queryKey: workerKeys.queue(workspace),
    refetchInterval: EVERY_MS,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs/queue/list", { params: { path: { workspace }, query: { per_page: SHOWN, order_desc: false } } })),
  });

export type Queued = Awaited<ReturnType<NonNullable<ReturnType<typeof queueQuery>["queryFn"]>>>[number];
