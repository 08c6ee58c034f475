/** Which kind of resource it is to be: pasted as a URL, or picked from the catalogue. */
import { useMutation } from "@tanstack/react-query";
import { Boxes, ClipboardPaste } from "lucide-react";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { Empty, Failure } from "@/ui/states";

import { readUrl, type ResourceType } from "./queries";

const CATEGORIES: Record<string, string> = {
  database: "Databases", object_storage: "Object storage", messaging: "Messaging", ai: "AI", productivity: "Productivity", crm: "Customers", finance: "Finance", dev: "Development", cloud: "Cloud", "": "Other",
};

interface CatalogueProps {
  workspace: string;
  types: ResourceType[];
  pick: (type: string) => void;
  pasted: (type: string, text: string) => void;
}

export function Catalogue({ workspace, types, pick, pasted }: CatalogueProps) {
  const [filter, setFilter] = useState("");
  const wanted = filter.toLowerCase();
  const found = types.filter((each) => each.category !== "internal" && `${each.name} ${each.display_name ?? ""} ${each.category ?? ""}`.toLowerCase().includes(wanted));
  const groups = Object.entries(CATEGORIES).map(([id, name]) => ({ id, name, types: found.filter((each) => (each.category && each.category in CATEGORIES ? each.category : "") === id) }));
  return (
    <div className="flex flex-col gap-4 px-4 pb-8 lg:px-6">
      <FromUrl workspace={workspace} pasted={pasted} />
      <Panel
        title="Or pick a type"
        actions={<Input type="search" aria-label="Search types" placeholder="Search types" className="!h-7 !w-56" value={filter} onChange={(event) => setFilter(event.target.value)} />}
      >
        <div className="flex flex-col gap-4">
          {groups
            .filter((group) => group.types.length > 0)
            .map((group) => (
              <section key={group.id || "other"}>
                <h3 className="mb-1.5 text-xs font-semibold tracking-wide text-muted uppercase">{group.name}</h3>
                <ul className="grid grid-cols-2 gap-1.5 sm:grid-cols-3 xl:grid-cols-5">
                  {group.types.map((each) => (
                    <li key={each.name}>
                      <button type="button" title={each.description.split("\n")[0]} onClick={() => pick(each.name)} className="flex h-9 w-full items-center rounded-md border border-line px-2.5 text-left hover:border-accent hover:bg-accent-soft">
                        <span className="truncate">{each.display_name ?? each.name}</span>
                      </button>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
          {found.length === 0 && <Empty icon={<Boxes size={24} aria-hidden />} title="No type of that name">The type “Any” takes every JSON value.</Empty>}
        </div>
      </Panel>
    </div>
  );
}

function FromUrl({ workspace, pasted }: { workspace: string; pasted: (type: string, text: string) => void }) {
  const [url, setUrl] = useState("");
  const reading = useMutation({ mutationFn: (text: string) => readUrl(workspace, text), meta: { quiet: true }, onSuccess: ({ type, text }) => pasted(type, text) });
  return (
    <Panel title="Paste a connection URL">
      <form
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          reading.mutate(url.trim());
        }}
      >
        <Input aria-label="Connection URL" required autoComplete="off" spellCheck={false} className="min-w-0 flex-1 basis-72 font-mono" placeholder="postgres://user:password@host:5432/database" value={url} onChange={(event) => setUrl(event.target.value)} />
        <Button type="submit" look="primary" icon={<ClipboardPaste size={15} aria-hidden />} busy={reading.isPending}>
          Fill the form
        </Button>
      </form>
      {reading.error ? (
        <div className="-mx-4 -mb-4">
          <Failure error={reading.error} />
        </div>
      ) : (
        <p className="mt-2 text-[13px] text-muted">postgres://, mysql://, mongodb://, redis://, s3://, clickhouse:// and others. It is read by this server and kept nowhere until you save.</p>
      )}
    </Panel>
  );
}
