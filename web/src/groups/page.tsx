/** Groups: sets of members that folders and shares name. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import { useState } from "react";

import { PeopleTabs } from "@/app/people";
import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { NotThere, Split } from "@/ui/beside";
import { Button } from "@/ui/button";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Shown } from "@/ui/states";

import { GroupDetail } from "./detail";
import { NewGroup } from "./new";
import { EVERYBODY, groupsQuery, type Group } from "./queries";

export function GroupsPage() {
  const workspace = useWorkspace();
  const { name } = useParams({ strict: false });
  const navigate = useNavigate();
  const groups = useQuery(groupsQuery(workspace));
  const own = useQuery(memberQuery(workspace));
  const [isNew, setNew] = useState(false);
  const open = (group?: string) => void (group === undefined ? navigate({ to: "/w/$workspace/groups", params: { workspace } }) : navigate({ to: "/w/$workspace/groups/$name", params: { workspace, name: group } }));
  const mayCreate = own.data !== undefined && !own.data.operator;
  const mayManage = (group: Group) => own.data !== undefined && (own.data.is_admin || (!own.data.operator && [`u/${own.data.username}`, ...own.data.groups.map((each) => `g/${each}`)].some((key) => group.extra_perms[key])));
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="People"
        hint="Groups are sets of members: give rights to them, not to each one."
        actions={
          mayCreate && (
            <Button look="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setNew(true)}>
              New group
            </Button>
          )
        }
      />
      <PeopleTabs workspace={workspace} />
      <Shown query={groups} what="the groups">
        {(all) => {
          const chosen = all.find((each) => each.name === name);
          return (
            <Split
              list={
                <VirtualList
                  items={all}
                  label="Groups"
                  keyOf={(each) => each.name} current={name}
                  height={52}
                  open={(each) => open(each.name)}
                  row={(each) => (
                    <>
                      <span className="mr-3 flex size-8 shrink-0 items-center justify-center rounded-md bg-sunken text-muted">
                        <Users size={16} aria-hidden />
                      </span>
                      <span className="min-w-0 flex-1">
                        <span className="block truncate font-mono font-medium">g/{each.name}</span>
                        <span className="block truncate text-[13px] text-muted">{each.name === EVERYBODY ? "Every member that is not disabled" : each.summary || "–"}</span>
                      </span>
                      <span className="text-[13px] whitespace-nowrap text-muted">{each.members.length === 1 ? "1 member" : `${each.members.length} members`}</span>
                    </>
                  )}
                />
              }
              beside={
                name === undefined ? undefined : chosen ? (
                  <GroupDetail key={chosen.name} workspace={workspace} group={chosen} mayManage={mayManage(chosen)} onClose={() => open()} />
                ) : (
                  <NotThere>{`There is no group ${name}.`}</NotThere>
                )
              }
            />
          );
        }}
      </Shown>
      {isNew && <NewGroup workspace={workspace} onClose={() => setNew(false)} then={open} />}
    </div>
  );
}
