import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight, Database, FileDown, Play, Plus } from "lucide-react";
import type { ReactNode } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Favorites } from "@/favorite/favorites";
import { StateBadge, stateOf } from "@/job/state";
import { PageHead, Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Ago, duration } from "@/ui/time";

import { recentRuns, recentlyDeployed, type Run } from "./queries";

const BUTTON = "inline-flex h-8 items-center gap-1.5 rounded-md bg-accent px-3 font-medium text-accent-ink hover:brightness-110";

export function HomePage() {
  const workspace = useWorkspace();
  const scripts = useQuery(recentlyDeployed(workspace));
  const member = useQuery(memberQuery(workspace));
  const runs = useQuery(recentRuns(workspace));
  const isNew = scripts.data !== undefined && runs.data?.length === 0;
  return (
    <>
      <PageHead
        title={member.data?.username ? `Welcome, ${member.data.username}` : "Home"}
        actions={
          <Link to="/w/$workspace/scripts/new" params={{ workspace }} className={BUTTON}>
            <Plus size={15} aria-hidden /> New script
          </Link>
        }
      />
      <div className="grid gap-4 px-4 pb-8 lg:grid-cols-2 lg:px-6">
        {isNew && <Doors workspace={workspace} />}
        <Favorites workspace={workspace} />
        <Panel title="Scripts and flows" flush actions={<More to="/w/$workspace/scripts" workspace={workspace} />}>
          <Shown query={scripts} what="what was deployed">
            {(found) => (
              <ul>
                {found.map((each) => (
                  <li key={`${each.language} ${each.path}`} className="border-b border-line last:border-0">
                    <Link to={each.isFlow ? "/w/$workspace/flows/p/$" : "/w/$workspace/scripts/p/$"} params={{ workspace, _splat: each.path }} className="flex items-center gap-3 px-3 py-2 hover:bg-sunken">
                      <span className="min-w-0 flex-1">
                        <span className="block truncate font-medium">{each.summary || each.path}</span>
                        <span className="block truncate font-mono text-xs text-muted">{each.path}</span>
                      </span>
                      <span className="text-xs text-muted">{each.language}</span>
                      <span className="w-20 text-right text-xs text-muted">
                        <Ago at={each.at} />
                      </span>
                    </Link>
                  </li>
                ))}
                {found.length === 0 && <li className="p-4 text-muted">No script yet: run the example, or write one.</li>}
              </ul>
            )}
          </Shown>
        </Panel>
        <Runs workspace={workspace} runs={runs} />
      </div>
    </>
  );
}

function More({ to, workspace }: { to: "/w/$workspace/scripts" | "/w/$workspace/runs"; workspace: string }) {
  return (
    <Link to={to} params={{ workspace }} className="flex items-center gap-1 text-[13px] text-accent hover:underline">
      All <ArrowRight size={13} aria-hidden />
    </Link>
  );
}

function Runs({ workspace, runs }: { workspace: string; runs: UseQueryResult<Run[]> }) {
  return (
    <Panel title="Last runs" flush actions={<More to="/w/$workspace/runs" workspace={workspace} />}>
      <Shown query={runs} what="the runs">
        {(found) => (
          <ul>
            {found.map((each) => (
              <li key={each.id} className="border-b border-line last:border-0">
                <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.id }} className="flex items-center gap-3 px-3 py-2 hover:bg-sunken">
                  <span className="w-20 shrink-0">
                    <StateBadge state={stateOf(each)} />
                  </span>
                  <span className="min-w-0 flex-1 truncate">{each.script_path ?? each.job_kind}</span>
                  <span className="text-xs text-muted">{each.type === "CompletedJob" && duration(each.duration_ms ?? 0)}</span>
                  <span className="w-20 text-right text-xs text-muted">
                    <Ago at={each.created_at} />
                  </span>
                </Link>
              </li>
            ))}
            {found.length === 0 && <li className="p-4 text-muted">Nothing has run yet.</li>}
          </ul>
        )}
      </Shown>
    </Panel>
  );
}

/** The three ways to begin. */
function Doors({ workspace }: { workspace: string }) {
  return (
    <div className="grid gap-4 sm:grid-cols-3 lg:col-span-2">
      <Door icon={<Play size={18} aria-hidden />} title="Run an example" text="A short Python script: its form comes from its signature, its result is a table.">
        <Link to="/w/$workspace/scripts/new" params={{ workspace }} search={{ example: true }} className={BUTTON}>
          Open the example
        </Link>
      </Door>
      <Door icon={<Database size={18} aria-hidden />} title="Connect a database or bucket" text="Paste a postgres://, mongodb://, redis:// or s3:// URL; the form fills itself.">
        <Link to="/w/$workspace/resources/new" params={{ workspace }} className={BUTTON}>
          New resource
        </Link>
      </Door>
      <Door icon={<FileDown size={18} aria-hidden />} title="Import from Windmill" text="From a running instance, or from the folder that its command line wrote. You see what is in it first.">
        <Link to="/w/$workspace/import" params={{ workspace }} className={BUTTON}>
          Import
        </Link>
      </Door>
    </div>
  );
}

function Door({ icon, title, text, children }: { icon: ReactNode; title: string; text: string; children: ReactNode }) {
  return (
    <section className="flex flex-col items-start gap-2 rounded-lg border border-line bg-panel p-4">
      <div className="flex size-9 items-center justify-center rounded-lg bg-accent-soft text-accent">{icon}</div>
      <h2 className="font-semibold">{title}</h2>
      <p className="flex-1 text-muted">{text}</p>
      {children}
    </section>
  );
}
