/** What the reader marked with a star. */
import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";

export const favoritesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["favorites", workspace] as const,
    staleTime: 15_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/favorites/list", { params: { path: { workspace } } })),
  });

export type Favorite = Awaited<ReturnType<NonNullable<ReturnType<typeof favoritesQuery>["queryFn"]>>>[number];
export type Kind = Favorite["favorite_kind"];

/** Puts a star on an item, or takes it away. */
export async function setStar(workspace: string, item: { favorite_kind: Kind; path: string }, isStarred: boolean): Promise<void> {
  const given = { params: { path: { workspace } }, body: item, parseAs: "text" as const };
  await data(isStarred ? api.POST("/api/w/{workspace}/favorites/star", given) : api.POST("/api/w/{workspace}/favorites/unstar", given));
}
