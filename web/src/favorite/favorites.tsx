/** The favourites of the reader, each a link; nothing where there are none. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Panel } from "@/ui/panel";

import { favoritesQuery, type Kind } from "./queries";

const PAGES = { script: "/w/$workspace/scripts/p/$", flow: "/w/$workspace/flows/p/$", resource: "/w/$workspace/resources/p/$" } as const satisfies Record<Kind, string>;

export function Favorites({ workspace }: { workspace: string }) {
  const favorites = useQuery(favoritesQuery(workspace));
  if (!favorites.data?.length) return null;
  return (
    <Panel title="Favourites" flush className="lg:col-span-2">
      <ul aria-label="Favourites" className="grid sm:grid-cols-2 xl:grid-cols-3">
        {favorites.data.map(({ favorite_kind: kind, path, summary, about }) => (
          <li key={`${kind} ${path}`} className="min-w-0">
            <Link to={PAGES[kind]} params={{ workspace, _splat: path }} className="flex items-center gap-3 px-3 py-2 hover:bg-sunken">
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium">{summary || path}</span>
                <span className="block truncate font-mono text-xs text-muted">{path}</span>
              </span>
              <span className="text-xs text-muted">{about}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
