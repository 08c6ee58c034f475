/** Where a new item is put: whose it is, and its name. */
import { useQuery } from "@tanstack/react-query";

import { memberQuery } from "@/app/session";
import { Field, Input, Select } from "@/ui/field";

import { foldersQuery } from "./queries";

const NAME = /^[A-Za-z0-9_.\-]+(?:\/[A-Za-z0-9_.\-]+)*$/;

/** What is wrong with a path, in words; "" for nothing. */
export function pathFault(path: string): string {
  const name = path.split("/").slice(2).join("/");
  if (!name) return "Give it a name.";
  return NAME.test(name) ? "" : "A name has letters, digits, _ . and -, and slashes between them.";
}

export function PathField({ workspace, path, onChange, shown }: { workspace: string; path: string; onChange: (path: string) => void; shown?: string }) {
  const member = useQuery(memberQuery(workspace));
  const folders = useQuery(foldersQuery(workspace));
  const [prefix = "u", owner = ""] = path.split("/");
  const name = path.split("/").slice(2).join("/");
  const owners = [...new Set([`${prefix}/${owner}`, ...(member.data ? [`u/${member.data.username}`] : []), ...(folders.data ?? []).map((each) => `f/${each}`)])].filter((each) => !each.endsWith("/"));
  return (
    <Field label="Path" hint="u/<you>/… is yours; f/<folder>/… is shared as the folder says." error={shown}>
      {(given) => (
        <div className="flex gap-2">
          <Select aria-label="Owner" className="!w-44 font-mono" value={`${prefix}/${owner}`} onChange={(event) => onChange(`${event.target.value}/${name}`)}>
            {owners.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </Select>
          <Input {...given} className="min-w-0 flex-1 font-mono" placeholder="name" value={name} onChange={(event) => onChange(`${prefix}/${owner}/${event.target.value}`)} />
        </div>
      )}
    </Field>
  );
}
