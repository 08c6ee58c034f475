/** One resource: its value, whether it answers, its versions, who may use it. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Database } from "lucide-react";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { useWorkspace } from "@/app/workspace";
import { StarButton } from "@/favorite/star";
import { Aside } from "@/items/aside";
import { ResourceConflict } from "@/items/conflict";
import { DeleteButton } from "@/items/delete";
import { Gone } from "@/items/gone";
import { read, same } from "@/items/json";
import { loadResource, resourceQuery, type ResourceItem } from "@/items/queries";
import { useSaving } from "@/items/saving";
import { ValueEditor } from "@/items/value-editor";
import { parse } from "@/results/shape";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { PageHead, Panel } from "@/ui/panel";
import { NotSaved, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { test as tryValue, typesQuery, type ResourceType } from "./queries";
import { save } from "./save";
import { SealChoice } from "./seal";
import { plainSecrets } from "./secrets";
import { TestButton, TestOutcome } from "./tested";

/** Types whose databases have a page of their own. */
const OPENED = new Set(["postgresql", "mysql", "clickhouse", "ms_sql_server", "oracledb", "bigquery", "snowflake", "mongodb", "redis", "upstash"]);
const FORM = "resource-form";

export function ResourcePage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/resources/p/$" })._splat ?? "";
  const resource = useQuery(resourceQuery(workspace, path));
  const types = useQuery(typesQuery(workspace));
  if (resource.error instanceof ApiError && resource.error.status === 404) return <Gone workspace={workspace} kind="resources" path={path} error={resource.error} />;
  return (
    <Shown query={resource} what="the resource">
      {(found) => <Editing key={`${path} ${found.version}`} workspace={workspace} item={found} type={types.data?.find((each) => each.name === found.resource_type)} />}
    </Shown>
  );
}

function Editing({ workspace, item, type }: { workspace: string; item: ResourceItem; type: ResourceType | undefined }) {
  const [text, setText] = useState(item.text ?? "null");
  const [description, setDescription] = useState(item.description);
  const [seals, setSeals] = useState(false);
  const navigate = useNavigate();
  const { value, fault } = read(text);
  const secrets = plainSecrets(type?.schema, value);
  const isChanged = description !== item.description || (value !== undefined && item.text !== undefined && !same(value, parse(item.text))) || seals;
  const tried = useMutation({ mutationFn: () => tryValue(workspace, item.resource_type, text), meta: { quiet: true } });
  const saving = useSaving({
    workspace,
    kind: "resources",
    load: () => loadResource(workspace, item.path),
    act: (now: string, version) => save(workspace, { path: item.path, type: item.resource_type, description: description === item.description ? undefined : description, text: now, seals }, type?.schema, version),
  });
  return (
    <>
      <PageHead
        title={item.path}
        hint={
          <span className="flex flex-wrap items-center gap-2">
            <Badge>{type?.display_name ?? item.resource_type}</Badge> changed <Ago at={item.edited_at} /> by {item.edited_by}
          </span>
        }
        actions={
          <>
            <StarButton workspace={workspace} kind="resource" path={item.path} />
            <DeleteButton workspace={workspace} kind="resources" path={item.path} effect="Scripts that use it will fail." then={() => navigate({ to: "/w/$workspace/resources", params: { workspace } })} />
            {type?.category === "database" && OPENED.has(type.name) && (
              <Link to="/w/$workspace/databases/p/$" params={{ workspace, _splat: item.path }} search={{}} className={buttonClass()}>
                <Database size={15} aria-hidden /> Look into it
              </Link>
            )}
            <TestButton test={tried} disabled={fault !== "" || item.text === undefined} />
            <Button look="primary" type="submit" form={FORM} busy={saving.isPending} disabled={!isChanged || fault !== ""}>
              Save
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
        <div className="flex min-w-0 flex-col gap-4">
          {item.text === undefined ? <Panel title="Value">You may see that it is there, and use it in jobs; its value is not shown to you.</Panel> : <ValueEditor id={FORM} schema={type?.schema} text={text} onText={setText} onSubmit={() => saving.save(text, item.version)} />}
          <Panel title="About">
            <Field label="Description">{(given) => <Input {...given} value={description} onChange={(event) => setDescription(event.target.value)} />}</Field>
          </Panel>
          <SealChoice fields={secrets.map((each) => each.place.join("."))} seals={seals} onSeals={setSeals} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <TestOutcome test={tried} />
          <NotSaved error={saving.error} />
          <Aside workspace={workspace} kind="resources" path={item.path} />
        </div>
      </div>
      <ResourceConflict item={item} text={text} saving={saving} />
    </>
  );
}
