/** The editor of a flow, new or there already. */
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { EMPTY_SCHEMA, type Flow, type Schema } from "@/flow/model";
import { Shown } from "@/ui/states";

import { namesOf } from "./editor/arguments";
import { FlowEditor } from "./editor/editor";
import { askedOfQuery, flowQuery } from "./queries";

export function NewFlowPage() {
  const workspace = useWorkspace();
  const { script } = useSearch({ from: "/w/$workspace/flows/new" });
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="your account">
      {({ username }) => (script === undefined ? <New workspace={workspace} path={`u/${username}/my_flow`} flow={flowOf(undefined, EMPTY_SCHEMA)} /> : <FromScript workspace={workspace} script={script} />)}
    </Shown>
  );
}

function FromScript({ workspace, script }: { workspace: string; script: string }) {
  const asked = useQuery({ ...askedOfQuery(workspace, { kind: "script", path: script }), staleTime: Infinity });
  return (
    <Shown query={asked} what="the script">
      {(schema) => <New key={script} workspace={workspace} path={`${script}_flow`} flow={flowOf(script, schema)} />}
    </Shown>
  );
}

function New({ workspace, path, flow }: { workspace: string; path: string; flow: Flow }) {
  return <FlowEditor workspace={workspace} begun={{ flow, path, version: undefined }} deployedAt={undefined} more={{}} />;
}

/** A flow that asks for what a script asks for, and hands it on. */
function flowOf(script: string | undefined, schema: Schema): Flow {
  if (script === undefined) return { summary: "", description: "", value: { modules: [] }, schema };
  const inputs = Object.fromEntries(namesOf(schema).map((name) => [name, { type: "javascript" as const, expr: `flow_input.${name}` }]));
  return { summary: "", description: "", value: { modules: [{ id: "a", value: { type: "script", path: script, input_transforms: inputs } }] }, schema: { ...schema, order: namesOf(schema) } };
}

export function EditFlowPage() {
  const workspace = useWorkspace();
  const path = useParams({ from: "/w/$workspace/flows/edit/$" })._splat ?? "";
  const flow = useQuery({ ...flowQuery(workspace, path), staleTime: Infinity, refetchOnMount: "always" });
  return (
    <Shown query={flow} what="the flow">
      {({ summary, description, value, schema, version, more }) => <FlowEditor key={`${path} ${version}`} workspace={workspace} begun={{ flow: { summary, description, value, schema }, path, version }} deployedAt={path} more={more} />}
    </Shown>
  );
}
