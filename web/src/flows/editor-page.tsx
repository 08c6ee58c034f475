/** The editor of a flow, new or there already. */
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { EMPTY_SCHEMA, type Flow, type Schema } from "@/flow/model";
import { Shown } from "@/ui/states";

import { namesOf } from "./editor/arguments";
import { FlowEditor } from "./editor/editor";
import { askedOfQuery, flowQuery, type Version } from "./queries";

export function NewFlowPage() {
  const workspace = useWorkspace();
  const { script } = useSearch({ from: "/w/$workspace/flows/new" });
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="your account">
      {({ username }) => (script === undefined ? <New workspace={workspace} username={username} path={`u/${username}/my_flow`} flow={flowOf(undefined, EMPTY_SCHEMA)} /> : <FromScript workspace={workspace} username={username} script={script} />)}
    </Shown>
  );
}

function FromScript({ workspace, username, script }: { workspace: string; username: string; script: string }) {
  const asked = useQuery({ ...askedOfQuery(workspace, { kind: "script", path: script }), staleTime: Infinity });
  return (
    <Shown query={asked} what="the script">
      {(schema) => <New key={script} workspace={workspace} username={username} from={script} path={`${script}_flow`} flow={flowOf(script, schema)} />}
    </Shown>
  );
}

interface NewProps {
  workspace: string;
  username: string;
  path: string;
  flow: Flow;
  /** The script that it was begun with. */
  from?: string;
}

function New({ workspace, username, path, flow, from = "" }: NewProps) {
  const [begun] = useState({ flow, path, version: undefined });
  return <FlowEditor workspace={workspace} begun={begun} deployedAt={undefined} more={{}} keptAs={`${username} new ${from}`} />;
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
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={flow} what="the flow">
      {(found) => <Shown query={member} what="your account">{({ username }) => <Editing key={`${path} ${found.version}`} workspace={workspace} username={username} path={path} found={found} />}</Shown>}
    </Shown>
  );
}

function Editing({ workspace, username, path, found }: { workspace: string; username: string; path: string; found: Version }) {
  const { summary, description, value, schema, version, more } = found;
  const [begun] = useState({ flow: { summary, description, value, schema }, path, version });
  return <FlowEditor workspace={workspace} begun={begun} deployedAt={path} more={more} keptAs={`${username} ${path}`} />;
}
