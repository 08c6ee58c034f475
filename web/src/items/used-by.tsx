/** What names an item: scripts, flows, resources and storages, of those that the reader may see. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Badge } from "@/ui/badge";
import { Shown } from "@/ui/states";

import { usersQuery, type Kind, type User } from "./queries";

export function UsedBy({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const users = useQuery(usersQuery(workspace, kind, path));
  return (
    <Shown query={users} what="what uses it">
      {({ found, cut }) => (
        <div className="p-3">
          <ul aria-label="Used by" className="mb-2">
            {found.map((each) => (
              <li key={`${each.kind} ${each.path}`} className="flex items-center gap-2 border-b border-line py-1.5 last:border-0">
                <Badge>{each.kind}</Badge>
                <Place workspace={workspace} user={each} />
              </li>
            ))}
            {found.length === 0 && <li>Nothing that you may see names it.</li>}
          </ul>
          <p className="text-[13px] text-muted">
            Found by its path in the newest versions. A path that a script puts together as it runs is not found.
            {cut > 0 && ` Of ${cut} large ${cut === 1 ? "resource" : "resources"} only the beginning was looked at.`}
          </p>
        </div>
      )}
    </Shown>
  );
}

function Place({ workspace, user: { kind, path } }: { workspace: string; user: User }) {
  const look = "min-w-0 truncate font-mono text-[13px] text-accent hover:underline";
  if (kind === "script") {
    return (
      <Link to="/w/$workspace/scripts/p/$" params={{ workspace, _splat: path }} className={look}>
        {path}
      </Link>
    );
  }
  if (kind === "resource") {
    return (
      <Link to="/w/$workspace/resources/p/$" params={{ workspace, _splat: path }} className={look}>
        {path}
      </Link>
    );
  }
  if (kind === "flow") {
    return (
      <Link to="/w/$workspace/flows/p/$" params={{ workspace, _splat: path }} className={look}>
        {path}
      </Link>
    );
  }
  return <code className="min-w-0 truncate text-[13px]">{path}</code>;
}
