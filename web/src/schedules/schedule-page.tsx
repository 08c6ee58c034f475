/** One schedule, new or there already. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Play, Trash2 } from "lucide-react";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { memberQuery } from "@/app/session";
import { AccessButton } from "@/access/button";
import { useWorkspace } from "@/app/workspace";
import { PathField, pathFault } from "@/items/path-field";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { PageHead } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { changeOf, creation, draftOf, emptyDraft } from "./draft";
import { FORM, ScheduleEditor } from "./editor";
import { PastOccurrences } from "./occurrences";
import { change, create, remove, runNow, scheduleKeys, scheduleQuery, type Schedule } from "./queries";

export function NewSchedulePage() {
  const workspace = useWorkspace();
  const { target = "" } = useSearch({ from: "/w/$workspace/schedules/new" });
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="your account">
      {({ username }) => <NewSchedule key={target} workspace={workspace} username={username} target={target} />}
    </Shown>
  );
}

function NewSchedule({ workspace, username, target }: { workspace: string; username: string; target: string }) {
  const [path, setPath] = useState(target.split("/").slice(1).join("/") || `u/${username}/`);
  const [draft, setDraft] = useState(() => emptyDraft(Intl.DateTimeFormat().resolvedOptions().timeZone, target));
  const [isTried, setTried] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const fault = pathFault(path);
  const saved = useMutation({
    mutationFn: () => create(workspace, creation(path, draft)),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: scheduleKeys.all(workspace) });
      await navigate({ to: "/w/$workspace/schedules/p/$", params: { workspace, _splat: path } });
    },
  });
  return (
    <>
      <PageHead
        title="New schedule"
        hint="It runs with your rights."
        actions={
          <Button look="primary" type="submit" form={FORM} busy={saved.isPending}>
            Save
          </Button>
        }
      />
      <ScheduleEditor
        workspace={workspace}
        draft={draft}
        onDraft={setDraft}
        onSave={() => saved.mutate()}
        error={saved.error}
        path={<PathField workspace={workspace} path={path} onChange={setPath} shown={(isTried && fault) || undefined} />}
        hasPathFault={fault !== ""}
        onTried={() => setTried(true)}
      />
    </>
  );
}

export function SchedulePage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/schedules/p/$" })._splat ?? "";
  const schedule = useQuery(scheduleQuery(workspace, path));
  return (
    <Shown query={schedule} what="the schedule">
      {(found) => <Editing key={`${path} ${found.version}`} workspace={workspace} found={found} />}
    </Shown>
  );
}

function Editing({ workspace, found }: { workspace: string; found: Schedule }) {
  const begun = draftOf(found);
  const [draft, setDraft] = useState(begun);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const body = changeOf(draft, begun);
  const saved = useMutation({
    mutationFn: () => change(workspace, found.path, found.version, body || "{}"),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: scheduleKeys.all(workspace) });
      toast("good", "Saved.");
    },
  });
  const started = useMutation({ mutationFn: () => runNow(workspace, begun.target, found.argsText), onSuccess: (id) => navigate({ to: "/w/$workspace/runs/$id", params: { workspace, id } }) });
  const isOutrun = saved.error instanceof ApiError && saved.error.code === "version_mismatch";
  return (
    <>
      <PageHead
        title={found.summary || found.path}
        hint={<About workspace={workspace} found={found} />}
        actions={
          <>
            <AccessButton workspace={workspace} kind="schedule" path={found.path} />
            <DeleteButton workspace={workspace} path={found.path} />
            <Button icon={<Play size={15} aria-hidden />} busy={started.isPending} onClick={() => started.mutate()}>
              Run now
            </Button>
            {isOutrun && <Button onClick={() => void queries.resetQueries({ queryKey: scheduleKeys.one(workspace, found.path) })}>Load what is stored</Button>}
            <Button look="primary" type="submit" form={FORM} busy={saved.isPending} disabled={body === ""}>
              Save
            </Button>
          </>
        }
      />
      {found.error && (
        <p role="alert" className="mx-4 mb-3 rounded-md border border-bad/40 bg-bad-soft p-3 lg:mx-6">
          {found.error}
        </p>
      )}
      <ScheduleEditor
        workspace={workspace}
        draft={draft}
        onDraft={setDraft}
        onSave={() => saved.mutate()}
        error={saved.error}
        beside={<PastOccurrences workspace={workspace} path={found.path} timezone={found.timezone} />}
      />
    </>
  );
}

function About({ workspace, found }: { workspace: string; found: Schedule }) {
  return (
    <span className="flex flex-wrap items-center gap-2">
      {found.summary && <code>{found.path}</code>} {!found.enabled && <Badge>off</Badge>} <span>
        Runs as {found.permissioned_as}, changed <Ago at={found.edited_at} /> by {found.edited_by}
      </span>
      {found.failures > 0 && <Badge tone="bad">{found.failures === 1 ? "the last run failed" : `${found.failures} failures in a row`}</Badge>}
      <Link to="/w/$workspace/runs" params={{ workspace }} search={{ path: found.script_path }} className="text-accent underline">
        All runs of the {found.is_flow ? "flow" : "script"}
      </Link>
    </span>
  );
}

function DeleteButton({ workspace, path }: { workspace: string; path: string }) {
  const [isAsking, setAsking] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  async function act() {
    await remove(workspace, path);
    queries.removeQueries({ queryKey: scheduleKeys.one(workspace, path) });
    await navigate({ to: "/w/$workspace/schedules", params: { workspace } });
    await queries.invalidateQueries({ queryKey: scheduleKeys.list(workspace) });
  }
  return (
    <>
      <Button icon={<Trash2 size={15} aria-hidden />} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <Confirm open={isAsking} onClose={() => setAsking(false)} title={`Delete ${path}?`} verb="Delete it" act={act}>
        It will not come again. Jobs that it started go on.
      </Confirm>
    </>
  );
}
