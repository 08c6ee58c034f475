import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

export const resourcesOfType = (workspace: string, type: string) =>
  queryOptions({
    queryKey: ["resources", workspace, "of", type],
    queryFn: () => data(api.GET("/api/w/{workspace}/resources/list", { params: { path: { workspace }, query: { resource_type: type, per_page: 1000 } } })),
  });
