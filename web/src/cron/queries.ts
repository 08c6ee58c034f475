import { queryOptions, useQuery, type UseQueryResult } from "@tanstack/react-query";

import { api, data } from "@/api/client";

/** The next ten moments of a pattern; the server says what is wrong with it. */
const previewQuery = (schedule: string, timezone: string) =>
  queryOptions({
    queryKey: ["schedule preview", schedule, timezone] as const,
    staleTime: 10_000,
    refetchInterval: (query) => (query.state.status === "success" ? 15_000 : false),
    retry: false,
    queryFn: () => data(api.POST("/api/schedules/preview", { body: { schedule, timezone } })),
  });

export type Preview = UseQueryResult<string[]>;

/** The moments of a pattern that has stood still; `preview.error` is to be shown beside the pattern. */
export function usePreview(cron: string, timezone: string): Preview {
  return useQuery({ ...previewQuery(cron, timezone), enabled: cron !== "" && timezone !== "" });
}
