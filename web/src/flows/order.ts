/** Which flows a list shows, and in which order. */
import { ownerOf } from "@/items/owner";

export const ORDERS: Record<string, string> = { edited: "Changed last", ran: "Run last", path: "By path", summary: "By summary" };

interface Item {
  path: string;
  summary: string;
  edited_at: string;
}

interface Wanted {
  q?: string;
  owner?: string;
  sort?: string;
}

/** Those with all words of `q` in path or summary. `ranAt`: when one ran last. */
export function arranged<T extends Item>(flows: readonly T[], { q = "", owner, sort = "edited" }: Wanted, ranAt: (path: string) => string | undefined): T[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const found = flows.filter((each) => (!owner || ownerOf(each.path) === owner) && words.every((word) => `${each.path} ${each.summary}`.toLowerCase().includes(word)));
  const newest = (one: string | undefined, other: string | undefined) => (other ?? "").localeCompare(one ?? "");
  const compare: Record<string, (one: T, other: T) => number> = {
    path: (one, other) => one.path.localeCompare(other.path),
    summary: (one, other) => (one.summary || one.path).localeCompare(other.summary || other.path),
    ran: (one, other) => newest(ranAt(one.path), ranAt(other.path)) || newest(one.edited_at, other.edited_at),
    edited: (one, other) => newest(one.edited_at, other.edited_at),
  };
  return found.sort(compare[sort] ?? compare.edited);
}
