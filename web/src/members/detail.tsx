/** One member: its role, its groups, what it may do where; admins change it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ScrollText, X } from "lucide-react";
import { useState } from "react";

import { sessionKeys } from "@/app/session";
import { Badge } from "@/ui/badge";
import { Beside, Part } from "@/ui/beside";
import { Button, buttonClass, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { exact } from "@/ui/time";
import { toast } from "@/ui/toast";

import { groupNamesQuery, memberKeys, removeMember, roleOf, setInGroup, updateMember, type Member, type Role } from "./queries";
import { RoleField } from "./roles";

export function MemberDetail({ workspace, member, mayManage, onClose }: { workspace: string; member: Member; mayManage: boolean; onClose: () => void }) {
  const queries = useQueryClient();
  const [isRemoving, setRemoving] = useState(false);
  async function refresh() {
    await Promise.all([memberKeys.all(workspace), ["groups", workspace], ["owners", workspace], sessionKeys.member(workspace)].map((queryKey) => queries.invalidateQueries({ queryKey })));
  }
  const changed = useMutation({ mutationFn: (change: { role?: Role; disabled?: boolean }) => updateMember(workspace, member.username, change), onSettled: refresh });
  return (
    <Beside
      label={`Member ${member.username}`}
      title={member.name || member.username}
      onClose={onClose}
      actions={
        <Link to="/w/$workspace/audit" params={{ workspace }} search={{ user: member.username }} className={buttonClass("plain", true)}>
          <ScrollText size={14} aria-hidden /> What they did
        </Link>
      }
    >
      <Part title="Account">
        <dl className="grid grid-cols-[6rem_1fr] gap-y-1 text-[13px]">
          <dt className="text-muted">E-mail</dt>
          <dd className="break-words">{member.email}</dd>
          <dt className="text-muted">Username</dt>
          <dd className="font-mono">u/{member.username}</dd>
          <dt className="text-muted">Since</dt>
          <dd>{exact(new Date(member.created_at))}</dd>
        </dl>
        {member.is_super_admin && <p className="text-[13px] text-muted">A superadmin of the instance: may do everything in every workspace, whatever the role here.</p>}
      </Part>
      <Part title="What they may do">
        <RoleField value={(changed.isPending ? changed.variables.role : undefined) ?? roleOf(member)} disabled={!mayManage || changed.isPending} onChange={(role) => changed.mutate({ role })} />
      </Part>
      <Groups workspace={workspace} member={member} mayManage={mayManage} refresh={refresh} />
      <Folders workspace={workspace} member={member} />
      {mayManage && (
        <Part title="Take away" hint={member.disabled ? "Disabled: it keeps what it has, and can do nothing here." : "Disabling keeps all that is theirs and can be undone. Removing takes them out of all groups, folders and shares."}>
          <div className="flex gap-2">
            <Button busy={changed.isPending} onClick={() => changed.mutate({ disabled: !member.disabled })}>
              {member.disabled ? "Enable again" : "Disable"}
            </Button>
            <Button className="!text-bad" onClick={() => setRemoving(true)}>
              Remove
            </Button>
          </div>
        </Part>
      )}
      <Confirm
        open={isRemoving}
        onClose={() => setRemoving(false)}
        title={`Remove ${member.username}?`}
        verb="Remove"
        typed={member.username}
        act={async () => {
          await removeMember(workspace, member.username);
          await refresh();
          toast("good", `${member.username} was removed.`);
          onClose();
        }}
      >
        They lose all groups, folders and shares of this workspace at once, and do not get them back by being added again. What lies under <code>u/{member.username}/</code> stays, for admins; the account stays, too.
      </Confirm>
    </Beside>
  );
}

function Groups({ workspace, member, mayManage, refresh }: { workspace: string; member: Member; mayManage: boolean; refresh: () => Promise<void> }) {
  const names = useQuery(groupNamesQuery(workspace));
  const set = useMutation({ mutationFn: ({ group, isIn }: { group: string; isIn: boolean }) => setInGroup(workspace, group, member.username, isIn), onSettled: refresh });
  const others = (names.data ?? []).filter((each) => !member.groups.includes(each));
  return (
    <Part title="Groups">
      <ul aria-label="Groups of the member" className="flex flex-wrap gap-1.5">
        {member.groups.map((each) => (
          <li key={each} className="flex items-center rounded-md bg-sunken pl-2 text-[13px]">
            <Link to="/w/$workspace/groups/$name" params={{ workspace, name: each }} className="py-0.5 pr-2 font-mono hover:text-accent hover:underline">
              g/{each}
            </Link>
            {mayManage && each !== "all" && (
              <IconButton label={`Take out of ${each}`} className="!h-6" onClick={() => set.mutate({ group: each, isIn: false })}>
                <X size={12} aria-hidden />
              </IconButton>
            )}
          </li>
        ))}
      </ul>
      {mayManage && others.length > 0 && (
        <Select aria-label="Add to a group" className="!w-48" value="" disabled={set.isPending} onChange={(event) => set.mutate({ group: event.target.value, isIn: true })}>
          <option value="">Add to a group…</option>
          {others.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </Select>
      )}
    </Part>
  );
}

function Folders({ workspace, member }: { workspace: string; member: Member }) {
  return (
    <Part title="Folders" hint={member.is_admin ? "Admins own all folders." : "By their own name, and by their groups."}>
      {member.folders_read.length === 0 ? (
        <p className="text-muted">None.</p>
      ) : (
        <ul aria-label="Folders of the member" className="rounded-md border border-line">
          {member.folders_read.map((each) => (
            <li key={each} className="flex items-center gap-2 border-b border-line px-3 py-1 last:border-0">
              <Link to="/w/$workspace/folders/$name" params={{ workspace, name: each }} className="min-w-0 flex-1 truncate font-mono text-[13px] hover:text-accent hover:underline">
                f/{each}
              </Link>
              {member.folders_owners.includes(each) ? <Badge tone="accent">owner</Badge> : member.folders.includes(each) ? <Badge tone="good">writer</Badge> : <Badge>reader</Badge>}
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}
