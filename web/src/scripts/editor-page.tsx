/** Writes a script: the form follows its signature as one types, a test runs what stands there, deploying makes a version. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { FlaskConical, Rocket } from "lucide-react";
import { useDeferredValue, useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { SchemaForm } from "@/forms/form";
import { JobPanels } from "@/job/panel";
import { runPreview } from "@/job/queries";
import { duckdbQuery, readAddress } from "@/object/address";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { PageHead, Panel } from "@/ui/panel";
import { Failure, Shown } from "@/ui/states";
import { toast } from "@/ui/toast";

import { deploy, inferQuery, scriptKeys, scriptQuery, type Draft } from "./queries";
import { EXAMPLE, LANGUAGE_NAMES, STARTERS } from "./starters";

export function NewScriptPage() {
  const workspace = useWorkspace();
  const { language = "python3", example, object } = useSearch({ from: "/w/$workspace/scripts/new" });
  const member = useQuery(memberQuery(workspace));
  const at = object === undefined ? null : readAddress(object);
  return (
    <Shown query={member} what="your account">
      {({ username }) => (
        <ScriptEditor
          key={`${workspace} ${language} ${object ?? ""}`}
          workspace={workspace}
          draft={{ path: `u/${username}/${example ? "tides" : "my_script"}`, summary: example ? "Water levels" : "", language, content: example ? EXAMPLE : at ? duckdbQuery(at) : (STARTERS[language] ?? "") }}
          isNew
        />
      )}
    </Shown>
  );
}

export function EditScriptPage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/scripts/edit/$" })._splat ?? "";
  const script = useQuery({ ...scriptQuery(workspace, path), staleTime: Infinity });
  return (
    <Shown query={script} what="the script">
      {(found) => <ScriptEditor key={found.hash} workspace={workspace} draft={{ path, summary: found.summary, language: found.language, content: found.content, parent_hash: found.hash }} isNew={false} />}
    </Shown>
  );
}

const FORM = "test-form";

function ScriptEditor({ workspace, draft: begun, isNew }: { workspace: string; draft: Draft; isNew: boolean }) {
  const [draft, setDraft] = useState(begun);
  const [args, setArgs] = useState<Record<string, unknown>>({});
  const [job, setJob] = useState<string>();
  const [deploying, setDeploying] = useState(false);
  const content = useDeferredValue(draft.content);
  const inferred = useQuery({ ...inferQuery(workspace, draft.language, content), placeholderData: (before) => before });
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
            {inferred.data && <SchemaForm id={FORM} schema={{ type: "object", ...inferred.data.schema }} value={args} onChange={setArgs} onSubmit={() => test.mutate()} />}
          </Panel>
          {job && <JobPanels key={job} workspace={workspace} id={job} linked />}
        </div>
      </div>
      <Deploy open={deploying} onClose={() => setDeploying(false)} workspace={workspace} draft={draft} onDraft={setDraft} isNew={isNew} />
    </div>
  );
}

interface DeployProps {
  open: boolean;
  onClose: () => void;
  workspace: string;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  isNew: boolean;
}

function Deploy({ open, onClose, workspace, draft, onDraft, isNew }: DeployProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const deployed = useMutation({
    meta: { quiet: true },
    mutationFn: () => deploy(workspace, { ...draft, deployment_message: message }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: scriptKeys.list(workspace) });
      toast("good", `${draft.path} is deployed.`);
      await navigate({ to: "/w/$workspace/scripts/p/$", params: { workspace, _splat: draft.path } });
    },
  });
  return (
    <Dialog open={open} onClose={onClose} title="Deploy a version" hint="Runs by path use it from now on; older versions stay, each with its runs.">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          deployed.mutate();
        }}
      >
        <Field label="Path" hint="u/<you>/… is yours, f/<folder>/… is shared as the folder says.">
          {(given) => <Input {...given} className="font-mono" required value={draft.path} readOnly={!isNew} onChange={(event) => onDraft({ ...draft, path: event.target.value })} />}
        </Field>
        <Field label="Summary">{(given) => <Input {...given} value={draft.summary} onChange={(event) => onDraft({ ...draft, summary: event.target.value })} />}</Field>
        <Field label="What has changed">{(given) => <Input {...given} value={message} placeholder="For the list of versions" onChange={(event) => setMessage(event.target.value)} />}</Field>
        {deployed.error && <Failure error={deployed.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={deployed.isPending}>
            Deploy
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
