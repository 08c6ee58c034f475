/** Somebody new: an account that exists, or, by a superadmin, one that is made with a password that is shown once. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { whoQuery } from "@/app/session";
import { Button } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { NotSaved } from "@/ui/states";
import { toast } from "@/ui/toast";

import { newPassword } from "@/access/password";
import { addMember, createAccount, memberKeys, type Role } from "./queries";
import { RoleField } from "./roles";

export function AddMember({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const who = useQuery(whoQuery);
  const queries = useQueryClient();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [username, setUsername] = useState("");
  const [role, setRole] = useState<Role>("developer");
  const [isUnknown, setUnknown] = useState(false);
  const [password, setPassword] = useState<string>();
  const refresh = () => queries.invalidateQueries({ queryKey: memberKeys.all(workspace) });
  const added = useMutation({
    mutationFn: async () => {
      const made = isUnknown ? newPassword() : undefined;
      if (made !== undefined) await createAccount(email, name, made);
      return { made, isThere: await addMember(workspace, email, role, username) };
    },
    meta: { quiet: true },
    onSuccess: async ({ made, isThere }) => {
      await refresh();
      setUnknown(!isThere);
      setPassword(made);
      if (!isThere || made !== undefined) return;
      toast("good", `${email} is a member.`);
      onClose();
    },
  });
  if (password !== undefined) return <SignInData email={email} password={password} onClose={onClose} />;
  const mayCreate = who.data?.super_admin === true;
  return (
    <Dialog open onClose={onClose} title="Add a member">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          added.mutate();
        }}
      >
        <Field label="E-mail" error={isUnknown && !mayCreate ? `There is no account ${email}. Ask a superadmin of this instance to make it; then add it here.` : undefined}>
          {(given) => (
            <Input
              {...given}
              type="email"
              required
              autoFocus
              autoComplete="off"
              value={email}
              onChange={(event) => {
                setEmail(event.target.value);
                setUnknown(false);
              }}
            />
          )}
        </Field>
        {isUnknown && mayCreate && (
          <div role="status" className="flex flex-col gap-2 rounded-md border border-warn/40 bg-warn-soft p-3">
            <p className="text-warn">There is no account {email} yet. It will be made with a password that you are shown once.</p>
            <Field label="Name of the person">{(given) => <Input {...given} value={name} onChange={(event) => setName(event.target.value)} />}</Field>
          </div>
        )}
        <Field label="Username" hint="What they are called here, and what their paths begin with: u/<username>/… It stays theirs for good. Made from the e-mail where it is empty.">
          {(given) => <Input {...given} className="font-mono" autoComplete="off" pattern="[a-zA-Z0-9_\-]+" title="Letters, digits, _ and -" value={username} onChange={(event) => setUsername(event.target.value)} />}
        </Field>
        <RoleField value={role} onChange={setRole} />
        <NotSaved error={added.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={added.isPending} disabled={isUnknown && !mayCreate}>
            {isUnknown && mayCreate ? "Make the account and add it" : "Add"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function SignInData({ email, password, onClose }: { email: string; password: string; onClose: () => void }) {
  const text = `${location.origin}/sign-in\nE-mail: ${email}\nPassword: ${password}\n`;
  return (
    <Dialog open onClose={onClose} title="The account is made" hint="Give this to them over a way that you trust. The password is not shown again; they can change it in their settings.">
      <div className="flex items-start gap-2 rounded-md bg-sunken p-3">
        <pre aria-label="Sign-in data" className="min-w-0 flex-1 overflow-auto font-mono text-[13px] leading-6">
          {text}
        </pre>
        <Copy label="Copy the sign-in data" text={() => text} />
      </div>
      <div className="mt-4 flex justify-end">
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </Dialog>
  );
}
