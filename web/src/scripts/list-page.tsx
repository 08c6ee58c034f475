import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Code2, Plus } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { ItemsView } from "@/items/list-view";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Empty } from "@/ui/states";

import { scriptsQuery, type Listed } from "./queries";

const rowsOf = (scripts: Listed[]) => scripts.map((each) => ({ ...each, description: each.summary, edited_at: each.created_at }));

export function ScriptsPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/scripts" });
  const scripts = useQuery({ ...scriptsQuery(workspace), select: rowsOf });
  const navigate = useNavigate();
  const create = (
    <Link to="/w/$workspace/scripts/new" params={{ workspace }} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> New script
    </Link>
  );
  return (
    <ItemsView
      title="Scripts"
      hint="Deployed versions; each run names the one that it ran."
      query={scripts}
      search={search}
      onSearch={(now) => void navigate({ to: "/w/$workspace/scripts", params: { workspace }, search: now, replace: true })}
      open={(each) => void navigate({ to: "/w/$workspace/scripts/p/$", params: { workspace, _splat: each.path } })}
      create={create}
      name={(each) => each.summary || each.path.split("/").at(-1)!}
      icon={() => <Code2 size={16} aria-hidden />}
      badges={(each) => (
        <>
          {each.lock_error_logs && <Badge tone="bad">lock failed</Badge>}
          <Badge>{each.language}</Badge>
        </>
      )}
      empty={
        <Empty icon={<Code2 size={28} aria-hidden />} title="No script yet" action={create}>
          A script is a function; its signature becomes its form, its return value its result.
        </Empty>
      }
    />
  );
}
