import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Boxes, Database, Plus, HardDrive } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { ItemsView } from "@/items/list-view";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Select } from "@/ui/field";
import { Empty } from "@/ui/states";

import { resourcesQuery, typesQuery } from "./queries";

export function ResourcesPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/resources" });
  const resources = useQuery(resourcesQuery(workspace));
  const types = useQuery(typesQuery(workspace));
  const navigate = useNavigate();
  const byName = new Map(types.data?.map((each) => [each.name, each]));
  const used = [...new Set(resources.data?.map((each) => each.resource_type))].sort();
  const create = (
    <Link to="/w/$workspace/resources/new" params={{ workspace }} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> New resource
    </Link>
  );
  return (
    <ItemsView
      title="Resources"
      hint="Databases, buckets and accounts that scripts connect to."
      query={resources}
      search={search}
      onSearch={(now) => void navigate({ to: "/w/$workspace/resources", params: { workspace }, search: now, replace: true })}
      open={(each) => void navigate({ to: "/w/$workspace/resources/p/$", params: { workspace, _splat: each.path } })}
      create={create}
      keep={(each) => !search.type || each.resource_type === search.type}
      filters={
        <Select aria-label="Type" className="!w-44" value={search.type ?? ""} onChange={(event) => void navigate({ to: "/w/$workspace/resources", params: { workspace }, search: { ...search, type: event.target.value || undefined }, replace: true })}>
          <option value="">All types</option>
          {used.map((each) => (
            <option key={each} value={each}>
              {byName.get(each)?.display_name ?? each}
            </option>
          ))}
        </Select>
      }
      icon={(each) => {
        const category = byName.get(each.resource_type)?.category;
        const Icon = category === "database" ? Database : category === "object_storage" ? HardDrive : Boxes;
        return <Icon size={16} aria-hidden />;
      }}
      badges={(each) => <Badge>{byName.get(each.resource_type)?.display_name ?? each.resource_type}</Badge>}
      empty={
        <Empty icon={<Boxes size={28} aria-hidden />} title="No resource yet" action={create}>
          Paste the URL of a database or bucket, or pick one of more than a hundred types.
        </Empty>
      }
    />
  );
}
