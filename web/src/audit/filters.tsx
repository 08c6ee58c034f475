/** Who, what, to what, when: kept in the URL. */
import { useQuery } from "@tanstack/react-query";
import { Download, X } from "lucide-react";
import { useEffect, useState } from "react";

import type { AuditSearch } from "@/app/router";
import { Button, buttonClass } from "@/ui/button";
import { Input, Select } from "@/ui/field";
import { Switch } from "@/ui/switch";
import { useSettled } from "@/ui/settled";

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

/** A text that narrows the list once one stops typing. */
function Typed({ label, list, value, set, className }: { label: string; list?: readonly string[]; value: string | undefined; set: (text: string) => void; className: string }) {
  const [text, setText] = useState(value ?? "");
  const [from, setFrom] = useState(value);
  if (value !== from) {
    setFrom(value);
    setText(value ?? "");
  }
  const settled = useSettled(text, 300);
  useEffect(() => {
    if (settled !== (value ?? "")) set(settled);
    // Only what was typed sets it: `value` may change from elsewhere.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  const id = `audit-${label.replaceAll(" ", "-")}`;
  return (
    <>
      <Input type="search" aria-label={label} placeholder={label} className={className} list={list ? id : undefined} value={text} onChange={(event) => setText(event.target.value)} />
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
