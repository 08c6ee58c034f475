/** The storages of the workspace; admins add, try out, rule and remove them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, CircleMinus, CircleX, HardDrive, Plus, Stethoscope, ScrollText, Trash2 } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { PageHead, Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { bytes } from "@/ui/time";

import { NewStorage } from "./new-storage";
import { deleteStorage, examine, shownName, storagesQuery, storageUsageQuery, type Storage } from "./queries";
import { RulesDialog } from "./rules";

const KINDS: Record<string, string> = { instance: "kept by Tidemill", local: "folder of the host", s3: "S3", s3_aws_oidc: "S3 (AWS OIDC)", azure_blob: "Azure Blob", azure_workload_identity: "Azure (workload identity)", gcloud_storage: "Google Cloud Storage" };

export function StoragesPage() {
  const workspace = useWorkspace();
  const storages = useQuery(storagesQuery(workspace));
  const usage = useQuery(storageUsageQuery(workspace));
  const member = useQuery(memberQuery(workspace));
  const [isNew, setNew] = useState(false);
  const isAdmin = member.data?.is_admin === true;
  return (
    <>
      <PageHead
        title="Storage"
        hint="Where scripts keep large data: folders of this instance, and buckets of yours."
        actions={
          isAdmin && (
            <Button look="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setNew(true)}>
              Add a storage
            </Button>
          )
        }
      />
      <div className="px-4 pb-8 lg:px-6">
        <Panel flush>
          <Shown query={storages} what="the storages">
            {(all) => (
              <>
                <ul aria-label="Storages">
                  {all.map((each) => (
                    <Row key={each.name} workspace={workspace} storage={each} all={all} isAdmin={isAdmin} held={usage.data?.storages.find((one) => one.storage === each.name)} />
                  ))}
                </ul>
                {isNew && <NewStorage workspace={workspace} all={all} onClose={() => setNew(false)} />}
              </>
            )}
          </Shown>
        </Panel>
      </div>
    </>
  );
}

interface RowProps {
  workspace: string;
  storage: Storage;
  all: Storage[];
  isAdmin: boolean;
  held: { bytes: number; objects: number; complete: boolean } | undefined;
}

function Row({ workspace, storage, all, isAdmin, held }: RowProps) {
  const [shown, setShown] = useState<"rules" | "examination" | "removal">();
  const queries = useQueryClient();
  const close = () => setShown(undefined);
  const where = storage.resource_path ?? storage.root_path;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2 last:border-0">
      <span className="flex size-9 items-center justify-center rounded-lg bg-accent-soft text-accent">
        <HardDrive size={17} aria-hidden />
      </span>
      <div className="min-w-40 flex-1">
        <Link to="/w/$workspace/storages/$storage" params={{ workspace, storage: storage.name }} search={{}} className="font-medium hover:text-accent hover:underline">
          {shownName(storage.name)}
        </Link>
        <p className="flex flex-wrap items-center gap-1.5 text-[13px] text-muted">
          {KINDS[storage.kind] ?? storage.kind}
          {where && <code className="text-xs">{where}</code>}
          {storage.has_default_rules === false && <Badge>{storage.rules?.length} rules</Badge>}
        </p>
      </div>
      <span className="text-right text-[13px] text-muted tabular-nums">
        {held && `${bytes(held.bytes)}${held.complete ? "" : " and more"}`}
        <br />
        {held && `${held.objects.toLocaleString()} ${held.objects === 1 ? "object" : "objects"}`}
      </span>
      {isAdmin && (
        <span className="flex gap-1">
          <IconButton label={`Try out ${shownName(storage.name)}`} onClick={() => setShown("examination")}>
            <Stethoscope size={15} aria-hidden />
          </IconButton>
          <IconButton label={`Rules of ${shownName(storage.name)}`} onClick={() => setShown("rules")}>
            <ScrollText size={15} aria-hidden />
          </IconButton>
          <IconButton label={`Remove ${shownName(storage.name)}`} disabled={storage.is_default} onClick={() => setShown("removal")}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </span>
      )}
      {shown === "rules" && <RulesDialog workspace={workspace} storage={storage} all={all} onClose={close} />}
      {shown === "examination" && <Examination workspace={workspace} name={storage.name} onClose={close} />}
      <Confirm
        open={shown === "removal"}
        onClose={close}
        title={`Remove ${storage.name}?`}
        verb="Remove it"
        typed={storage.name}
        act={async () => {
          await deleteStorage(workspace, storage.name);
          await queries.invalidateQueries({ queryKey: ["storages", workspace] });
        }}
      >
        {storage.resource_path ? "Its bucket stays as it is; addresses of objects in it lead nowhere any more." : "It must be empty. Addresses that name it lead nowhere any more."}
      </Confirm>
    </li>
  );
}

const OUTCOMES = { good: CircleCheck, bad: CircleX, other: CircleMinus };

function Examination({ workspace, name, onClose }: { workspace: string; name: string; onClose: () => void }) {
  const steps = useQuery({ queryKey: ["storages", workspace, "examination", name], queryFn: () => examine(workspace, name), gcTime: 0, retry: false });
  const again = useMutation({ mutationFn: () => steps.refetch() });
  return (
    <Dialog open onClose={onClose} title={`Trying out ${shownName(name)}`} hint="On a small object of our own, which is removed again.">
      <Shown query={steps} what="what it can do">
        {(found) => (
          <ul aria-label="Steps">
            {found.map((each) => {
              const tone = each.outcome === "fine" ? "good" : each.outcome === "unsupported" ? "other" : "bad";
              const Icon = OUTCOMES[tone];
              return (
                <li key={each.name} className="flex items-start gap-2 border-b border-line py-1.5 last:border-0">
                  <Icon size={16} aria-label={each.outcome} className={tone === "good" ? "mt-0.5 text-good" : tone === "bad" ? "mt-0.5 text-bad" : "mt-0.5 text-muted"} />
                  <div className="min-w-0 flex-1">
                    <p>{each.name}</p>
                    {each.advice && <p className="text-[13px] break-words text-muted">{each.advice}</p>}
                  </div>
                </li>
              );
            })}
          </ul>
        )}
      </Shown>
      <div className="mt-3 flex justify-end">
        <Button busy={again.isPending} onClick={() => again.mutate()}>
          Again
        </Button>
      </div>
    </Dialog>
  );
}
