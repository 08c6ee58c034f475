/** One group: who is in it, who may change it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { useState, type ReactNode } from "react";

import { OwnerField, ownerOf, useOwners } from "@/access/owner-field";
import { Beside, Part } from "@/ui/beside";
import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { LineField } from "@/ui/line-field";
import { toast } from "@/ui/toast";

import { addManager, deleteGroup, describe, EVERYBODY, groupKeys, putIn, removeManager, takeOut, type Group } from "./queries";

interface GroupDetailProps {
  workspace: string;
  group: Group;
  mayManage: boolean;
  onClose: () => void;
}

export function GroupDetail({ workspace, group, mayManage, onClose }: GroupDetailProps) {
  const queries = useQueryClient();
  const [isDeleting, setDeleting] = useState(false);
  const refresh = () => Promise.all([groupKeys.all(workspace), ["members", workspace], ["owners", workspace]].map((queryKey) => queries.invalidateQueries({ queryKey })));
  const act = useMutation({ mutationFn: (run: () => Promise<void>) => run(), onSettled: refresh });
  const managers = Object.keys(group.extra_perms).filter((each) => group.extra_perms[each]);
  const may = mayManage && group.name !== EVERYBODY;
  return (
    <Beside label={`Group ${group.name}`} title={`g/${group.name}`} onClose={onClose}>
      {group.name === EVERYBODY ? (
        <Part title="Everybody" hint="Built in: it always holds every member that is not disabled." >
          <p className="text-muted">What is shared with g/all is shared with the whole workspace.</p>
        </Part>
      ) : (
        <Part title="What it is for">
          <LineField label="What it is for" placeholder="Nothing said yet" disabled={!may} value={group.summary} save={(text) => act.mutate(() => describe(workspace, group.name, text))} />
        </Part>
      )}
      <Part title={`Members (${group.members.length})`}>
        <Names
          label="Members of the group"
          names={group.members}
          shown={(each) => (
            <Link to="/w/$workspace/members/$username" params={{ workspace, username: each }} className="hover:text-accent hover:underline">
              {each}
            </Link>
          )}
          remove={may ? (each) => act.mutate(() => takeOut(workspace, group.name, each)) : undefined}
          removal={(each) => `Take ${each} out`}
        />
        {may && <Adder workspace={workspace} label="Member to add" isMember without={group.members.map((each) => `u/${each}`)} add={(owner) => act.mutateAsync(() => putIn(workspace, group.name, owner.slice(2)))} />}
      </Part>
      {group.name !== EVERYBODY && (
        <Part title="Managers" hint="They, and admins, change the group. A manager need not be in it.">
          <Names label="Managers of the group" names={managers} shown={(each) => each} remove={may ? (each) => act.mutate(() => removeManager(workspace, group.name, each)) : undefined} removal={(each) => `Let ${each} manage it no more`} />
          {may && <Adder workspace={workspace} label="Manager to add" without={managers} add={(owner) => act.mutateAsync(() => addManager(workspace, group.name, owner))} />}
        </Part>
      )}
      {may && (
        <Part title="Delete" hint="Its rights in folders and shares go with it.">
          <div>
            <Button className="!text-bad" onClick={() => setDeleting(true)}>
              Delete the group
            </Button>
          </div>
        </Part>
      )}
      <Confirm
        open={isDeleting}
        onClose={() => setDeleting(false)}
        title={`Delete g/${group.name}?`}
        verb="Delete it"
        typed={group.name}
        act={async () => {
          await deleteGroup(workspace, group.name);
          await refresh();
          toast("good", `g/${group.name} was deleted.`);
          onClose();
        }}
      >
        What its {group.members.length} members may do by it in folders and shares is taken away at once. A later group of the same name starts without it.
      </Confirm>
    </Beside>
  );
}

function Names({ label, names, shown, remove, removal }: { label: string; names: readonly string[]; shown: (name: string) => ReactNode; remove: ((name: string) => void) | undefined; removal: (name: string) => string }) {
  if (names.length === 0) return <p className="text-muted">Nobody yet.</p>;
  return (
    <ul aria-label={label} className="rounded-md border border-line">
      {names.map((each) => (
        <li key={each} className="flex min-h-8 items-center gap-2 border-b border-line px-3 last:border-0">
          <span className="min-w-0 flex-1 truncate font-mono text-[13px]">{shown(each)}</span>
          {remove && (
            <IconButton label={removal(each)} onClick={() => remove(each)}>
              <X size={14} aria-hidden />
            </IconButton>
          )}
        </li>
      ))}
    </ul>
  );
}

function Adder({ workspace, label, isMember, without, add }: { workspace: string; label: string; isMember?: boolean; without: readonly string[]; add: (owner: string) => Promise<unknown> }) {
  const [text, setText] = useState("");
  const known = useOwners(workspace, { isMember, without });
  const owner = ownerOf(text, known);
  return (
    <form
      className="flex items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (owner !== null) void add(owner).then(() => setText(""));
        else toast("bad", `There is nobody “${text.trim()}” to add.`);
      }}
    >
      <OwnerField workspace={workspace} label={label} value={text} onChange={setText} isMember={isMember} without={without} />
      <Button type="submit" icon={<Plus size={14} aria-hidden />}>
        Add
      </Button>
    </form>
  );
}
