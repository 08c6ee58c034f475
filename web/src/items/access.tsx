/** Who may use an item: by its path, and by what it is shared with beside. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { UserPlus, X } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "@/ui/button";
import { Select } from "@/ui/field";
import { Failure, Shown } from "@/ui/states";

import { ownersQuery, share, sharesQuery, unshare, type Kind } from "./queries";

function byPath(path: string): string {
  const [prefix, owner] = path.split("/");
  return prefix === "u" ? `By its path it is ${owner}'s own; admins may use it too.` : `By its path it is open to whom the folder ${owner} is open to, to read or to write as the folder says.`;
}

export function Access({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const shares = useQuery(sharesQuery(workspace, kind, path));
  const owners = useQuery(ownersQuery(workspace));
  const queries = useQueryClient();
  const [owner, setOwner] = useState("");
  const [write, setWrite] = useState(false);
  const refresh = () => queries.invalidateQueries({ queryKey: sharesQuery(workspace, kind, path).queryKey });
  const add = useMutation({
    mutationFn: () => share(workspace, kind, path, owner, write),
    meta: { quiet: true },
    onSuccess: async () => {
      setOwner("");
      await refresh();
    },
  });
  const take = useMutation({ mutationFn: (whose: string) => unshare(workspace, kind, path, whose), onSuccess: refresh });
  return (
    <div className="flex flex-col gap-3 p-3">
      <p className="text-muted">{byPath(path)}</p>
      <Shown query={shares} what="the shares">
        {(found) => (
          <ul aria-label="Shared with" className="flex flex-col rounded-md border border-line">
            {Object.entries(found).map(([whose, may]) => (
              <li key={whose} className="flex items-center gap-2 border-b border-line px-3 py-1 last:border-0">
                <code className="min-w-0 flex-1 truncate text-[13px]">{whose}</code>
                <span className="text-[13px] text-muted">{may ? "reads and writes" : "reads"}</span>
                <IconButton label={`Stop sharing with ${whose}`} onClick={() => take.mutate(whose)}>
                  <X size={14} aria-hidden />
                </IconButton>
              </li>
            ))}
            {Object.keys(found).length === 0 && <li className="px-3 py-2 text-muted">Shared with nobody beside.</li>}
          </ul>
        )}
      </Shown>
      <form
        className="flex flex-wrap items-center gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Select aria-label="Share with" className="!w-0 min-w-32 flex-1" required value={owner} onChange={(event) => setOwner(event.target.value)}>
          <option value="">Member or group…</option>
          {owners.data?.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </Select>
        <Select aria-label="What they may do" className="!w-24" value={write ? "write" : "read"} onChange={(event) => setWrite(event.target.value === "write")}>
          <option value="read">read</option>
          <option value="write">write</option>
        </Select>
        <Button type="submit" icon={<UserPlus size={14} aria-hidden />} busy={add.isPending}>
          Share
        </Button>
      </form>
      {add.error && <Failure error={add.error} />}
    </div>
  );
}
