/** Access keys for S3 clients. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { HardDrive, Plus } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";
import { Panel } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Switch } from "@/ui/switch";
import { Table } from "@/ui/table";
import { Ago } from "@/ui/time";

import { ExpiryField, IN_90_DAYS, momentOf } from "./expiry";
import { ShownOnce } from "./once";
import { accessKeysQuery, createAccessKey, revokeAccessKey, settingsKeys, type AccessKey, type MadeKey } from "./queries";

export function AccessKeys({ workspace }: { workspace: string }) {
  const member = useQuery(memberQuery(workspace));
  const isAdmin = member.data?.is_admin === true;
  const [isForAll, setForAll] = useState(false);
  const keys = useQuery(accessKeysQuery(workspace, isForAll));
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<MadeKey>();
  const create = (
    <Button look="primary" small icon={<Plus size={14} aria-hidden />} onClick={() => setNew(true)}>
      New access key
    </Button>
  );
  return (
    <>
      <Panel
        title="Access keys of this workspace"
        flush
        actions={
          <>
            {isAdmin && (
              <span className="flex items-center gap-1.5 text-[13px] text-muted">
                <Switch label="Of everybody" on={isForAll} onChange={setForAll} /> Of everybody
              </span>
            )}
            {create}
          </>
        }
      >
        <Shown query={keys} what="the access keys">
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<HardDrive size={26} aria-hidden />} title="No access key yet" action={create}>
                boto3, rclone, the AWS command line and whatever else speaks S3 read and write the storages of this workspace by one.
              </Empty>
            ) : (
              <Table label="Access keys" heads={["Access key", "For", "Whose", "May", "Last used", "Ends", "Revoke"]}>
                {all.map((each) => (
                  <Row key={each.access_key} workspace={workspace} found={each} />
                ))}
              </Table>
            )
          }
        </Shown>
      </Panel>
      {isNew && <NewKey workspace={workspace} onClose={() => setNew(false)} onMade={setMade} />}
      {made && <ShownOnce title="The access key is made" onClose={() => setMade(undefined)} parts={partsOf(made)} />}
    </>
  );
}

function partsOf(made: MadeKey) {
  const endpoint = made.port_endpoint ?? made.endpoint;
  return [
    { label: "Secret key", text: made.secret_key },
    { label: "For a shell", text: `export AWS_ACCESS_KEY_ID=${made.access_key}\nexport AWS_SECRET_ACCESS_KEY=${made.secret_key}\nexport AWS_REGION=${made.region}\nexport AWS_ENDPOINT_URL=${endpoint}\naws s3 ls s3://${made.bucket}/` },
  ];
}

function NewKey({ workspace, onClose, onMade }: { workspace: string; onClose: () => void; onMade: (made: MadeKey) => void }) {
  const queries = useQueryClient();
  const [label, setLabel] = useState("");
  const [isReadOnly, setReadOnly] = useState(true);
  const [expiry, setExpiry] = useState(IN_90_DAYS);
  const made = useMutation({
    mutationFn: () => createAccessKey(workspace, { label, read_only: isReadOnly, expiration: momentOf(expiry) }),
    meta: { quiet: true },
    onSuccess: async (key) => {
      await queries.invalidateQueries({ queryKey: settingsKeys.accessKeys(workspace) });
      onMade(key);
      onClose();
    },
  });
  return (
    <FormDialog title="New access key" hint="It acts as you in this workspace, by the rules of each storage." verb="Make it" onClose={onClose} sending={made}>
      <Field label="What it is for">{(given) => <Input {...given} required autoFocus maxLength={100} placeholder="laptop" value={label} onChange={(event) => setLabel(event.target.value)} />}</Field>
      <ExpiryField value={expiry} onChange={setExpiry} />
      <span className="flex items-center gap-2">
        <Switch label="Read only" on={isReadOnly} onChange={setReadOnly} /> Read only
      </span>
    </FormDialog>
  );
}

function Row({ workspace, found }: { workspace: string; found: AccessKey }) {
  const queries = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  async function act() {
    await revokeAccessKey(workspace, found.access_key);
    await queries.invalidateQueries({ queryKey: settingsKeys.accessKeys(workspace) });
  }
  return (
    <tr>
      <td className="font-mono text-[13px]">{found.access_key}</td>
      <td className="min-w-28">{found.label || <span className="text-muted">–</span>}</td>
      <td className="text-[13px]">{found.owner}</td>
      <td>{found.read_only ? <Badge tone="good">read only</Badge> : <Badge>read and write</Badge>}</td>
      <td className="text-[13px] text-muted">{found.last_used_at ? <Ago at={found.last_used_at} /> : "never"}</td>
      <td className="text-[13px] text-muted">{found.expiration ? <Ago at={found.expiration} /> : "never"}</td>
      <td>
        <Button small className="!text-bad" onClick={() => setAsking(true)}>
          Revoke
        </Button>
        <Confirm open={isAsking} onClose={() => setAsking(false)} title={`Revoke ${found.label || found.access_key}?`} verb="Revoke it" act={act}>
          Clients that use it are refused at once. It cannot be brought back; a new one can be made.
        </Confirm>
      </td>
    </tr>
  );
}
