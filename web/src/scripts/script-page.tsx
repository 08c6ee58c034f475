/** A deployed script: its form, its last run here, its source, lock and versions. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Archive, CalendarClock, Pencil, Play, Workflow } from "lucide-react";
import { useState } from "react";

import { AccessButton } from "@/access/button";
import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { StarButton } from "@/favorite/star";
import { SchemaForm } from "@/forms/form";
import { JobPanels } from "@/job/panel";
import { runScript } from "@/job/queries";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { PageHead, Panel } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { Lock } from "./lock";
import { archive, isLocking, scriptKeys, scriptQuery } from "./queries";
import { shortOf, Versions } from "./versions";

const FORM = "run-form";

export function ScriptPage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/scripts/p/$" })._splat ?? "";
  const script = useQuery({ ...scriptQuery(workspace, path), refetchInterval: ({ state }) => state.data !== undefined && isLocking(state.data) && 2_000 });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [args, setArgs] = useState<Record<string, unknown>>({});
  const [job, setJob] = useState<string>();
  const [archiving, setArchiving] = useState(false);
  const run = useMutation({ mutationFn: () => runScript(workspace, path, JSON.stringify(args)), onSuccess: setJob });
  return (
    <Shown query={script} what="the script">
      {(found) => (
        <>
          <PageHead
            title={found.summary || path}
            hint={
              <span className="flex flex-wrap items-center gap-2">
                <code>{path}</code> <Badge>{found.language}</Badge> version {shortOf(found.hash)}, <Ago at={found.created_at} /> by {found.created_by}
              </span>
            }
            actions={
              <>
                <StarButton workspace={workspace} kind="script" path={path} />
                <Button icon={<Archive size={15} aria-hidden />} onClick={() => setArchiving(true)}>
                  Archive
                </Button>
                <AccessButton workspace={workspace} kind="script" path={path} />
                <Link to="/w/$workspace/flows/new" params={{ workspace }} search={{ script: path }} className={buttonClass()}>
                  <Workflow size={15} aria-hidden /> Make a flow
                </Link>
                <Link to="/w/$workspace/schedules/new" params={{ workspace }} search={{ target: `script/${path}` }} className={buttonClass()}>
                  <CalendarClock size={15} aria-hidden /> Schedule
                </Link>
                <Link to="/w/$workspace/scripts/edit/$" params={{ workspace, _splat: path }} className={buttonClass()}>
                  <Pencil size={15} aria-hidden /> Edit
                </Link>
                <Button look="primary" type="submit" form={FORM} icon={<Play size={15} aria-hidden />} busy={run.isPending}>
                  Run
                </Button>
              </>
            }
          />
          {found.lock_error_logs && <p className="mx-4 mb-3 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 lg:mx-6">Its packages could not be found: the lock below says why.</p>}
          <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-2 lg:px-6">
            <div className="flex min-w-0 flex-col gap-4">
              <Panel title="Arguments">
                <Arguments schema={found.schema as Record<string, unknown> | null} value={args} onChange={setArgs} onSubmit={() => run.mutate()} />
              </Panel>
              <Panel title="Source" flush className="max-h-[60vh]">
                <div className="h-96">
                  <Editor label="Source" readOnly value={found.content} language={found.language} />
                </div>
              </Panel>
              <Lock script={found} />
              <Versions workspace={workspace} now={found} />
            </div>
            {job ? (
              <JobPanels key={job} workspace={workspace} id={job} linked />
            ) : (
              <Panel>
                <Empty icon={<Play size={26} aria-hidden />} title="Run it">
                  Its log and result appear here. Ctrl Enter in the form runs it, too.
                </Empty>
              </Panel>
            )}
          </div>
          <Confirm
            open={archiving}
            onClose={() => setArchiving(false)}
            title={`Archive ${path}?`}
            verb="Archive it"
            act={async () => {
              await archive(workspace, path);
              await queries.invalidateQueries({ queryKey: scriptKeys.list(workspace) });
              await navigate({ to: "/w/$workspace/scripts", params: { workspace } });
            }}
          >
            It can no longer be run by its path. Its versions and runs stay, and deploying it again brings it back.
          </Confirm>
        </>
      )}
    </Shown>
  );
}

interface ArgumentsProps {
  schema: Record<string, unknown> | null;
  value: Record<string, unknown>;
  onChange: (value: Record<string, unknown>) => void;
  onSubmit: () => void;
}

function Arguments({ schema, value, onChange, onSubmit }: ArgumentsProps) {
  const names = Object.keys((schema?.properties as object | undefined) ?? {});
  return (
    <div onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && (document.getElementById(FORM) as HTMLFormElement).requestSubmit()}>
      {names.length === 0 && <p className="text-muted">It takes no arguments.</p>}
      <SchemaForm id={FORM} schema={{ type: "object", ...schema }} value={value} onChange={onChange} onSubmit={onSubmit} />
    </div>
  );
}
