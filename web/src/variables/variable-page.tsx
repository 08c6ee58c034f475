/** One variable, new or there already. A secret is shown when it is asked for, and never sent back unchanged. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Eye } from "lucide-react";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { Aside } from "@/items/aside";
import { ConflictDialog } from "@/items/conflict";
import { DeleteButton } from "@/items/delete";
import { Gone } from "@/items/gone";
import { PathField, pathFault } from "@/items/path-field";
import { create, itemKeys, update } from "@/items/queries";
import { useSaving } from "@/items/saving";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Field, Input, TextArea } from "@/ui/field";
import { PageHead, Panel } from "@/ui/panel";
import { NotSaved, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { loadVariable, reveal, variableQuery, type Variable } from "./queries";

const FORM = "variable-form";

export function NewVariablePage() {
  const workspace = useWorkspace();
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="your account">
      {({ username }) => <NewVariable workspace={workspace} username={username} />}
    </Shown>
  );
}

function NewVariable({ workspace, username }: { workspace: string; username: string }) {
  const [path, setPath] = useState(`u/${username}/`);
  const [draft, setDraft] = useState<Draft>({ value: "", isSecret: true, description: "" });
  const [isTried, setTried] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const fault = pathFault(path);
  const saved = useMutation({
    mutationFn: () => create(workspace, "variables", JSON.stringify({ path, value: draft.value, is_secret: draft.isSecret, description: draft.description })),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: itemKeys.all(workspace, "variables") });
      await navigate({ to: "/w/$workspace/variables/p/$", params: { workspace, _splat: path } });
    },
  });
  return (
    <>
      <PageHead
        title="New variable"
        actions={
          <Button look="primary" type="submit" form={FORM} busy={saved.isPending}>
            Save
          </Button>
        }
      />
      <div className="flex max-w-3xl flex-col gap-4 px-4 pb-8 lg:px-6">
        <Panel>
          <form
            id={FORM}
            className="flex flex-col gap-3"
            onSubmit={(event) => {
              event.preventDefault();
              setTried(true);
              if (!fault) saved.mutate();
            }}
          >
            <PathField workspace={workspace} path={path} onChange={setPath} shown={(isTried && fault) || undefined} />
            <Fields draft={draft} onDraft={setDraft} />
          </form>
        </Panel>
        <NotSaved error={saved.error} />
      </div>
    </>
  );
}

interface Draft {
  /** Undefined: a secret that stays as it is. */
  value: string | undefined;
  isSecret: boolean;
  description: string;
}

function Fields({ draft, onDraft, show }: { draft: Draft; onDraft: (draft: Draft) => void; show?: () => void }) {
  return (
    <>
      {draft.value === undefined ? (
        <div className="flex flex-col gap-1">
          <span className="text-[13px] font-medium">Value</span>
          <div className="flex flex-wrap items-center gap-2">
            <span className="font-mono text-muted">••••••••••••</span>
            <Button small icon={<Eye size={14} aria-hidden />} onClick={show}>
              Show
            </Button>
            <Button small onClick={() => onDraft({ ...draft, value: "" })}>
              Replace
            </Button>
          </div>
        </div>
      ) : (
        <Field label="Value" hint={draft.isSecret ? "Encrypted where it is kept; masked in the logs of jobs that read it." : "Shown to everybody who may see the variable."}>
          {(given) => <TextArea {...given} className="font-mono" rows={4} spellCheck={false} autoComplete="off" value={draft.value} onChange={(event) => onDraft({ ...draft, value: event.target.value })} />}
        </Field>
      )}
      <label className="flex items-center gap-2">
        <input type="checkbox" className="size-4 accent-(--accent)" checked={draft.isSecret} disabled={draft.value === undefined} onChange={(event) => onDraft({ ...draft, isSecret: event.target.checked })} />
        <span>Secret</span>
        {draft.value === undefined && <span className="text-[13px] text-muted">(show or replace the value to make it readable)</span>}
      </label>
      <Field label="Description">{(given) => <Input {...given} value={draft.description} onChange={(event) => onDraft({ ...draft, description: event.target.value })} />}</Field>
    </>
  );
}

export function VariablePage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/variables/p/$" })._splat ?? "";
  const variable = useQuery(variableQuery(workspace, path));
  if (variable.error instanceof ApiError && variable.error.status === 404) return <Gone workspace={workspace} kind="variables" path={path} error={variable.error} />;
  return (
    <Shown query={variable} what="the variable">
      {(found) => <Editing key={`${path} ${found.version}`} workspace={workspace} item={found} />}
    </Shown>
  );
}

/** What is not changed here is not sent: somebody else may have changed it meanwhile. */
function unlessSame<T>(now: T, before: T): T | undefined {
  return now === before ? undefined : now;
}

function Editing({ workspace, item }: { workspace: string; item: Variable }) {
  const begun: Draft = { value: item.is_secret ? undefined : (item.value ?? ""), isSecret: item.is_secret, description: item.description };
  const [draft, setDraft] = useState(begun);
  const navigate = useNavigate();
  const shown = useMutation({ mutationFn: () => reveal(workspace, item.path), onSuccess: (value) => setDraft({ ...draft, value }) });
  const saving = useSaving({
    workspace,
    kind: "variables",
    load: () => loadVariable(workspace, item.path),
    act: (value: string | undefined, version) =>
      update(workspace, "variables", item.path, version, JSON.stringify({ value, is_secret: unlessSame(draft.isSecret, begun.isSecret), description: unlessSame(draft.description, begun.description) })),
  });
  const { theirs } = saving;
  const isChanged = draft.value !== begun.value || draft.isSecret !== begun.isSecret || draft.description !== begun.description;
  return (
    <>
      <PageHead
        title={item.path}
        hint={
          <span className="flex flex-wrap items-center gap-2">
            {item.is_secret && <Badge tone="accent">secret</Badge>} changed <Ago at={item.edited_at} /> by {item.edited_by}
          </span>
        }
        actions={
          <>
            <DeleteButton workspace={workspace} kind="variables" path={item.path} effect="Scripts and resources that refer to it will fail." then={() => navigate({ to: "/w/$workspace/variables", params: { workspace } })} />
            <Button look="primary" type="submit" form={FORM} busy={saving.isPending} disabled={!isChanged}>
              Save
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="Variable">
            <form
              id={FORM}
              className="flex flex-col gap-3"
              onSubmit={(event) => {
                event.preventDefault();
                saving.save(draft.value, item.version);
              }}
            >
              <Fields draft={draft} onDraft={setDraft} show={() => shown.mutate()} />
            </form>
          </Panel>
          <NotSaved error={saving.error} />
        </div>
        <Aside workspace={workspace} kind="variables" path={item.path} />
      </div>
      {theirs && (
        <ConflictDialog
          base={begun.value ?? null}
          mine={draft.value ?? null}
          theirs={theirs.is_secret ? "(a secret)" : (theirs.value ?? "")}
          by={theirs.edited_by}
          onClose={saving.forget}
          onMerged={(merged) => saving.save(merged === draft.value ? draft.value : undefined, theirs.version)}
        />
      )}
    </>
  );
}
