/** One folder: what is in it, who may do what with that. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { useState } from "react";

import { OwnerField, ownerOf, useOwners } from "@/access/owner-field";
import { sessionKeys } from "@/app/session";
import { Beside, Part } from "@/ui/beside";
import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { LineField } from "@/ui/line-field";
import { Shown } from "@/ui/states";
import { toast } from "@/ui/toast";

import { contentsQuery, deleteFolder, describe, folderKeys, setRight, type Folder } from "./queries";
import { RIGHTS, rightsOf, type Right } from "./rights";

const CONTENTS = [
  { key: "scripts", to: "/w/$workspace/scripts", one: "script" },
  { key: "flows", to: "/w/$workspace/flows", one: "flow" },
  { key: "schedules", to: "/w/$workspace/schedules", one: "schedule" },
  { key: "resources", to: "/w/$workspace/resources", one: "resource" },
  { key: "variables", to: "/w/$workspace/variables", one: "variable" },
] as const;

export function FolderDetail({ workspace, folder, mayManage, onClose }: { workspace: string; folder: Folder; mayManage: boolean; onClose: () => void }) {
  const queries = useQueryClient();
  const contents = useQuery(contentsQuery(workspace, folder.name));
  const [isDeleting, setDeleting] = useState(false);
  const refresh = () => Promise.all([folderKeys.all(workspace), ["members", workspace], sessionKeys.member(workspace)].map((queryKey) => queries.invalidateQueries({ queryKey })));
  const act = useMutation({ mutationFn: (run: () => Promise<void>) => run(), onSettled: refresh });
  const change = (whose: string, right: Right | null) => act.mutate(() => setRight(workspace, folder, whose, right));
  const held = contents.data ? CONTENTS.reduce((sum, { key }) => sum + contents.data[key], 0) : 0;
  return (
    <Beside label={`Folder ${folder.name}`} title={`f/${folder.name}`} onClose={onClose}>
      <Part title="What is in it">
        <LineField label="What is in it" placeholder="Nothing said yet" disabled={!mayManage} value={folder.summary} save={(summary) => act.mutate(() => describe(workspace, folder.name, { summary }))} />
        <Shown query={contents} what="the contents">
          {(found) => (
            <ul aria-label="Contents" className="flex flex-wrap gap-1.5 text-[13px]">
              {CONTENTS.map(({ key, to, one }) => {
                const text = `${found[key]} ${found[key] === 1 ? one : key}`;
                return (
                  <li key={key}>
                    {found[key] > 0 ? (
                      <Link to={to} params={{ workspace }} search={{ owner: `f/${folder.name}` }} className="block rounded bg-accent-soft px-2 py-0.5 text-accent hover:underline">
                        {text}
                      </Link>
                    ) : (
                      <span className="block rounded bg-sunken px-2 py-0.5 text-muted">{text}</span>
                    )}
                  </li>
                );
              })}
            </ul>
          )}
        </Shown>
      </Part>
      <Part title="Who may do what" hint="Of everything in the folder; an item may be shared further by itself. Admins own all folders.">
        <ul aria-label="Rights" className="rounded-md border border-line">
          {rightsOf(folder).map(({ whose, right }) => (
            <li key={whose} className="flex min-h-9 items-center gap-2 border-b border-line px-3 last:border-0">
              <code className="min-w-0 flex-1 truncate text-[13px]">{whose}</code>
              {mayManage ? (
                <>
                  <Select aria-label={`Right of ${whose}`} className="!h-7 !w-28 !py-0 text-[13px]" value={right} disabled={act.isPending} onChange={(event) => change(whose, event.target.value as Right)}>
                    {RIGHTS.map((each) => (
                      <option key={each.right}>{each.right}</option>
                    ))}
                  </Select>
                  <IconButton label={`Take the right of ${whose} away`} disabled={act.isPending} onClick={() => change(whose, null)}>
                    <X size={14} aria-hidden />
                  </IconButton>
                </>
              ) : (
                <span className="text-[13px] text-muted">{right}</span>
              )}
            </li>
          ))}
          {rightsOf(folder).length === 0 && <li className="px-3 py-2 text-muted">Nobody but admins.</li>}
        </ul>
        {mayManage && <NewRight workspace={workspace} folder={folder} set={(owner, right) => act.mutateAsync(() => setRight(workspace, folder, owner, right))} />}
        <dl className="grid grid-cols-[4rem_1fr] gap-x-2 text-[13px] text-muted">
          {RIGHTS.map(({ right, may }) => (
            <div key={right} className="contents">
              <dt>{right}</dt>
              <dd>{may}</dd>
            </div>
          ))}
        </dl>
      </Part>
      {mayManage && (
        <Part title="Delete" hint="What is in it stays, for admins only.">
          <div>
            <Button className="!text-bad" onClick={() => setDeleting(true)}>
              Delete the folder
            </Button>
          </div>
        </Part>
      )}
      <Confirm
        open={isDeleting}
        onClose={() => setDeleting(false)}
        title={`Delete f/${folder.name}?`}
        verb="Delete it"
        typed={folder.name}
        act={async () => {
          await deleteFolder(workspace, folder.name);
          await refresh();
          toast("good", `f/${folder.name} was deleted.`);
          onClose();
        }}
      >
        {held > 0 ? `The ${held} ${held === 1 ? "item" : "items"} in it stay where they are, but only admins reach them until one makes the folder again. ` : "It is empty. "}
        Who may do what in it is forgotten.
      </Confirm>
    </Beside>
  );
}

function NewRight({ workspace, folder, set }: { workspace: string; folder: Folder; set: (owner: string, right: Right) => Promise<unknown> }) {
  const without = rightsOf(folder).map((each) => each.whose);
  const known = useOwners(workspace, { without });
  const [text, setText] = useState("");
  const [right, setNewRight] = useState<Right>("reader");
  const owner = ownerOf(text, known);
  return (
    <form
      className="flex flex-wrap items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (owner !== null) void set(owner, right).then(() => setText(""));
        else toast("bad", `There is nobody “${text.trim()}” to give a right to.`);
      }}
    >
      <OwnerField workspace={workspace} label="Who" value={text} onChange={setText} without={without} />
      <Select aria-label="Right" className="!w-28" value={right} onChange={(event) => setNewRight(event.target.value as Right)}>
        {RIGHTS.map((each) => (
          <option key={each.right}>{each.right}</option>
        ))}
      </Select>
      <Button type="submit" icon={<Plus size={14} aria-hidden />}>
        Add
      </Button>
    </form>
  );
}
