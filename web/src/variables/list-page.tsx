import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { KeyRound, Plus, Variable as VariableIcon } from "lucide-react";

import { useWorkspace } from "@/app/workspace";
import { ItemsView } from "@/items/list-view";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Empty } from "@/ui/states";

import { variablesQuery } from "./queries";

export function VariablesPage() {
  const workspace = useWorkspace();
  const search = useSearch({ from: "/w/$workspace/variables" });
  const variables = useQuery(variablesQuery(workspace));
  const navigate = useNavigate();
  const create = (
    <Link to="/w/$workspace/variables/new" params={{ workspace }} className={buttonClass("primary")}>
      <Plus size={15} aria-hidden /> New variable
    </Link>
  );
  return (
    <ItemsView
      title="Variables"
      hint="Texts and secrets that scripts and resources refer to."
      query={variables}
      search={search}
      onSearch={(now) => void navigate({ to: "/w/$workspace/variables", params: { workspace }, search: now, replace: true })}
      open={(each) => void navigate({ to: "/w/$workspace/variables/p/$", params: { workspace, _splat: each.path } })}
      create={create}
      icon={(each) => (each.is_secret ? <KeyRound size={16} aria-hidden /> : <VariableIcon size={16} aria-hidden />)}
      badges={(each) => each.is_secret && <Badge tone="accent">secret</Badge>}
      empty={
        <Empty icon={<KeyRound size={28} aria-hidden />} title="No variable yet" action={create}>
          A secret is encrypted where it is kept, and masked in the logs of jobs that read it.
        </Empty>
      }
    />
  );
}
