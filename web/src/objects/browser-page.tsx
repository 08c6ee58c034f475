/** A storage: its folders, what is in them, what is in an object. The address says where one is. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowUp, Copy as CopyIcon, Database, File, Folder, FolderUp, MoveRight, Search, Trash2, Upload } from "lucide-react";
import { useEffect, useRef, useState, type DragEvent } from "react";

import { useWorkspace } from "@/app/workspace";
import { addressOf, folderOf, nameOf, readAddress, type At } from "@/object/address";
import { ObjectPreview } from "@/object/preview";
import { folderQuery, objectKeys, searchQuery, storageNamesQuery } from "@/object/queries";
import { TransferPanel } from "@/object/transfer-panel";
import { add, chosen as chosenFiles, dropped, whenArrived, type Named } from "@/object/transfers";
import { Button, buttonClass, IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { Input, Select } from "@/ui/field";
import { SelectList } from "@/ui/select-list";
import { Empty, Shown } from "@/ui/states";
import { Tabs } from "@/ui/tabs";
import { Ago, bytes } from "@/ui/time";
import { toast } from "@/ui/toast";

import { BulkDialog, type Work } from "./bulk";
import { CloseButton, Facts, Links, Rights } from "./details";
import { entriesOf, foundEntries, type Entry } from "./entries";
import { shownName } from "./queries";
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
        {key !== undefined && <Beside key={key} workspace={workspace} at={{ storage, key }} onClose={() => go({ prefix: prefix || undefined, q })} />}
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

/** Where one is, as text: written anew, it leads elsewhere. */
function AddressInput({ at, open }: { at: At; open: (at: At) => void }) {
  const [text, setText] = useState(addressOf(at));
  const found = readAddress(text);
  return (
    <form
      className="min-w-0 flex-1 basis-56"
      onSubmit={(event) => {
        event.preventDefault();
        if (found) open(found);
      }}
    >
      <Input aria-label="Address" aria-invalid={found ? undefined : true} title={found ? undefined : "An address begins with s3:// and the name of a storage, or s3:/// for the default one."} className="font-mono" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
    </form>
  );
}

function SearchInput({ q, find }: { q: string | undefined; find: (text: string) => void }) {
  const [text, setText] = useState(q ?? "");
  return (
    <form
      role="search"
      className="flex w-52 items-center gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        find(text.trim());
      }}
    >
      <Input type="search" aria-label="Search below here" placeholder="Search below here" value={text} onChange={(event) => setText(event.target.value)} />
      <IconButton type="submit" label="Search">
        <Search size={15} aria-hidden />
      </IconButton>
    </form>
  );
}

function UploadButtons({ put }: { put: (files: Named[]) => void }) {
  return (
    <>
      <UploadButton isFolder put={put} />
      <UploadButton isFolder={false} put={put} />
    </>
  );
}

function UploadButton({ isFolder, put }: { isFolder: boolean; put: (files: Named[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const Icon = isFolder ? FolderUp : Upload;
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        className="hidden"
        aria-hidden
        data-testid={isFolder ? "folder-input" : "files-input"}
        {...(isFolder ? { webkitdirectory: "" } : {})}
        onChange={(event) => {
          put(chosenFiles(event.target.files!));
          event.target.value = "";
        }}
      />
      <Button look={isFolder ? "plain" : "primary"} icon={<Icon size={15} aria-hidden />} onClick={() => input.current?.click()}>
        {isFolder ? "Upload a folder" : "Upload"}
      </Button>
    </>
  );
}

function ChosenBar({ count, act, clear }: { count: number; act: (work: Work) => void; clear: () => void }) {
  return (
    <div role="toolbar" aria-label="With what is chosen" className="flex flex-wrap items-center gap-2 border-b border-line bg-accent-soft px-3 py-1">
      <span className="flex-1 text-[13px] font-medium">{count} chosen</span>
      <Button small icon={<MoveRight size={14} aria-hidden />} onClick={() => act("move")}>
        Move
      </Button>
      <Button small icon={<CopyIcon size={14} aria-hidden />} onClick={() => act("copy")}>
        Copy
      </Button>
      <Button small icon={<Trash2 size={14} aria-hidden />} onClick={() => act("delete")}>
        Delete
      </Button>
      <Button small look="quiet" onClick={clear}>
        Choose none
      </Button>
    </div>
  );
}

interface ListingProps {
  workspace: string;
  storage: string;
  prefix: string;
  q: string | undefined;
  current: string | undefined;
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  open: (entry: Entry) => void;
}

function Listing({ workspace, storage, prefix, q, ...rest }: ListingProps) {
  const folder = useInfiniteQuery({ ...folderQuery(workspace, storage, prefix), enabled: !q });
  const found = useInfiniteQuery({ ...searchQuery(workspace, storage, prefix, q ?? ""), enabled: q !== undefined });
  if (q !== undefined) {
    return (
      <Shown query={found} what="what was found">
        {({ pages }) => {
          const entries = foundEntries(pages.flatMap((page) => page.windmill_large_files.map((each) => each.s3)), prefix);
          return entries.length === 0 && !found.hasNextPage ? <Empty title="No key holds that">It was looked for below {prefix || "the top"}, case aside.</Empty> : <Entries {...rest} entries={entries} more={found.hasNextPage && !found.isFetchingNextPage ? () => void found.fetchNextPage() : undefined} />;
        }}
      </Shown>
    );
  }
  return (
    <Shown query={folder} what="the folder">
      {({ pages }) => {
        const entries = entriesOf(pages);
        const isRestricted = pages.some((page) => page.restricted_access);
        return entries.length === 0 && !folder.hasNextPage ? (
          <Empty icon={<Upload size={26} aria-hidden />} title={prefix ? "Nothing is in this folder" : "This storage is empty"}>
            {isRestricted ? "There may be objects that you may not list." : "Drop files or folders here."}
          </Empty>
        ) : (
          <Entries {...rest} entries={entries} more={folder.hasNextPage && !folder.isFetchingNextPage ? () => void folder.fetchNextPage() : undefined} />
        );
      }}
    </Shown>
  );
}

function Entries({ entries, more, ...rest }: Pick<ListingProps, "current" | "chosen" | "onChosen" | "open"> & { entries: Entry[]; more: (() => void) | undefined }) {
  return (
    <SelectList
      {...rest}
      items={entries}
      label="Objects"
      keyOf={(each) => each.key}
      nameOf={(each) => each.name}
      more={more}
      row={(each) => (
        <>
          {each.isFolder ? <Folder size={16} aria-hidden className="mr-2 shrink-0 text-accent" /> : <File size={16} aria-hidden className="mr-2 shrink-0 text-muted" />}
          <span className="min-w-0 flex-1 truncate" title={each.key}>
            {each.name}
          </span>
          {each.size !== undefined && <span className="w-20 shrink-0 text-right text-[13px] text-muted tabular-nums">{bytes(each.size)}</span>}
          {each.modified && (
            <span className="hidden w-28 shrink-0 text-right text-[13px] text-muted sm:block">
              <Ago at={each.modified} />
            </span>
          )}
        </>
      )}
    />
  );
}

type BesideTab = "preview" | "facts" | "links" | "rights";

function Beside({ workspace, at, onClose }: { workspace: string; at: At; onClose: () => void }) {
  const [tab, setTab] = useState<BesideTab>("preview");
  return (
    <section aria-label={nameOf(at.key)} className="flex min-w-0 flex-1 flex-col border-line xl:max-w-[55%] xl:border-l">
      <header className="flex items-center gap-2 border-b border-line px-3 py-1.5">
        <h2 className="min-w-0 flex-1 truncate font-semibold" title={at.key}>
          {nameOf(at.key)}
        </h2>
        <Link to="/w/$workspace/scripts/new" params={{ workspace }} search={{ language: "duckdb", object: addressOf(at) }} className={buttonClass("plain", true)}>
          <Database size={14} aria-hidden /> Query with DuckDB
        </Link>
        <CloseButton onClose={onClose} />
      </header>
      <Tabs
        label="About the object"
        className="min-h-0 flex-1 !rounded-none !border-0"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "preview", label: "Preview", content: <ObjectPreview workspace={workspace} at={at} /> },
          { id: "facts", label: "Details", content: <Facts workspace={workspace} at={at} /> },
          { id: "links", label: "Links", content: <Links workspace={workspace} at={at} /> },
          { id: "rights", label: "Access", content: <Rights workspace={workspace} at={at} /> },
        ]}
      />
    </section>
  );
}
