/** One state: its JSON, its versions. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { useWorkspace } from "@/app/workspace";
import { Editor } from "@/editor";
import { Aside } from "@/items/aside";
import { ResourceConflict } from "@/items/conflict";
import { DeleteButton } from "@/items/delete";
import { Gone } from "@/items/gone";
import { read, same } from "@/items/json";
import { changeOf, loadResource, resourceQuery, update, type ResourceItem } from "@/items/queries";
import { useSaving } from "@/items/saving";
import { parse } from "@/results/shape";
import { Button } from "@/ui/button";
import { PageHead, Panel } from "@/ui/panel";
import { NotSaved, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

export function StatePage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/states/p/$" })._splat ?? "";
  const state = useQuery(resourceQuery(workspace, path));
  if (state.error instanceof ApiError && state.error.status === 404) return <Gone workspace={workspace} kind="resources" path={path} error={state.error} />;
  return (
    <Shown query={state} what="the state">
      {(found) => <Editing key={`${path} ${found.version}`} workspace={workspace} item={found} />}
    </Shown>
  );
}

function Editing({ workspace, item }: { workspace: string; item: ResourceItem }) {
  const [text, setText] = useState(item.text ?? "null");
  const navigate = useNavigate();
  const { value, fault } = read(text);
  const isChanged = value !== undefined && item.text !== undefined && !same(value, parse(item.text));
  const saving = useSaving({
    workspace,
    kind: "resources",
    load: () => loadResource(workspace, item.path),
    act: (now: string, version) => update(workspace, "resources", item.path, version, changeOf({}, now)),
  });
  return (
    <>
      <PageHead
        title={item.path}
        hint={
          <>
            State, changed <Ago at={item.edited_at} /> by {item.edited_by}
          </>
        }
        actions={
          <>
            <DeleteButton workspace={workspace} kind="resources" path={item.path} effect="The script begins anew in its next run." then={() => navigate({ to: "/w/$workspace/states", params: { workspace } })} />
            <Button look="primary" busy={saving.isPending} disabled={!isChanged} onClick={() => saving.save(text, item.version)}>
              Save
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
        <Panel title="Value" flush>
          {item.text === undefined ? (
            <p className="p-3 text-muted">Its value is not shown to you.</p>
          ) : (
            <div className="h-[60vh]">
              <Editor label="Value as JSON" language="json" value={text} onChange={setText} />
            </div>
          )}
          {fault && (
            <p role="alert" className="border-t border-line bg-bad-soft px-3 py-2 text-bad">
              {fault}
            </p>
          )}
        </Panel>
        <div className="flex min-w-0 flex-col gap-4">
          <NotSaved error={saving.error} />
          <Aside workspace={workspace} kind="resources" path={item.path} />
        </div>
      </div>
      <ResourceConflict item={item} text={text} saving={saving} />
    </>
  );
}
