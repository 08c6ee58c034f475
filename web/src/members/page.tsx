/** Everybody in the workspace, and what they may do. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import { useState } from "react";

import { PeopleTabs } from "@/app/people";
import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Badge } from "@/ui/badge";
import { NotThere, Split } from "@/ui/beside";
import { Button } from "@/ui/button";
import { Input, Select } from "@/ui/field";
import { Initials } from "@/ui/initials";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { AddMember } from "./add";
import { MemberDetail } from "./detail";
import { membersQuery, roleOf, type Member } from "./queries";

const TONES = { admin: "accent", developer: "neutral", operator: "neutral" } as const;

export function MembersPage() {
  const workspace = useWorkspace();
  const { username } = useParams({ strict: false });
  const search = useSearch({ from: "/w/$workspace/members" });
  const navigate = useNavigate();
  const members = useQuery(membersQuery(workspace));
  const own = useQuery(memberQuery(workspace));
  const [isAdding, setAdding] = useState(false);
  const mayManage = own.data?.is_admin === true;
  const open = (name?: string) =>
    void (name === undefined ? navigate({ to: "/w/$workspace/members", params: { workspace }, search }) : navigate({ to: "/w/$workspace/members/$username", params: { workspace, username: name }, search }));
  const narrow = (change: Partial<typeof search>) => void navigate({ to: ".", search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value)), replace: true });
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="People"
        hint="Who is in this workspace, and what they may do."
        actions={
          mayManage && (
            <Button look="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
              Add a member
            </Button>
          )
        }
      />
      <div className="flex flex-wrap items-end justify-between gap-2">
        <PeopleTabs workspace={workspace} />
        <div className="flex flex-wrap gap-2 px-4 pb-2 lg:px-6">
          <Input type="search" aria-label="Filter" placeholder="Filter by name or e-mail" className="!w-56" value={search.q ?? ""} onChange={(event) => narrow({ q: event.target.value })} />
          <Select aria-label="Role" className="!w-32" value={search.role ?? ""} onChange={(event) => narrow({ role: event.target.value })}>
            <option value="">All roles</option>
            <option>admin</option>
            <option>developer</option>
            <option>operator</option>
          </Select>
        </div>
      </div>
      <Shown query={members} what="the members">
        {(all) => {
          const text = (search.q ?? "").toLowerCase();
          const found = all.filter((each) => `${each.username} ${each.email} ${each.name ?? ""}`.toLowerCase().includes(text) && (!search.role || roleOf(each) === search.role));
          const chosen = all.find((each) => each.username === username);
          return (
            <Split
              list={
                found.length === 0 ? (
                  <Empty icon={<Users size={26} aria-hidden />} title={all.length ? "Nobody fits" : "Nobody is a member yet"}>
                    {all.length ? "Try fewer letters, or all roles." : "Add the first one."}
                  </Empty>
                ) : (
                  <VirtualList items={found} label="Members" keyOf={(each) => each.username} current={username} height={52} open={(each) => open(each.username)} row={(each) => <Row member={each} />} />
                )
              }
              beside={
                username === undefined ? undefined : chosen ? (
                  <MemberDetail key={chosen.username} workspace={workspace} member={chosen} mayManage={mayManage} onClose={() => open()} />
                ) : (
                  <NotThere>{`There is no member ${username}: never was, or was removed.`}</NotThere>
                )
              }
            />
          );
        }}
      </Shown>
      {isAdding && <AddMember workspace={workspace} onClose={() => setAdding(false)} />}
    </div>
  );
}

function Row({ member }: { member: Member }) {
  const role = roleOf(member);
  return (
    <div className="flex w-full items-center gap-3">
      <Initials name={member.name || member.username} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">
          {member.name || member.username} {member.name && <span className="font-mono text-xs font-normal text-muted">{member.username}</span>}
        </span>
        <span className="block truncate text-[13px] text-muted">{member.email}</span>
      </span>
      <span className="hidden max-w-56 truncate font-mono text-xs text-muted @2xl:block">
        {member.groups
          .filter((each) => each !== "all")
          .map((each) => `g/${each}`)
          .join("  ")}
      </span>
      {member.disabled && <Badge tone="warn">disabled</Badge>}
      {member.is_super_admin && <Badge tone="accent">superadmin</Badge>}
      <span className="w-20 text-right">
        <Badge tone={TONES[role]}>{role}</Badge>
      </span>
      <span className="hidden w-24 text-right text-[13px] text-muted @xl:block">
        <Ago at={member.created_at} />
      </span>
    </div>
  );
}
