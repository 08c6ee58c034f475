/** Who can sign in to this instance, for superadmins. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus, ShieldOff, ShieldPlus, Trash2, UserCheck, UserX } from "lucide-react";
import { useState } from "react";

import { newPassword } from "@/access/password";
import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";
import { Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Switch } from "@/ui/switch";
import { Table } from "@/ui/table";

import { ShownOnce } from "./once";
import { accountsQuery, createAccount, deleteAccount, setPasswordOf, settingsKeys, updateAccount, type Account } from "./queries";

export function Accounts({ own }: { own: string }) {
  const accounts = useQuery(accountsQuery);
  const [filter, setFilter] = useState("");
  const [isNew, setNew] = useState(false);
  const [told, setTold] = useState<{ email: string; password: string }>();
  return (
    <>
      <Panel
        title="Accounts"
        flush
        actions={
          <>
            <Input type="search" aria-label="Filter" placeholder="Filter" className="!h-7 !w-40" value={filter} onChange={(event) => setFilter(event.target.value)} />
            <Button look="primary" small icon={<Plus size={14} aria-hidden />} onClick={() => setNew(true)}>
              New account
            </Button>
          </>
        }
      >
        <Shown query={accounts} what="the accounts">
          {(all) => (
            <Table label="Accounts" heads={["E-mail", "Name", "State", "What can be done"]}>
              {all
                .filter((each) => `${each.email} ${each.name ?? ""}`.toLowerCase().includes(filter.toLowerCase()))
                .map((each) => (
                  <Row key={each.email} account={each} isOwn={each.email === own} tell={(password) => setTold({ email: each.email, password })} />
                ))}
            </Table>
          )}
        </Shown>
      </Panel>
      {isNew && <NewAccount onClose={() => setNew(false)} tell={setTold} />}
      {told && <ShownOnce title={`The password of ${told.email}`} onClose={() => setTold(undefined)} parts={[{ label: "Sign-in data", text: `${location.origin}/sign-in\nE-mail: ${told.email}\nPassword: ${told.password}` }]} />}
    </>
  );
}

function NewAccount({ onClose, tell }: { onClose: () => void; tell: (told: { email: string; password: string }) => void }) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [isSuperadmin, setSuperadmin] = useState(false);
  const queries = useQueryClient();
  const made = useMutation({
    mutationFn: async () => {
      const password = newPassword();
      await createAccount(email, name, password, isSuperadmin);
      return password;
    },
    meta: { quiet: true },
    onSuccess: async (password) => {
      await queries.invalidateQueries({ queryKey: settingsKeys.accounts });
      tell({ email, password });
      onClose();
    },
  });
  return (
    <FormDialog title="New account" hint="It can sign in; the admins of workspaces make it a member." verb="Make it" onClose={onClose} sending={made}>
      <Field label="E-mail">{(given) => <Input {...given} type="email" required autoFocus autoComplete="off" value={email} onChange={(event) => setEmail(event.target.value)} />}</Field>
      <Field label="Name">{(given) => <Input {...given} value={name} onChange={(event) => setName(event.target.value)} />}</Field>
      <span className="flex items-center gap-2">
        <Switch label="Superadmin" on={isSuperadmin} onChange={setSuperadmin} /> Superadmin: may do everything on this instance
      </span>
    </FormDialog>
  );
}

function Row({ account, isOwn, tell }: { account: Account; isOwn: boolean; tell: (password: string) => void }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState<"password" | "deletion">();
  const refresh = () => queries.invalidateQueries({ queryKey: settingsKeys.accounts });
  const changed = useMutation({ mutationFn: (change: { is_super_admin?: boolean; disabled?: boolean }) => updateAccount(account.email, change), onSettled: refresh });
  return (
    <tr>
      <td className="whitespace-nowrap">
        {account.email} {isOwn && <Badge>you</Badge>}
      </td>
      <td>{account.name || <span className="text-muted">–</span>}</td>
      <td>
        <span className="flex flex-wrap gap-1">
          {account.super_admin && <Badge tone="accent">superadmin</Badge>}
          {account.disabled ? <Badge tone="warn">disabled</Badge> : <Badge tone="good">active</Badge>}
        </span>
      </td>
      <td>
        <span className="flex">
          <IconButton label={account.super_admin ? `Make ${account.email} no superadmin` : `Make ${account.email} a superadmin`} busy={changed.isPending} onClick={() => changed.mutate({ is_super_admin: !account.super_admin })}>
            {account.super_admin ? <ShieldOff size={15} aria-hidden /> : <ShieldPlus size={15} aria-hidden />}
          </IconButton>
          <IconButton label={`${account.disabled ? "Enable" : "Disable"} ${account.email}`} busy={changed.isPending} onClick={() => changed.mutate({ disabled: !account.disabled })}>
            {account.disabled ? <UserCheck size={15} aria-hidden /> : <UserX size={15} aria-hidden />}
          </IconButton>
          <IconButton label={`New password for ${account.email}`} onClick={() => setAsking("password")}>
            <KeyRound size={15} aria-hidden />
          </IconButton>
          <IconButton label={`Delete ${account.email}`} className="!text-bad" disabled={isOwn} onClick={() => setAsking("deletion")}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </span>
        <Confirm
          open={asking === "password"}
          onClose={() => setAsking(undefined)}
          title={`A new password for ${account.email}?`}
          verb="Make it"
          look="primary"
          act={async () => {
            const password = newPassword();
            await setPasswordOf(account.email, password);
            tell(password);
          }}
        >
          The old one is good no more, and their sessions end. You are shown the new one once.
        </Confirm>
        <Confirm
          open={asking === "deletion"}
          onClose={() => setAsking(undefined)}
          title={`Delete ${account.email}?`}
          verb="Delete it"
          typed={account.email}
          act={async () => {
            await deleteAccount(account.email);
            await refresh();
          }}
        >
          Its tokens, sessions and memberships end at once, for good. What it owns in workspaces stays, for their admins.
        </Confirm>
      </td>
    </tr>
  );
}
