import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Braces } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { ItemsView } from "@/items/list-view";
import { Empty } from "@/ui/states";

import { statesQuery } from "./queries";

export function StatesPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/states" });
  const states = useQuery(statesQuery(workspace));
  const navigate = useNavigate();
  return (
    <ItemsView
      title="States"
      hint="What scripts keep from one run to the next."
      query={states}
      search={search}
      onSearch={(now) => void navigate({ to: "/w/$workspace/states", params: { workspace }, search: now, replace: true })}
      open={(each) => void navigate({ to: "/w/$workspace/states/p/$", params: { workspace, _splat: each.path } })}
      icon={() => <Braces size={16} aria-hidden />}
      badges={() => null}
      empty={
        <Empty icon={<Braces size={28} aria-hidden />} title="No state yet">
          A script makes one with <code>wmill.set_state(…)</code> and finds it again in its next run.
        </Empty>
      }
    />
  );
}
