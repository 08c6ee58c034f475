import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Code2, Plus } from "lucide-react";
import { useMemo, useState } from "react";

import { useWorkspace } from "@/app/workspace";
import { Badge } from "@/ui/badge";
import { Input } from "@/ui/field";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { scriptsQuery } from "./queries";

const BUTTON = "inline-flex h-8 items-center gap-1.5 rounded-md bg-accent px-3 font-medium text-accent-ink hover:brightness-110";

export function ScriptsPage() {
  const workspace = useWorkspace();
  const scripts = useQuery(scriptsQuery(workspace));
  const navigate = useNavigate();
  const [filter, setFilter] = useState("");
  const found = useMemo(() => {
    const wanted = filter.toLowerCase();
    return (scripts.data ?? []).filter((each) => `${each.path} ${each.summary}`.toLowerCase().includes(wanted));
  }, [scripts.data, filter]);
  const create = (
    <Link to="/w/$workspace/scripts/new" params={{ workspace }} className={BUTTON}>
      <Plus size={15} aria-hidden /> New script
    </Link>
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Scripts"
        hint="Deployed versions; each run names the one that it ran."
        actions={
          <>
            <Input type="search" aria-label="Filter" placeholder="Filter by path or summary" className="!w-60" value={filter} onChange={(event) => setFilter(event.target.value)} />
            {create}
          </>
        }
      />
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        <Shown query={scripts} what="the scripts">
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<Code2 size={28} aria-hidden />} title="No script yet" action={create}>
                A script is a function; its signature becomes its form, its return value its result.
              </Empty>
            ) : found.length === 0 ? (
              <Empty title="No script matches">Try fewer letters.</Empty>
            ) : (
              <VirtualList
                items={found}
                label="Scripts"
                keyOf={(each) => each.path}
                height={52}
                open={(each) => void navigate({ to: "/w/$workspace/scripts/p/$", params: { workspace, _splat: each.path } })}
                row={(each) => (
                  <>
                    <span className="min-w-0 flex-1">
                      <span className="block truncate font-medium">{each.summary || each.path.split("/").at(-1)}</span>
                      <span className="block truncate font-mono text-xs text-muted">{each.path}</span>
                    </span>
                    {each.lock_error_logs && <Badge tone="bad">lock failed</Badge>}
                    <Badge>{each.language}</Badge>
                    <span className="hidden w-28 text-right text-[13px] text-muted sm:block">
                      <Ago at={each.created_at} />
                    </span>
                  </>
                )}
              />
            )
          }
        </Shown>
      </div>
    </div>
  );
}
