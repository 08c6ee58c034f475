/** What a folder shows: folders and objects of one shape. */
import { nameOf } from "@/object/address";

export interface Entry {
  /** A key, or the prefix of a folder. */
  key: string;
  name: string;
  isFolder: boolean;
  size?: number;
  modified?: string;
}

interface Page {
  folders: { prefix: string; name: string }[];
  files: { key: string; name: string; size: number; last_modified: string }[];
}

export function entriesOf(pages: readonly Page[]): Entry[] {
  return pages.flatMap((page) => [
    ...page.folders.map((each) => ({ key: each.prefix, name: each.name || "/", isFolder: true })),
    ...page.files.map((each) => ({ key: each.key, name: each.name || "(without a name)", isFolder: false, size: each.size, modified: each.last_modified })),
  ]);
}

/** Found by a search: whole keys below the folder that was searched. */
export function foundEntries(keys: readonly string[], prefix: string): Entry[] {
  return keys.map((key) => ({ key, name: key.slice(prefix.length) || nameOf(key), isFolder: false }));
}
