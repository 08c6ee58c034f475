/** A new resource: its kind, then its form. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { read } from "@/items/json";
import { PathField, pathFault } from "@/items/path-field";
import { itemKeys } from "@/items/queries";
import { ValueEditor } from "@/items/value-editor";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { PageHead, Panel } from "@/ui/panel";
import { Failure, NotSaved, Shown } from "@/ui/states";
import { toast } from "@/ui/toast";

import { Catalogue } from "./catalogue";
import { test as tryValue, typesQuery, type ResourceType } from "./queries";
import { save } from "./save";
import { SealChoice } from "./seal";
import { beginningOf, plainSecrets } from "./secrets";
import { TestButton, TestOutcome } from "./tested";

const FORM = "resource-form";

export function NewResourcePage() {
  const workspace = useWorkspace();
  const { type } = useSearch({ from: "/w/$workspace/resources/new" });
  const types = useQuery(typesQuery(workspace));
  const navigate = useNavigate();
  const [pasted, setPasted] = useState<{ type: string; text: string }>();
  const go = (to: string | undefined) => void navigate({ to: "/w/$workspace/resources/new", params: { workspace }, search: to ? { type: to } : {} });
  return (
    <Shown query={types} what="the resource types">
      {(found) => {
        const chosen = found.find((each) => each.name === type);
        return chosen ? (
          <NewResource key={`${chosen.name} ${pasted?.text ?? ""}`} workspace={workspace} type={chosen} text={pasted?.type === chosen.name ? pasted.text : undefined} back={() => go(undefined)} />
        ) : (
          <>
            <PageHead title="New resource" hint="A database, a bucket, an account: what scripts connect to." />
            {type && <Failure error={new Error(`There is no resource type ${type} in this workspace: pick another one.`)} />}
            <Catalogue
              workspace={workspace}
              types={found}
              pick={(name) => {
                setPasted(undefined);
                go(name);
              }}
              pasted={(name, text) => {
                setPasted({ type: name, text });
                go(name);
              }}
            />
          </>
        );
      }}
    </Shown>
  );
}

function NewResource({ workspace, type, text: begun, back }: { workspace: string; type: ResourceType; text: string | undefined; back: () => void }) {
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="your account">
      {({ username }) => <Drafting workspace={workspace} type={type} begun={begun} path={`u/${username}/${type.name}`} back={back} />}
    </Shown>
  );
}

function Drafting({ workspace, type, begun, path: suggested, back }: { workspace: string; type: ResourceType; begun: string | undefined; path: string; back: () => void }) {
  const [path, setPath] = useState(suggested);
  const [description, setDescription] = useState("");
  const [text, setText] = useState(() => begun ?? JSON.stringify(beginningOf(type.schema), null, 2));
  const [seals, setSeals] = useState(true);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { value, fault } = read(text);
  const secrets = plainSecrets(type.schema, value);
  const tried = useMutation({ mutationFn: () => tryValue(workspace, type.name, text), meta: { quiet: true } });
  const saved = useMutation({
    mutationFn: () => save(workspace, { path, type: type.name, description, text, seals }, type.schema),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: itemKeys.all(workspace, "resources") });
      toast("good", `${path} is saved.`);
      await navigate({ to: "/w/$workspace/resources/p/$", params: { workspace, _splat: path } });
    },
  });
  return (
    <>
      <PageHead
        title={`New ${type.display_name ?? type.name}`}
        hint={type.description.split("\n")[0]}
        actions={
          <>
            <Button icon={<ArrowLeft size={15} aria-hidden />} onClick={back}>
              Other type
            </Button>
            <TestButton test={tried} disabled={fault !== ""} />
            <Button look="primary" type="submit" form={FORM} busy={saved.isPending} disabled={fault !== "" || pathFault(path) !== ""}>
              Save
            </Button>
          </>
        }
      />
      <div className="grid items-start gap-4 px-4 pb-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:px-6">
        <ValueEditor id={FORM} schema={type.schema} text={text} onText={setText} onSubmit={() => saved.mutate()} />
        <div className="flex min-w-0 flex-col gap-4">
          <TestOutcome test={tried} />
          <NotSaved error={saved.error} />
          <Panel title="Where it is kept">
            <div className="flex flex-col gap-3">
              <PathField workspace={workspace} path={path} onChange={setPath} shown={pathFault(path) || undefined} />
              <Field label="Description">{(given) => <Input {...given} value={description} onChange={(event) => setDescription(event.target.value)} />}</Field>
            </div>
          </Panel>
          <SealChoice fields={secrets.map((each) => each.place.join("."))} seals={seals} onSeals={setSeals} />
        </div>
      </div>
    </>
  );
}
