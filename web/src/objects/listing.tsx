/** What is in a folder of a storage, or what was found below it. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { File, Folder, Upload } from "lucide-react";

import { folderQuery, searchQuery } from "@/object/queries";
import { SelectList } from "@/ui/select-list";
import { Empty, Shown } from "@/ui/states";
import { Ago, bytes } from "@/ui/time";

import { entriesOf, foundEntries, type Entry } from "./entries";

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

export function Listing({ workspace, storage, prefix, q, ...rest }: ListingProps) {
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
