/** Writes a script: the form follows its signature as one types, a test runs what stands there, deploying makes a version. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { FlaskConical, Rocket } from "lucide-react";
import { useDeferredValue, useState, type ReactNode } from "react";

import { ApiError } from "@/api/client";
import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { SchemaForm } from "@/forms/form";
import { DeployDialog } from "@/items/deploy-dialog";
import { HowItRunsFields } from "@/items/how-it-runs";
import { JobPanels } from "@/job/panel";
import { runPreview } from "@/job/queries";
import { duckdbQuery, readAddress } from "@/object/address";
import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { PageHead, Panel } from "@/ui/panel";
import { Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { useDraft } from "./drafting";
import { withHints } from "./hints";
import { asBefore, deploy, inferExactly, inferQuery, scriptKeys, scriptQuery, versionQuery, type Draft, type Version } from "./queries";
import { EXAMPLE, LANGUAGE_NAMES, STARTERS } from "./starters";
import { shortOf } from "./versions";

export function NewScriptPage() {
  const workspace = useWorkspace();
  const { language = "python3", example, object } = useSearch({ from: "/w/$workspace/scripts/new" });
  const member = useQuery(memberQuery(workspace));
  const at = object === undefined ? null : readAddress(object);
  const content = example ? EXAMPLE : at ? duckdbQuery(at) : (STARTERS[language] ?? "");
  return (
    <Shown query={member} what="your account">
      {({ username }) => (
        <ScriptEditor
          key={`${workspace} ${language} ${object ?? ""}`}
          workspace={workspace}
          begun={{ path: `u/${username}/${example ? "tides" : "my_script"}`, summary: example ? "Water levels" : "", language, content }}
          keptAs={`${username} new ${example ? "example" : language} ${object ?? ""}`}
        />
      )}
    </Shown>
  );
}

export function EditScriptPage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/scripts/edit/$" })._splat ?? "";
  const { version } = useSearch({ from: "/w/$workspace/scripts/edit/$" });
  const member = useQuery(memberQuery(workspace));
  const script = useQuery({ ...scriptQuery(workspace, path), staleTime: Infinity, refetchOnMount: "always" });
  const older = useQuery({ ...versionQuery(workspace, version ?? ""), enabled: version !== undefined });
  return (
    <Shown query={script} what="the script">
      {(newest) => (
        <Shown query={member} what="your account">
          {({ username }) =>
            version === undefined ? (
              <Editing key={`${path} ${newest.hash}`} workspace={workspace} newest={newest} from={newest} keptAs={`${username} ${path}`} />
            ) : (
              <Shown query={older} what="the version">
                {(from) => <Editing key={`${path} ${newest.hash} ${from.hash}`} workspace={workspace} newest={newest} from={from} keptAs={`${username} ${path} ${from.hash}`} />}
              </Shown>
            )
          }
        </Shown>
      )}
    </Shown>
  );
}

function Editing({ workspace, newest, from, keptAs }: { workspace: string; newest: Version; from: Version; keptAs: string }) {
  const [begun] = useState({ ...asBefore(from), path: newest.path, parent_hash: newest.hash });
  return <ScriptEditor workspace={workspace} begun={begun} newest={newest.hash} from={from} keptAs={keptAs} />;
}

const FORM = "test-form";

interface ScriptEditorProps {
  workspace: string;
  begun: Draft;
  /** The newest version; undefined of a new script. */
  newest?: string;
  /** The version that the editor begins with. */
  from?: Version;
  /** Under which name the draft is kept. */
  keptAs: string;
}

function ScriptEditor({ workspace, begun: given, newest, from, keptAs }: ScriptEditorProps) {
  const [begun] = useState(given);
  const isNew = newest === undefined;
  const { draft, setDraft, cannotKeep, found, discard, finish } = useDraft(workspace, keptAs, begun);
  useBlocker({ shouldBlockFn: () => !window.confirm("Your draft could not be kept in this browser. Leave it all the same?"), enableBeforeUnload: cannotKeep, disabled: !cannotKeep });
  const [args, setArgs] = useState<Record<string, unknown>>({});
  const [job, setJob] = useState<string>();
  const [deploying, setDeploying] = useState(false);
  const content = useDeferredValue(draft.content);
  const inferred = useQuery({ ...inferQuery(workspace, draft.language, content), placeholderData: (before) => before });
  const before = from?.schema as Record<string, unknown> | null | undefined;
  const hinted = inferred.data && withHints(inferred.data.schema, before);
  const test = useMutation({
    mutationFn: () => runPreview(workspace, { language: draft.language, content: draft.content, path: draft.path, args }),
    onSuccess: setJob,
  });
  function submit() {
    (document.getElementById(FORM) as HTMLFormElement | null)?.requestSubmit();
  }
  function pick(language: string) {
    const untouched = draft.content === (STARTERS[draft.language] ?? "") || draft.content.trim() === "";
    setDraft({ ...draft, language, content: untouched ? (STARTERS[language] ?? "") : draft.content });
  }
  return (
    <div className="flex min-h-full flex-col lg:h-full">
      <PageHead
        title={isNew ? "New script" : draft.summary || draft.path}
        hint={<code>{draft.path}</code>}
        actions={
          <>
            {isNew && (
              <Select aria-label="Language" className="!w-36" value={draft.language} onChange={(event) => pick(event.target.value)}>
                {Object.entries(LANGUAGE_NAMES).map(([id, name]) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </Select>
            )}
            <Button icon={<FlaskConical size={15} aria-hidden />} busy={test.isPending} onClick={submit} title="Ctrl Enter">
              Test
            </Button>
            <Button look="primary" icon={<Rocket size={15} aria-hidden />} onClick={() => setDeploying(true)} title="Ctrl S">
              Deploy
            </Button>
          </>
        }
      />
      {found ? (
        <Notice action={<Button small onClick={discard}>{isNew ? "Begin anew" : "Back to what is deployed"}</Button>}>
          This is your draft of <Ago at={found.at} />, which is not deployed.
          {!isNew && found.draft.parent_hash !== newest && " Another version was deployed since it was begun."}
        </Notice>
      ) : (
        from && from.hash !== newest && <Notice>It begins with version {shortOf(from.hash)}, and will be a new version on top of the newest.</Notice>
      )}
      <div className="grid min-h-0 flex-1 gap-4 px-4 pb-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
        <Panel flush className="min-h-96">
          <Editor label="Source of the script" value={draft.content} language={draft.language} onChange={(now) => setDraft((before) => ({ ...before, content: now }))} onRun={submit} onSave={() => setDeploying(true)} />
        </Panel>
        <div className="flex min-w-0 flex-col gap-3 lg:overflow-auto">
          <Panel title="Arguments">
            {inferred.error ? (
              <p role="alert" className="text-bad whitespace-pre-wrap">
                {inferred.error.message}
              </p>
            ) : (
              Object.keys((inferred.data?.schema.properties as object | undefined) ?? {}).length === 0 && <p className="text-muted">It takes no arguments.</p>
            )}
            {inferred.data && <SchemaForm id={FORM} schema={{ type: "object", ...(hinted ?? inferred.data.schema) }} value={args} onChange={setArgs} onSubmit={() => test.mutate()} />}
          </Panel>
          {job && <JobPanels key={job} workspace={workspace} id={job} linked />}
        </div>
      </div>
      <Deploy open={deploying} onClose={() => setDeploying(false)} workspace={workspace} draft={draft} before={before} ranAs={from?.on_behalf_of} onDraft={setDraft} isNew={isNew} onDeployed={finish} />
    </div>
  );
}

function Notice({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <p role="status" className="mx-4 mb-3 flex flex-wrap items-center gap-3 rounded-md border border-line bg-panel px-3 py-2 lg:mx-6">
      <span className="min-w-0 flex-1">{children}</span>
      {action}
    </p>
  );
}

interface DeployProps {
  open: boolean;
  onClose: () => void;
  workspace: string;
  draft: Draft;
  /** The form of the version that it began with. */
  before: Record<string, unknown> | null | undefined;
  /** As whom that one ran. */
  ranAs: string | undefined;
  onDraft: (draft: Draft) => void;
  isNew: boolean;
  onDeployed: () => void;
}

function Deploy({ open, onClose, workspace, draft, before, ranAs, onDraft, isNew, onDeployed }: DeployProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const deployed = useMutation({
    meta: { quiet: true },
    mutationFn: async (isOnTop: boolean) => {
      const schema = before ? withHints((await inferExactly(workspace, draft.language, draft.content)).schema, before) : undefined;
      return deploy(workspace, { ...draft, deployment_message: message, schema: schema ?? null, ...(isOnTop ? { auto_parent: true } : {}) });
    },
    onSuccess: async () => {
      onDeployed();
      await queries.invalidateQueries({ queryKey: scriptKeys.all(workspace) });
      toast("good", `${draft.path} is deployed.`);
      await navigate({ to: "/w/$workspace/scripts/p/$", params: { workspace, _splat: draft.path } });
    },
  });
  const isOutrun = !isNew && deployed.error instanceof ApiError && deployed.error.code === "conflict";
  return (
    <DeployDialog
      open={open}
      onClose={onClose}
      what="script"
      hint="Runs by path use it from now on; older versions stay, each with its runs."
      summary={draft.summary}
      onSummary={(summary) => onDraft({ ...draft, summary })}
      message={message}
      onMessage={setMessage}
      error={deployed.error}
      isOutrun={isOutrun}
      busy={deployed.isPending}
      deploy={(isOnTop) => deployed.mutate(isOnTop)}
    >
      <Field label="Path" hint="u/<you>/… is yours, f/<folder>/… is shared as the folder says.">
        {(given) => <Input {...given} className="font-mono" required value={draft.path} readOnly={!isNew} onChange={(event) => onDraft({ ...draft, path: event.target.value })} />}
      </Field>
      <HowItRunsFields workspace={workspace} value={draft} onChange={({ tag, on_behalf_of }) => onDraft({ ...draft, tag, on_behalf_of })} before={ranAs} otherwise="its language" />
    </DeployDialog>
  );
}
