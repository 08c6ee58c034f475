/** The audit log: the newest first, more as it comes, one record beside. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowUp, ScrollText } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import type { AuditSearch } from "@/app/router";
import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { Detail } from "./detail";
import { ExportLinks, Filters } from "./filters";
import { auditQuery, MOST_NEW, newerQuery, type AuditRecord, type Filter } from "./queries";
import { kindOf } from "./words";

export function AuditPage() {
  const workspace = useWorkspace();
  const { id, ...filter } = useSearch({ from: "/w/$workspace/audit" });
  const navigate = useNavigate({ from: "/w/$workspace/audit" });
  const member = useQuery(memberQuery(workspace));
  const isAdmin = member.data?.is_admin === true;
  const narrow = (change: AuditSearch) => void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== "")), replace: true });
  return (
    <div className="flex h-full flex-col">
      <PageHead title="Audit" hint={isAdmin ? "Every change, every run, every reading of a secret: who did it, and when." : "What you did. Admins see what everybody did."} actions={<ExportLinks workspace={workspace} filter={filter} />} />
      <Filters workspace={workspace} filter={filter} isAdmin={isAdmin} isSuperadmin={member.data?.is_super_admin === true} narrow={narrow} clear={() => void navigate({ search: {}, replace: true })} />
      <div className="flex min-h-0 flex-1 border-t border-line bg-panel">
        <Records workspace={workspace} filter={filter} current={id} open={(record) => narrow({ id: String(record.id) })} />
        {id !== undefined && <Detail key={id} workspace={workspace} id={Number(id)} isAcross={filter.all === "1"} narrow={narrow} />}
      </div>
    </div>
  );
}

function Records({ workspace, filter, current, open }: { workspace: string; filter: Filter; current: string | undefined; open: (record: AuditRecord) => void }) {
  const older = useInfiniteQuery(auditQuery(workspace, filter));
  const newest = older.data?.pages[0]?.[0]?.id ?? 0;
  const newer = useQuery({ ...newerQuery(workspace, filter, newest), enabled: older.data !== undefined });
  const queries = useQueryClient();
  const box = useRef<HTMLDivElement>(null);
  const [isAtTop, setAtTop] = useState(true);
  const [shownNew, setShownNew] = useState<AuditRecord[]>([]);
  const came = newer.data ?? [];
  if (isAtTop && came !== shownNew && newer.data) setShownNew(came);
  const isFlood = came.length === MOST_NEW;
  useEffect(() => {
    if (isAtTop && isFlood) void queries.resetQueries({ queryKey: ["audit", workspace] });
  }, [isAtTop, isFlood, queries, workspace]);
  const hiddenNew = came.length - (isAtTop ? came.length : shownNew.length);
  return (
    <div
      ref={box}
      className={current !== undefined ? "@container relative hidden min-w-0 flex-1 xl:block" : "@container relative min-w-0 flex-1"}
      onScrollCapture={(event) => setAtTop((event.target as HTMLElement).scrollTop < 40)}
    >
      {hiddenNew > 0 && (
        <div className="absolute inset-x-0 top-2 z-10 flex justify-center">
          <Button small look="primary" className="shadow-lg" icon={<ArrowUp size={14} aria-hidden />} onClick={() => box.current?.querySelector('[role="listbox"]')?.scrollTo({ top: 0 })}>
            {hiddenNew} new
          </Button>
        </div>
      )}
      <Shown query={older} what="the audit log">
        {({ pages }) => {
          const found = [...shownNew.filter((each) => each.id > newest), ...pages.flat()];
          return found.length === 0 ? (
            <Empty icon={<ScrollText size={28} aria-hidden />} title={Object.keys(filter).length ? "No record fits" : "Nothing was done yet"}>
              {Object.keys(filter).length ? "Widen the filters above. Operations are named as variables.create; variables.* is all of variables." : "The first change shows here."}
            </Empty>
          ) : (
            <VirtualList
              items={found}
              label="Audit records"
              keyOf={(each) => String(each.id)}
              current={current}
              height={36}
              open={open}
              more={older.hasNextPage && !older.isFetchingNextPage ? () => void older.fetchNextPage() : undefined}
              row={(each) => <Row record={each} isAcross={filter.all === "1"} />}
            />
          );
        }}
      </Shown>
    </div>
  );
}

function Row({ record, isAcross }: { record: AuditRecord; isAcross: boolean }) {
  const { word, tone } = kindOf(record.action_kind);
  return (
    <div className="flex w-full items-center gap-3 text-[13px]">
      <span className="w-20 shrink-0 text-muted">
        <Ago at={record.timestamp} />
      </span>
      <span className="hidden w-16 shrink-0 @md:block">
        <Badge tone={tone}>{word}</Badge>
      </span>
      <span className="hidden w-32 shrink-0 truncate @xl:block" title={record.email}>
        {record.username}
      </span>
      <span className="max-w-[45%] shrink-0 truncate font-mono text-xs text-muted @2xl:w-48">{record.operation}</span>
      <span className="min-w-0 flex-1 truncate font-mono text-xs">{record.resource}</span>
      {isAcross && <Badge>{record.workspace_id || "instance"}</Badge>}
      {record.job_id && <Badge>by a job</Badge>}
      {record.impersonated_by && <Badge tone="warn">as somebody else</Badge>}
    </div>
  );
}
