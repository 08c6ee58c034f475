/** One record with all that is known of it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Filter as FilterIcon, X } from "lucide-react";
import type { ReactNode } from "react";

import type { AuditSearch } from "@/app/router";
import { Badge } from "@/ui/badge";
import { IconButton } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { Shown } from "@/ui/states";
import { exact } from "@/ui/time";

import { recordQuery, type AuditRecord } from "./queries";
import { kindOf, placeOf } from "./words";

interface DetailProps {
  workspace: string;
  id: number;
  /** Whether the list shows records of other workspaces, which only it may hold. */
  isAcross: boolean;
  narrow: (change: AuditSearch) => void;
}

export function Detail({ workspace, id, isAcross, narrow }: DetailProps) {
  const record = useQuery(recordQuery(workspace, id, isAcross));
  return (
    <section aria-label="Audit record" className="flex min-w-0 flex-1 flex-col border-line xl:max-w-md xl:border-l">
      <header className="flex items-center gap-2 border-b border-line px-3 py-1.5">
        <h2 className="min-w-0 flex-1 truncate font-semibold">Record {id}</h2>
        <IconButton label="Close" onClick={() => narrow({ id: "" })}>
          <X size={16} aria-hidden />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1 overflow-auto p-3" tabIndex={0} role="region" aria-label="What was done">
        <Shown query={record} what="the record">
          {(found) => <Facts workspace={workspace} record={found} narrow={narrow} />}
        </Shown>
      </div>
    </section>
  );
}

function Facts({ workspace, record, narrow }: { workspace: string; record: AuditRecord; narrow: (change: AuditSearch) => void }) {
  const { word, tone } = kindOf(record.action_kind);
  const place = record.workspace_id === workspace ? placeOf(record.operation, record.resource ?? "") : null;
  const parameters = record.parameters === undefined ? "" : JSON.stringify(record.parameters, null, 2);
  return (
    <dl className="grid grid-cols-[7rem_1fr] gap-x-3 gap-y-2">
      <Fact name="When">{exact(new Date(record.timestamp))}</Fact>
      <Fact name="Operation" only={() => narrow({ operation: record.operation })}>
        <code className="text-[13px]">{record.operation}</code> <Badge tone={tone}>{word}</Badge>
      </Fact>
      {record.resource && (
        <Fact name="Of" only={() => narrow({ resource: record.resource ?? "" })}>
          {place ? (
            <a href={`/w/${workspace}/${place}`} className="font-mono text-[13px] text-accent underline">
              {record.resource}
            </a>
          ) : (
            <code className="text-[13px]">{record.resource}</code>
          )}
        </Fact>
      )}
      <Fact name="By" only={() => narrow({ user: record.username })}>
        {record.username} {record.email !== record.username && <span className="text-muted">{record.email}</span>}
      </Fact>
      {record.impersonated_by && <Fact name="In truth by">{record.impersonated_by}, who acted as them</Fact>}
      {record.job_id && (
        <Fact name="In the job">
          <Link to="/w/$workspace/runs/$id" params={{ workspace: record.workspace_id, id: record.job_id }} className="font-mono text-[13px] text-accent underline">
            {record.job_id}
          </Link>
        </Fact>
      )}
      <Fact name="Workspace">{record.workspace_id || "the instance as a whole"}</Fact>
      {parameters && (
        <div className="col-span-2">
          <div className="flex items-center justify-between">
            <dt className="text-[13px] text-muted">Details</dt>
            <Copy label="Copy the details" text={() => parameters} />
          </div>
          <dd>
            <pre className="overflow-auto rounded-md bg-sunken p-3 font-mono text-xs" tabIndex={0}>
              {parameters}
            </pre>
          </dd>
        </div>
      )}
    </dl>
  );
}

function Fact({ name, only, children }: { name: string; only?: () => void; children: ReactNode }) {
  return (
    <>
      <dt className="pt-0.5 text-[13px] text-muted">{name}</dt>
      <dd className="flex min-w-0 items-start gap-1">
        <span className="min-w-0 flex-1 break-words">{children}</span>
        {only && (
          <IconButton label={`Show only this ${name.toLowerCase()}`} className="-my-0.5" onClick={only}>
            <FilterIcon size={13} aria-hidden />
          </IconButton>
        )}
      </dd>
    </>
  );
}
