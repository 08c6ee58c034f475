/** What is to be known of a flow beside its graph. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CalendarClock } from "lucide-react";
import { useState } from "react";

import { Access } from "@/access/panel";
import { StateBadge, stateOf } from "@/job/state";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Shown } from "@/ui/states";
import { Tabs } from "@/ui/tabs";
import { Ago, duration } from "@/ui/time";

import { runsOfQuery, schedulesOfQuery, usersOfQuery, type Version } from "./queries";
import { Versions } from "./versions";

type Tab = "runs" | "versions" | "schedules" | "users" | "access";

export function About({ workspace, now }: { workspace: string; now: Version }) {
  const [tab, setTab] = useState<Tab>("runs");
  const { path } = now;
  return (
    <Tabs<Tab>
      label="About it"
      value={tab}
      onChange={setTab}
      tabs={[
        { id: "runs", label: "Runs", content: <Runs workspace={workspace} path={path} /> },
        { id: "versions", label: "Versions", content: <Versions workspace={workspace} now={now} /> },
        { id: "schedules", label: "Schedules", content: <Schedules workspace={workspace} path={path} /> },
        { id: "users", label: "Used by", content: <Users workspace={workspace} path={path} /> },
        { id: "access", label: "Access", content: <Access workspace={workspace} kind="flow" path={path} /> },
      ]}
    />
  );
}

const ROW = "flex items-center gap-3 px-3 py-2 hover:bg-sunken";

function Runs({ workspace, path }: { workspace: string; path: string }) {
  const runs = useQuery(runsOfQuery(workspace, path));
  return (
    <Shown query={runs} what="the runs">
      {(found) => (
        <ul aria-label="Runs">
          {found.map((each) => (
            <li key={each.id} className="border-b border-line last:border-0">
              <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.id }} className={ROW}>
                <span className="w-20 shrink-0">
                  <StateBadge state={stateOf(each)} />
                </span>
                <span className="min-w-0 flex-1 truncate text-muted">{each.schedule_path ? `by the schedule ${each.schedule_path}` : each.created_by}</span>
                <span className="text-[13px] tabular-nums">{each.type === "CompletedJob" && duration(each.duration_ms ?? 0)}</span>
                <span className="w-24 text-right text-[13px] text-muted">
                  <Ago at={each.created_at} />
                </span>
              </Link>
            </li>
          ))}
          {found.length === 0 && <li className="p-3 text-muted">It has not run yet.</li>}
        </ul>
      )}
    </Shown>
  );
}

function Schedules({ workspace, path }: { workspace: string; path: string }) {
  const schedules = useQuery(schedulesOfQuery(workspace, path));
  return (
    <Shown query={schedules} what="the schedules">
      {(found) => (
        <>
          <ul aria-label="Schedules">
            {found.map((each) => (
              <li key={each.path} className="border-b border-line last:border-0">
                <Link to="/w/$workspace/schedules/p/$" params={{ workspace, _splat: each.path }} className={ROW}>
                  <span className="min-w-0 flex-1 truncate">{each.summary || each.path}</span>
                  <code className="text-xs">{each.schedule}</code>
                  <span className="text-[13px] text-muted">{each.timezone}</span>
                  {!each.enabled && <Badge>off</Badge>}
                </Link>
              </li>
            ))}
            {found.length === 0 && <li className="p-3 text-muted">No schedule runs it.</li>}
          </ul>
          <div className="p-3">
            <Link to="/w/$workspace/schedules/new" params={{ workspace }} search={{ target: `flow/${path}` }} className={buttonClass("plain", true)}>
              <CalendarClock size={14} aria-hidden /> New schedule of it
            </Link>
          </div>
        </>
      )}
    </Shown>
  );
}

function Users({ workspace, path }: { workspace: string; path: string }) {
  const users = useQuery(usersOfQuery(workspace, path));
  return (
    <Shown query={users} what="what uses it">
      {(found) => (
        <div className="p-3">
          <ul aria-label="Used by" className="mb-2">
            {found.map((each) => (
              <li key={`${each.kind} ${each.path}`} className="flex items-center gap-2 border-b border-line py-1.5 last:border-0">
                <Badge>{each.kind}</Badge>
                <Link to={each.kind === "flow" ? "/w/$workspace/flows/p/$" : "/w/$workspace/scripts/p/$"} params={{ workspace, _splat: each.path }} className="min-w-0 truncate font-mono text-[13px] text-accent hover:underline">
                  {each.path}
                </Link>
              </li>
            ))}
            {found.length === 0 && <li>Nothing that you may see runs it.</li>}
          </ul>
          <p className="text-[13px] text-muted">Flows that have it as a step, and scripts that name its path, in their newest versions.</p>
        </div>
      )}
    </Shown>
  );
}
