/** The folders of a storage, each read when it is opened. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight, Folder } from "lucide-react";
import { useState } from "react";

import { nameOf } from "@/object/address";
import { folderQuery } from "@/object/queries";
import { cls } from "@/ui/class";

interface TreeProps {
  workspace: string;
  storage: string;
  /** The folder that is shown. */
  shown: string;
  open: (prefix: string) => void;
}

export function FolderTree(props: TreeProps) {
  return (
    <nav aria-label="Folders" className="h-full overflow-auto p-2 text-[13px]">
      <Level {...props} prefix="" depth={0} />
    </nav>
  );
}

function Level({ workspace, storage, prefix, depth, ...rest }: TreeProps & { prefix: string; depth: number }) {
  const folder = useInfiniteQuery(folderQuery(workspace, storage, prefix));
  const folders = folder.data?.pages.flatMap((page) => page.folders) ?? [];
  return (
    <ul>
      {folders.map((each) => (
        <Branch key={each.prefix} {...rest} workspace={workspace} storage={storage} prefix={each.prefix} depth={depth} />
      ))}
      {folder.hasNextPage && (
        <li>
          <button type="button" className="py-0.5 pl-6 text-accent hover:underline" onClick={() => void folder.fetchNextPage()}>
            more…
          </button>
        </li>
      )}
    </ul>
  );
}

function Branch({ prefix, depth, ...rest }: TreeProps & { prefix: string; depth: number }) {
  const [isOpen, setOpen] = useState(() => rest.shown.startsWith(prefix) && rest.shown !== prefix);
  const Arrow = isOpen ? ChevronDown : ChevronRight;
  const name = nameOf(prefix).replace(/\/$/, "") || "/";
  return (
    <li>
      <div className={cls("flex items-center rounded", rest.shown === prefix ? "bg-accent-soft text-accent" : "hover:bg-sunken")} style={{ paddingLeft: depth * 12 }}>
        <button type="button" aria-expanded={isOpen} aria-label={`${isOpen ? "Close" : "Open"} ${name}`} className="p-1 text-muted" onClick={() => setOpen(!isOpen)}>
          <Arrow size={13} aria-hidden />
        </button>
        <button type="button" aria-current={rest.shown === prefix ? "true" : undefined} className="flex min-w-0 flex-1 items-center gap-1.5 py-1 text-left" onClick={() => rest.open(prefix)}>
          <Folder size={13} aria-hidden className="shrink-0" /> <span className="truncate">{name}</span>
        </button>
      </div>
      {isOpen && <Level {...rest} prefix={prefix} depth={depth + 1} />}
    </li>
  );
}
