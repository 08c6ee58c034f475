/** Who, what, to what, when: kept in the URL. */
import { useQuery } from "@tanstack/react-query";
import { Download, X } from "lucide-react";

import type { AuditSearch } from "@/app/router";
import { Button, buttonClass } from "@/ui/button";
import { Input, Select } from "@/ui/field";
import { SettledInput } from "@/ui/settled-input";
import { Switch } from "@/ui/switch";

import { exportUrl, usernamesQuery, type Filter } from "./queries";
import { KINDS, kindOf, OPERATIONS } from "./words";

interface FiltersProps {
  workspace: string;
  filter: Filter;
  isAdmin: boolean;
  isSuperadmin: boolean;
  narrow: (change: AuditSearch) => void;
  clear: () => void;
}

export function Filters({ workspace, filter, isAdmin, isSuperadmin, narrow, clear }: FiltersProps) {
  const names = useQuery({ ...usernamesQuery(workspace), enabled: isAdmin });
  return (
    <div role="search" aria-label="Audit records" className="flex flex-wrap items-center gap-2 px-4 pb-3 lg:px-6">
      {isAdmin && <Typed label="By whom" list={names.data ?? []} className="!w-36" value={filter.user} set={(user) => narrow({ user })} />}
      <Typed label="Operation" list={OPERATIONS} className="!w-48 font-mono" value={filter.operation} set={(operation) => narrow({ operation })} />
      <Select aria-label="Kind" className="!w-32" value={filter.kind ?? ""} onChange={(event) => narrow({ kind: event.target.value })}>
        <option value="">All kinds</option>
        {KINDS.map((each) => (
          <option key={each} value={each}>
            {kindOf(each).word}
          </option>
        ))}
      </Select>
      <Typed label="Name begins with" className="!w-44 font-mono" value={filter.resource} set={(resource) => narrow({ resource })} />
      <span className="flex flex-wrap items-center gap-2">
        <label className="flex items-center gap-1.5 text-[13px] text-muted">
          From
          <Input type="datetime-local" className="!w-48" value={filter.from ?? ""} onChange={(event) => narrow({ from: event.target.value })} />
        </label>
        <label className="flex items-center gap-1.5 text-[13px] text-muted">
          to
          <Input type="datetime-local" className="!w-48" value={filter.to ?? ""} onChange={(event) => narrow({ to: event.target.value })} />
        </label>
      </span>
      {isSuperadmin && (
        <span className="flex items-center gap-1.5 text-[13px] text-muted">
          <Switch label="All workspaces" on={filter.all === "1"} onChange={(on) => narrow({ all: on ? "1" : "" })} /> All workspaces
        </span>
      )}
      {Object.keys(filter).length > 0 && (
        <Button small look="quiet" icon={<X size={14} aria-hidden />} onClick={clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

/** With names to choose from, where there are some. */
function Typed({ label, list, ...rest }: { label: string; list?: readonly string[]; value: string | undefined; set: (text: string) => void; className: string }) {
  const id = `audit-${label.replaceAll(" ", "-")}`;
  return (
    <>
      <SettledInput label={label} list={list ? id : undefined} {...rest} />
      {list && (
        <datalist id={id}>
          {list.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
}

export function ExportLinks({ workspace, filter }: { workspace: string; filter: Filter }) {
  return (
    <>
      {(["csv", "jsonl"] as const).map((format) => (
        <a key={format} href={exportUrl(workspace, filter, format)} download className={buttonClass()}>
          <Download size={15} aria-hidden /> {format === "csv" ? "CSV" : "JSON Lines"}
        </a>
      ))}
    </>
  );
}
