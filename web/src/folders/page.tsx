/** The folders that one may see, each with its contents and rights beside. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Folder as FolderIcon, Plus } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { NotThere, Split } from "@/ui/beside";
import { Button } from "@/ui/button";
import { Input } from "@/ui/field";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { FolderDetail } from "./detail";
import { NewFolder } from "./new";
import { foldersQuery, type Folder } from "./queries";
import { rightsOf } from "./rights";

export function FoldersPage() {
  const workspace = useWorkspace();
  const { name } = useParams({ strict: false });
  const { q = "" } = useSearch({ from: "/w/$workspace/folders" });
  const navigate = useNavigate();
  const folders = useQuery(foldersQuery(workspace));
  const own = useQuery(memberQuery(workspace));
  const [isNew, setNew] = useState(false);
  const search = q ? { q } : {};
  const open = (folder?: string) => void (folder === undefined ? navigate({ to: "/w/$workspace/folders", params: { workspace }, search }) : navigate({ to: "/w/$workspace/folders/$name", params: { workspace, name: folder }, search }));
  const isDeveloper = own.data !== undefined && !own.data.operator;
  const create = isDeveloper && (
    <Button look="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setNew(true)}>
      New folder
    </Button>
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead title="Folders" hint="What lies under f/<folder>/ belongs to the folder, and is open to whom it is open to." actions={create} />
      <div className="flex items-center gap-2 px-4 pb-3 lg:px-6">
        <Input type="search" aria-label="Filter" placeholder="Filter by name" className="!w-64" value={q} onChange={(event) => void navigate({ to: ".", search: event.target.value ? { q: event.target.value } : {}, replace: true })} />
      </div>
      <Shown query={folders} what="the folders">
        {(all) => {
          const found = all.filter((each) => `${each.name} ${each.summary}`.toLowerCase().includes(q.toLowerCase()));
          const chosen = all.find((each) => each.name === name);
          return (
            <Split
              list={
                found.length === 0 ? (
                  <Empty icon={<FolderIcon size={28} aria-hidden />} title={all.length ? "No folder fits" : "No folder yet"} action={all.length === 0 && create}>
                    {all.length ? "Try fewer letters." : "A folder holds what several people work on, with one set of rights for all of it."}
                  </Empty>
                ) : (
                  <VirtualList items={found} label="Folders" keyOf={(each) => each.name} current={name} height={52} open={(each) => open(each.name)} row={(each) => <Row folder={each} />} />
                )
              }
              beside={
                name === undefined ? undefined : chosen ? (
                  <FolderDetail key={chosen.name} workspace={workspace} folder={chosen} mayManage={isDeveloper && (own.data.is_admin || own.data.folders_owners.includes(chosen.name))} onClose={() => open()} />
                ) : (
                  <NotThere>{`There is no folder ${name}, or you may not see it.`}</NotThere>
                )
              }
            />
          );
        }}
      </Shown>
      {isNew && <NewFolder workspace={workspace} onClose={() => setNew(false)} then={open} />}
    </div>
  );
}

function Row({ folder }: { folder: Folder }) {
  return (
    <>
      <span className="mr-3 flex size-8 shrink-0 items-center justify-center rounded-md bg-sunken text-muted">
        <FolderIcon size={16} aria-hidden />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block truncate font-mono font-medium">f/{folder.name}</span>
        <span className="block truncate text-[13px] text-muted">{folder.summary || "–"}</span>
      </span>
      <span className="hidden max-w-72 truncate font-mono text-xs text-muted @2xl:block">
        {rightsOf(folder)
          .map((each) => each.whose)
          .join("  ")}
      </span>
      <span className="hidden w-28 text-right text-[13px] text-muted @xl:block">
        <Ago at={folder.edited_at} />
      </span>
    </>
  );
}
