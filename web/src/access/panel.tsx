/** Who may use an item: by its path, and by what it is shared with beside. The same for every kind of item. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { UserPlus, X } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { Button, IconButton } from "@/ui/button";
import { Select } from "@/ui/field";
import { Failure, Shown } from "@/ui/states";

import { OwnerField, ownerOf } from "./owner-field";
import { folderOfQuery, ownersQuery, share, sharesQuery, unshare, type Shareable } from "./queries";

interface AccessProps {
  workspace: string;
  kind: Shareable;
  path: string;
}

export function Access({ workspace, kind, path }: AccessProps) {
  const [prefix = "", owner = ""] = path.split("/");
  const member = useQuery(memberQuery(workspace));
  const isOwner = member.data !== undefined && (member.data.is_admin || (prefix === "u" ? member.data.username === owner : member.data.folders_owners.includes(owner)));
  return (
    <div className="flex flex-col gap-4 p-3">
      <section className="flex flex-col gap-1.5">
        <h3 className="text-[13px] font-semibold">By its path</h3>
        {prefix === "f" ? <OfFolder workspace={workspace} kind={kind} name={owner} /> : <p className="text-muted">It is {owner}’s own. Admins may use it, too.</p>}
      </section>
      <Shares workspace={workspace} kind={kind} path={path} mayShare={isOwner && !member.data.operator} />
    </div>
  );
}

function OfFolder({ workspace, kind, name }: { workspace: string; kind: Shareable; name: string }) {
  const folder = useQuery(folderOfQuery(workspace, name));
  return (
    <Shown query={folder} what="the folder">
      {({ owners, extra_perms }) => (
        <>
          <Who whose={owners} may={owners.length === 1 ? "owner" : "owners"} />
          <Who whose={keysOf(extra_perms, true)} may="may read and write" />
          <Who whose={keysOf(extra_perms, false)} may={kind === "script" || kind === "flow" ? "may read and run" : "may read"} />
          <p className="text-[13px] text-muted">
            As the folder says, for all that is in it:{" "}
            <Link to="/w/$workspace/folders/$name" params={{ workspace, name }} className="text-accent hover:underline">
              f/{name}
            </Link>
            . Admins may do everything.
          </p>
        </>
      )}
    </Shown>
  );
}

const keysOf = (perms: Record<string, boolean>, write: boolean) => Object.keys(perms).filter((each) => perms[each] === write);

function Who({ whose, may }: { whose: readonly string[]; may: string }) {
  if (whose.length === 0) return null;
  return (
    <p className="flex flex-wrap items-baseline gap-1.5">
      {whose.map((each) => (
        <code key={each} className="rounded bg-sunken px-1.5 text-[13px]">
          {each}
        </code>
      ))}
      <span className="text-[13px] text-muted">{may}</span>
    </p>
  );
}

function Shares({ workspace, kind, path, mayShare }: AccessProps & { mayShare: boolean }) {
  const shares = useQuery(sharesQuery(workspace, kind, path));
  const queries = useQueryClient();
  const refresh = () => queries.invalidateQueries({ queryKey: sharesQuery(workspace, kind, path).queryKey });
  const set = useMutation({ mutationFn: ({ owner, write }: { owner: string; write: boolean }) => share(workspace, kind, path, owner, write), onSuccess: refresh });
  const take = useMutation({ mutationFn: (whose: string) => unshare(workspace, kind, path, whose), onSuccess: refresh });
  return (
    <section className="flex flex-col gap-2">
      <h3 className="text-[13px] font-semibold">Shared beside</h3>
      <Shown query={shares} what="the shares">
        {(found) => (
          <>
            <ul aria-label="Shared with" className="flex flex-col rounded-md border border-line">
              {Object.entries(found).map(([whose, may]) => (
                <li key={whose} className="flex items-center gap-2 border-b border-line px-3 py-1 last:border-0">
                  <code className="min-w-0 flex-1 truncate text-[13px]">{whose}</code>
                  {mayShare ? (
                    <>
                      <Select aria-label={`What ${whose} may do`} className="!h-7 !w-24 !py-0 text-[13px]" value={may ? "write" : "read"} onChange={(event) => set.mutate({ owner: whose, write: event.target.value === "write" })}>
                        <option value="read">read</option>
                        <option value="write">write</option>
                      </Select>
                      <IconButton label={`Stop sharing with ${whose}`} onClick={() => take.mutate(whose)}>
                        <X size={14} aria-hidden />
                      </IconButton>
                    </>
                  ) : (
                    <span className="text-[13px] text-muted">{may ? "reads and writes" : "reads"}</span>
                  )}
                </li>
              ))}
              {Object.keys(found).length === 0 && <li className="px-3 py-2 text-muted">Shared with nobody beside.</li>}
            </ul>
            {mayShare ? <NewShare workspace={workspace} kind={kind} path={path} without={Object.keys(found)} /> : <p className="text-[13px] text-muted">Only its owners and admins share it.</p>}
          </>
        )}
      </Shown>
    </section>
  );
}

function NewShare({ workspace, kind, path, without }: AccessProps & { without: string[] }) {
  const [text, setText] = useState("");
  const [write, setWrite] = useState(false);
  const queries = useQueryClient();
  const add = useMutation({
    mutationFn: async () => {
      const known = await queries.ensureQueryData(ownersQuery(workspace));
      const owner = ownerOf(text, known.filter((each) => !without.includes(each)));
      if (owner === null) throw new Error(without.includes(text.trim()) ? `It is shared with ${text.trim()} already: change it in the list.` : `There is no member and no group “${text.trim()}”.`);
      await share(workspace, kind, path, owner, write);
    },
    meta: { quiet: true },
    onSuccess: async () => {
      setText("");
      await queries.invalidateQueries({ queryKey: sharesQuery(workspace, kind, path).queryKey });
    },
  });
  return (
    <>
      <form
        className="flex flex-wrap items-center gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <OwnerField workspace={workspace} label="Share with" value={text} onChange={setText} without={without} />
        <Select aria-label="What they may do" className="!w-24" value={write ? "write" : "read"} onChange={(event) => setWrite(event.target.value === "write")}>
          <option value="read">read</option>
          <option value="write">write</option>
        </Select>
        <Button type="submit" icon={<UserPlus size={14} aria-hidden />} busy={add.isPending}>
          Share
        </Button>
      </form>
      {add.error && (
        <div className="-mx-4">
          <Failure error={add.error} />
        </div>
      )}
    </>
  );
}
