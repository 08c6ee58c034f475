/** A storage: its folders, what is in them, what is in an object. The address says where one is. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowUp } from "lucide-react";
import { useEffect, useState, type DragEvent } from "react";

import { useWorkspace } from "@/app/workspace";
import { folderOf } from "@/object/address";
import { objectKeys, storageNamesQuery } from "@/object/queries";
import { TransferPanel } from "@/object/transfer-panel";
import { add, dropped, whenArrived, type Named } from "@/object/transfers";
import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { Select } from "@/ui/field";
import { toast } from "@/ui/toast";

import { AddressInput, ChosenBar, SearchInput, UploadButtons } from "./browser-bar";
import { BulkDialog, type Work } from "./bulk";
import { Listing } from "./listing";
import { shownName } from "./queries";
import { ShownObject } from "./shown-object";
import { FolderTree } from "./tree";
import { UsageButton } from "./usage";

export function BrowserPage() {
  const workspace = useWorkspace();
  const { storage } = useParams({ from: "/w/$workspace/storages/$storage" });
  const search = useSearch({ from: "/w/$workspace/storages/$storage" });
  const { prefix = "", key, q } = search;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const names = useQuery(storageNamesQuery(workspace));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [work, setWork] = useState<{ kind: Work; keys: string[] }>();
  const [isOver, setOver] = useState(false);
  const go = (to: { storage?: string; prefix?: string; key?: string; q?: string }) => {
    setChosen(new Set());
    const { storage: other = storage, ...rest } = to;
    void navigate({ to: "/w/$workspace/storages/$storage", params: { workspace, storage: other }, search: rest });
  };
  const refresh = () => queries.invalidateQueries({ queryKey: objectKeys.folder(workspace, storage) });
  useEffect(() => whenArrived(() => void queries.invalidateQueries({ queryKey: ["objects", workspace, "folder"] })), [queries, workspace]);
  function put(files: Named[]) {
    if (files.length === 0) toast("bad", "There is no file in that.");
    else add(workspace, storage, prefix, files);
  }
  function onDrop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    void dropped(event.dataTransfer.items).then(put);
  }
  return (
    <div
      className={cls("flex h-full flex-col", isOver && "outline-2 -outline-offset-4 outline-accent outline-dashed")}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <h1 className="sr-only">Storage {shownName(storage)}</h1>
      <div className="flex flex-wrap items-center gap-2 px-4 pt-4 pb-3 lg:px-6">
        <Select aria-label="Storage" className="!w-40" value={storage} onChange={(event) => go({ storage: event.target.value })}>
          {[...new Set([storage, ...(names.data ?? [])])].map((each) => (
            <option key={each} value={each}>
              {shownName(each)}
            </option>
          ))}
        </Select>
        <IconButton label="One folder up" disabled={!prefix} onClick={() => go({ prefix: folderOf(prefix.slice(0, -1)) || undefined })}>
          <ArrowUp size={15} aria-hidden />
        </IconButton>
        <AddressInput key={`${storage} ${prefix}`} at={{ storage, key: prefix }} open={(at) => go(at.key === "" || at.key.endsWith("/") ? { storage: at.storage, prefix: at.key || undefined } : { storage: at.storage, prefix: folderOf(at.key) || undefined, key: at.key })} />
        <SearchInput key={q ?? ""} q={q} find={(text) => go({ prefix: prefix || undefined, q: text || undefined })} />
        <UsageButton workspace={workspace} storage={storage} prefix={prefix} open={(folder) => go({ prefix: folder })} />
        <UploadButtons put={put} />
      </div>
      <div className="flex min-h-0 flex-1 border-t border-line bg-panel">
        <div className="hidden w-56 shrink-0 border-r border-line lg:block">
          <FolderTree key={storage} workspace={workspace} storage={storage} shown={prefix} open={(folder) => go({ prefix: folder })} />
        </div>
        <div className={cls("flex min-w-0 flex-1 flex-col", key !== undefined && "hidden xl:flex")}>
          {chosen.size > 0 && <ChosenBar count={chosen.size} act={(kind) => setWork({ kind, keys: [...chosen] })} clear={() => setChosen(new Set())} />}
          <div className="min-h-0 flex-1">
            <Listing workspace={workspace} storage={storage} prefix={prefix} q={q} current={key} chosen={chosen} onChosen={setChosen} open={(entry) => (entry.isFolder ? go({ prefix: entry.key }) : go({ prefix: prefix || undefined, q, key: entry.key }))} />
          </div>
        </div>
        {key !== undefined && <ShownObject key={key} workspace={workspace} at={{ storage, key }} onClose={() => go({ prefix: prefix || undefined, q })} />}
      </div>
      <TransferPanel />
      {work && (
        <BulkDialog
          work={work.kind}
          workspace={workspace}
          storage={storage}
          storages={names.data ?? [storage]}
          chosen={work.keys}
          isFolder={(each) => each.endsWith("/")}
          onClose={() => setWork(undefined)}
          onDone={() => {
            setChosen(new Set());
            void refresh();
          }}
        />
      )}
    </div>
  );
}
