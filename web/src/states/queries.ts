import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";
import { itemKeys } from "@/items/queries";

const PAGE = 1000;

export const statesQuery = (workspace: string) =>
  queryOptions({
    queryKey: [...itemKeys.all(workspace, "resources"), "states"],
    queryFn: async () => {
      const read = (page: number) => data(api.GET("/api/w/{workspace}/resources/list", { params: { path: { workspace }, query: { resource_type: "state", per_page: PAGE, page } } }));
      const found = await read(1);
      for (let page = 2; found.length === PAGE * (page - 1); page++) found.push(...(await read(page)));
      return found;
    },
  });
