/** A star for an item: with it, it stands on the home page. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Star } from "lucide-react";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";

import { favoritesQuery, setStar, type Favorite, type Kind } from "./queries";

export function StarButton({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const queries = useQueryClient();
  const favorites = useQuery(favoritesQuery(workspace));
  const { queryKey } = favoritesQuery(workspace);
  const isIt = (each: Favorite) => each.favorite_kind === kind && each.path === path;
  const starred = useMutation({
    mutationFn: (next: boolean) => setStar(workspace, { favorite_kind: kind, path }, next),
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
  const isStarred = starred.isPending ? starred.variables : (favorites.data?.some(isIt) ?? false);
  return (
    <IconButton label={isStarred ? "Take it from your favourites" : "Make it a favourite"} aria-pressed={isStarred} className="!h-8" disabled={favorites.data === undefined} onClick={() => starred.mutate(!isStarred)}>
      <Star size={16} aria-hidden className={cls(isStarred && "fill-current text-warn")} />
    </IconButton>
  );
}
