import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Database, Plus } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { ItemsView } from "@/items/list-view";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Empty } from "@/ui/states";

import { databasesQuery } from "./queries";

export function DatabasesPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/databases" });
  const databases = useQuery(databasesQuery(workspace));
  const navigate = useNavigate();
  const create = (
    <Link to="/w/$workspace/resources/new" params={{ workspace }} search={{}} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> Connect a database
    </Link>
  );
  return (
    <ItemsView
      title="Databases"
      hint="Look into them, change rows, try statements."
      query={databases}
      search={search}
      onSearch={(now) => void navigate({ to: "/w/$workspace/databases", params: { workspace }, search: now, replace: true })}
      open={(each) => void navigate({ to: "/w/$workspace/databases/p/$", params: { workspace, _splat: each.path }, search: {} })}
      create={create}
      icon={() => <Database size={16} aria-hidden />}
      badges={(each) => <Badge>{each.resource_type}</Badge>}
      empty={
        <Empty icon={<Database size={28} aria-hidden />} title="No database yet" action={create}>
          Paste its URL: postgres://, mysql://, mongodb://, redis://…
        </Empty>
      }
    />
  );
}
