import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

/** What the palette searches: paths of everything in a workspace. */
export const searchQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["search", workspace],
    staleTime: 15_000,
    queryFn: async () => {
      const params = { path: { workspace } };
      const [scripts, flows, resources, variables] = await Promise.all([
        data(api.GET("/api/w/{workspace}/scripts/list", { params: { ...params, query: { per_page: 1000, without_description: true } } })),
        data(api.GET("/api/w/{workspace}/flows/list", { params: { ...params, query: { per_page: 1000, without_description: true, without_value: true } } })),
        data(api.GET("/api/w/{workspace}/resources/list", { params: { ...params, query: { per_page: 1000 } } })),
        data(api.GET("/api/w/{workspace}/variables/list", { params })),
      ]);
      return {
        scripts: scripts.map((each) => ({ path: each.path, summary: each.summary })),
        flows: flows.map((each) => ({ path: each.path, summary: each.summary })),
        resources: resources.filter((each) => each.resource_type !== "state").map((each) => ({ path: each.path, summary: each.resource_type })),
        variables: variables.map((each) => ({ path: each.path, summary: each.is_secret ? "secret" : "" })),
      };
    },
  });
