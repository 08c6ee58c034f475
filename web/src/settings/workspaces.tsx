/** All workspaces of this instance, for superadmins. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";

import { sessionKeys } from "@/app/session";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";
import { Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Table } from "@/ui/table";

import { allWorkspacesQuery, createWorkspace, deleteWorkspace, settingsKeys, unarchiveWorkspace, type WorkspaceInfo } from "./queries";
import { Dot } from "./workspace";

const ADMINS = "admins";

export function Workspaces({ current }: { current: string }) {
  const workspaces = useQuery(allWorkspacesQuery);
  const [isNew, setNew] = useState(false);
  return (
    <>
      <Panel
        title="Workspaces"
        flush
        actions={
          <Button look="primary" small icon={<Plus size={14} aria-hidden />} onClick={() => setNew(true)}>
            New workspace
          </Button>
        }
      >
        <Shown query={workspaces} what="the workspaces">
          {(all) => (
            <Table label="Workspaces" heads={["Name", "Id", "Made by", "State", "What can be done"]}>
              {all.map((each) => (
                <Row key={each.id} found={each} isCurrent={each.id === current} />
              ))}
            </Table>
          )}
        </Shown>
      </Panel>
      {isNew && <NewWorkspace onClose={() => setNew(false)} />}
    </>
  );
}

function useRefresh() {
  const queries = useQueryClient();
  return () => Promise.all([settingsKeys.workspaces, sessionKeys.workspaces].map((queryKey) => queries.invalidateQueries({ queryKey })));
}

function NewWorkspace({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const refresh = useRefresh();
  const made = useMutation({
    mutationFn: () => createWorkspace(id, name || id),
    meta: { quiet: true },
    onSuccess: async () => {
      await refresh();
      onClose();
    },
  });
  return (
    <FormDialog title="New workspace" hint="A wall around what is in it: nothing is seen or shared across. You are its admin." verb="Make it" onClose={onClose} sending={made}>
      <Field label="Id" hint="In addresses and tokens; it stays. Letters, digits, _ and -.">
        {(given) => <Input {...given} required autoFocus className="font-mono" autoComplete="off" value={id} onChange={(event) => setId(event.target.value)} />}
      </Field>
      <Field label="Name">{(given) => <Input {...given} maxLength={100} placeholder={id} value={name} onChange={(event) => setName(event.target.value)} />}</Field>
    </FormDialog>
  );
}

function Row({ found, isCurrent }: { found: WorkspaceInfo; isCurrent: boolean }) {
  const refresh = useRefresh();
  const [isAsking, setAsking] = useState(false);
  const back = useMutation({ mutationFn: () => unarchiveWorkspace(found.id), onSettled: refresh });
  return (
    <tr>
      <td>
        <span className="flex items-center gap-2">
          <Dot color={found.color ?? ""} size={14} />
          {found.deleted ? (
            found.name
          ) : (
            <Link to="/w/$workspace" params={{ workspace: found.id }} className="font-medium hover:text-accent hover:underline">
              {found.name}
            </Link>
          )}
        </span>
      </td>
      <td className="font-mono text-[13px]">{found.id}</td>
      <td className="text-[13px] text-muted">{found.owner}</td>
      <td>{found.deleted ? <Badge tone="warn">archived</Badge> : isCurrent ? <Badge tone="accent">this one</Badge> : <Badge tone="good">active</Badge>}</td>
      <td>
        <span className="flex flex-wrap gap-1">
          {found.deleted && (
            <Button small busy={back.isPending} onClick={() => back.mutate()}>
              Bring back
            </Button>
          )}
          <Button small className="!text-bad" disabled={isCurrent || found.id === ADMINS} onClick={() => setAsking(true)}>
            Delete
          </Button>
        </span>
        <Confirm
          open={isAsking}
          onClose={() => setAsking(false)}
          title={`Delete ${found.name} for good?`}
          verb="Delete it"
          typed={found.id}
          act={async () => {
            await deleteWorkspace(found.id);
            await refresh();
          }}
        >
          All that is in it goes: scripts, runs, variables, resources, schedules, and the objects that this instance keeps for it. Buckets of yours stay as they are. It cannot be undone; archiving it can.
        </Confirm>
      </td>
    </tr>
  );
}
