/** A deployed flow: its form, its graph, the run that was started here, and all that is known of it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Archive, ArchiveRestore, CalendarClock, Pencil, Play, Trash2 } from "lucide-react";
import { useState } from "react";

import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { StarButton } from "@/favorite/star";
import { INPUT } from "@/flow/layout";
import { nameOf, stepOf, type Schema } from "@/flow/model";
import { writeValue } from "@/results/value";
import { FlowPicture } from "@/flow/picture";
import { runFlow } from "@/flow/queries";
import { FlowRun } from "@/flow/run";
import { yamlOf } from "@/flow/yaml";
import { SchemaForm } from "@/forms/form";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { PageHead, Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { About } from "./about";
import { Locks } from "./locks";
import { flowKeys, flowQuery, remove, setArchived, type Version } from "./queries";
import { ArchiveConfirm } from "./row-menu";

const FORM = "run-form";

export function FlowPage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/flows/p/$" })._splat ?? "";
  const flow = useQuery(flowQuery(workspace, path));
  return (
    <Shown query={flow} what="the flow">
      {(found) => <Page key={path} workspace={workspace} found={found} />}
    </Shown>
  );
}

function Page({ workspace, found }: { workspace: string; found: Version }) {
  const { path } = found;
  const [args, setArgs] = useState<Record<string, unknown>>({});
  const [job, setJob] = useState<string>();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: () => runFlow(workspace, path, writeValue(args)),
    onSuccess: async (id) => {
      setJob(id);
      await queries.invalidateQueries({ queryKey: ["runs", workspace] });
    },
  });
  return (
    <>
      <PageHead
        title={found.summary || path}
        hint={
          <span className="flex flex-wrap items-center gap-2">
            <code>{path}</code> {found.archived && <Badge tone="warn">archived</Badge>} version {found.version}, <Ago at={found.at} /> by {found.by}
          </span>
        }
        actions={<Actions workspace={workspace} found={found} isBusy={run.isPending} />}
      />
      <Locks workspace={workspace} path={path} version={found.version} />
      {found.description && <p className="max-w-3xl px-4 pb-3 whitespace-pre-wrap text-muted lg:px-6">{found.description}</p>}
      <div className="flex flex-col gap-4 px-4 pb-8 lg:px-6">
        {job && <FlowRun key={job} workspace={workspace} id={job} />}
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
          <Panel
            title="Arguments"
            actions={
              job && (
                <Link to="/w/$workspace/runs/$id" params={{ workspace, id: job }} className="text-[13px] text-accent hover:underline">
                  Open the run
                </Link>
              )
            }
          >
            <Arguments schema={found.schema} value={args} onChange={setArgs} onSubmit={() => run.mutate()} />
          </Panel>
          {job ? <About workspace={workspace} now={found} /> : <Shape found={found} />}
        </div>
        {!job && <About workspace={workspace} now={found} />}
      </div>
    </>
  );
}

function Actions({ workspace, found, isBusy }: { workspace: string; found: Version; isBusy: boolean }) {
  const { path, archived } = found;
  const [asking, setAsking] = useState<"archive" | "delete">();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const close = () => setAsking(undefined);
  async function archive(wanted: boolean) {
    await setArchived(workspace, path, wanted);
    await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
  }
  return (
    <>
      {!archived && <StarButton workspace={workspace} kind="flow" path={path} />}
      <Button look="quiet" icon={<Trash2 size={15} aria-hidden />} onClick={() => setAsking("delete")}>
        Delete
      </Button>
      {archived ? (
        <Button icon={<ArchiveRestore size={15} aria-hidden />} onClick={() => void archive(false)}>
          Bring back
        </Button>
      ) : (
        <>
          <Button look="quiet" icon={<Archive size={15} aria-hidden />} onClick={() => setAsking("archive")}>
            Archive
          </Button>
          <Link to="/w/$workspace/schedules/new" params={{ workspace }} search={{ target: `flow/${path}` }} className={buttonClass()}>
            <CalendarClock size={15} aria-hidden /> Schedule
          </Link>
        </>
      )}
      <Link to="/w/$workspace/flows/edit/$" params={{ workspace, _splat: path }} className={buttonClass()}>
        <Pencil size={15} aria-hidden /> Edit
      </Link>
      <Button look="primary" type="submit" form={FORM} disabled={archived} icon={<Play size={15} aria-hidden />} busy={isBusy}>
        Run
      </Button>
      <ArchiveConfirm open={asking === "archive"} onClose={close} path={path} act={() => archive(true)} />
      <Confirm
        open={asking === "delete"}
        onClose={close}
        title={`Delete ${path} for good?`}
        verb="Delete it"
        typed={path}
        act={async () => {
          await remove(workspace, path);
          queries.removeQueries({ queryKey: flowKeys.one(workspace, path) });
          await navigate({ to: "/w/$workspace/flows", params: { workspace } });
          await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
        }}
      >
        All of its versions go, and cannot be brought back. Runs that have begun may not find their steps any more. To take it out of use only, archive it.
      </Confirm>
    </>
  );
}

interface ArgumentsProps {
  schema: Schema;
  value: Record<string, unknown>;
  onChange: (value: Record<string, unknown>) => void;
  onSubmit: () => void;
}

function Arguments({ schema, value, onChange, onSubmit }: ArgumentsProps) {
  const names = Object.keys(schema.properties ?? {});
  return (
    <div className="max-w-3xl" onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && (document.getElementById(FORM) as HTMLFormElement).requestSubmit()}>
      {names.length === 0 && <p className="text-muted">It takes no arguments.</p>}
      <SchemaForm id={FORM} schema={{ ...schema, type: "object" } as never} value={value} onChange={onChange} onSubmit={onSubmit} />
    </div>
  );
}

/** The graph of what is deployed, with what the chosen step holds. */
function Shape({ found }: { found: Version }) {
  const [selected, setSelected] = useState<string>();
  const step = selected === undefined ? undefined : stepOf(found.value, selected);
  const value = step?.value;
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Panel title="Graph" flush>
        <div className="h-[420px] lg:h-[480px]">
          <FlowPicture value={found.value} label="Graph of the flow" selected={selected} onSelect={(id) => setSelected(id === INPUT ? undefined : id)} />
        </div>
      </Panel>
      {step && value && (
        <Panel title={nameOf(step)} flush actions={<code className="text-xs text-muted">{step.id}</code>}>
          <div className="h-72">
            <Editor key={step.id} readOnly label={`Step ${step.id}`} language={value.type === "rawscript" ? value.language : "yaml"} value={value.type === "rawscript" ? value.content : yamlOf(step)} />
          </div>
        </Panel>
      )}
    </div>
  );
}
