/** Oneself: the password, and the way out of the workspace. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { memberQuery, sessionKeys, whoQuery } from "@/app/session";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { NotSaved } from "@/ui/states";
import { toast } from "@/ui/toast";

import { leaveWorkspace, setOwnPassword } from "./queries";

const SHORTEST = 8;

export function OwnAccount({ workspace }: { workspace: string }) {
  const who = useQuery(whoQuery);
  const member = useQuery(memberQuery(workspace));
  const [isLeaving, setLeaving] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate();
  return (
    <>
      <Panel title="You">
        <dl className="grid grid-cols-[7rem_1fr] gap-y-1">
          <dt className="text-muted">E-mail</dt>
          <dd>{who.data?.email}</dd>
          <dt className="text-muted">Name</dt>
          <dd>{who.data?.name || "–"}</dd>
          <dt className="text-muted">Here</dt>
          <dd>{member.data?.non_member ? "no member, but a superadmin" : <code>u/{member.data?.username}</code>}</dd>
        </dl>
      </Panel>
      <Password />
      {member.data && !member.data.non_member && (
        <Panel title="Leave this workspace">
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p className="text-muted">You lose all that you may do here. What lies under u/{member.data.username}/ stays, for admins.</p>
            <Button className="!text-bad" onClick={() => setLeaving(true)}>
              Leave {workspace}
            </Button>
          </div>
          <Confirm
            open={isLeaving}
            onClose={() => setLeaving(false)}
            title={`Leave ${workspace}?`}
            verb="Leave"
            typed={workspace}
            act={async () => {
              await leaveWorkspace(workspace);
              await queries.invalidateQueries({ queryKey: sessionKeys.workspaces });
              await navigate({ to: "/" });
            }}
          >
            Only an admin can let you in again, and then without the rights that you have now.
          </Confirm>
        </Panel>
      )}
    </>
  );
}

function Password() {
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const changed = useMutation({
    mutationFn: () => setOwnPassword(password),
    meta: { quiet: true },
    onSuccess: () => {
      setPassword("");
      setAgain("");
      toast("good", "The password was changed. Your other sessions have ended.");
    },
  });
  const fault = password !== "" && password.length < SHORTEST ? `At least ${SHORTEST} characters.` : undefined;
  const differs = again !== "" && again !== password ? "It is not the same." : undefined;
  return (
    <Panel title="Password">
      <form
        className="flex max-w-sm flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          changed.mutate();
        }}
      >
        <Field label="New password" error={fault}>
          {(given) => <Input {...given} type="password" autoComplete="new-password" required value={password} onChange={(event) => setPassword(event.target.value)} />}
        </Field>
        <Field label="Once more" error={differs}>
          {(given) => <Input {...given} type="password" autoComplete="new-password" required value={again} onChange={(event) => setAgain(event.target.value)} />}
        </Field>
        <NotSaved error={changed.error} />
        <div>
          <Button type="submit" busy={changed.isPending} disabled={fault !== undefined || password !== again || password === ""}>
            Change it
          </Button>
        </div>
      </form>
    </Panel>
  );
}
