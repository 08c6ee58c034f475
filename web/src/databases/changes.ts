/** Changes to rows that wait until they are applied together, and the way back from each. */
import { same } from "@/items/json";
import { write, type Json } from "@/results/shape";

/** Which row, and as what it was seen. */
export interface RowIdentity {
  key: { [column: string]: Json };
  row: string;
  version: string;
}

export interface Change {
  kind: "insert" | "update" | "replace" | "delete";
  schema: string;
  table: string;
  values: { [column: string]: Json };
  row?: RowIdentity;
}

interface Page {
  columns: readonly { name: string }[];
  rows: readonly Json[][];
  versions: readonly string[] | null;
  row_names: readonly string[] | null;
}

/** What tells a row of a page apart; null where nothing does. */
export function identityOf(page: Page, index: number, key: readonly string[]): RowIdentity | null {
  const names = page.columns.map((each) => each.name);
  const row = page.rows[index]!;
  const places = key.map((each) => names.indexOf(each));
  const isKeyed = key.length > 0 && places.every((place) => place >= 0);
  const name = page.row_names?.[index] ?? "";
  if (!isKeyed && !name) return null;
  return { key: isKeyed ? Object.fromEntries(key.map((column, at) => [column, row[places[at]!]!])) : {}, row: isKeyed ? "" : name, version: page.versions?.[index] ?? "" };
}

export function idOf(identity: RowIdentity): string {
  return write([identity.key, identity.row], 0);
}

export type Queue = readonly Change[];

function placeOf(queue: Queue, identity: RowIdentity): number {
  return queue.findIndex((each) => each.row !== undefined && idOf(each.row) === idOf(identity));
}

export function changeOf(queue: Queue, identity: RowIdentity): Change | undefined {
  return queue[placeOf(queue, identity)];
}

interface Where {
  schema: string;
  table: string;
}

/** Sets one cell; back at what it was, it is no change any more. */
export function withCell(queue: Queue, where: Where, identity: RowIdentity, cell: { column: string; value: Json; was: Json }): Queue {
  const at = placeOf(queue, identity);
  const before = Object.entries(at >= 0 ? queue[at]!.values : {}).filter(([column]) => column !== cell.column);
  const values = Object.fromEntries(same(cell.value, cell.was) ? before : [...before, [cell.column, cell.value]]);
  const rest = queue.filter((_, index) => index !== at);
  return Object.keys(values).length === 0 ? rest : [...rest, { kind: "update", ...where, values, row: identity }];
}

/** Marks a row for removal, or takes the mark away. */
export function withRemoval(queue: Queue, where: Where, identity: RowIdentity): Queue {
  const at = placeOf(queue, identity);
  const rest = queue.filter((_, index) => index !== at);
  return at >= 0 && queue[at]!.kind === "delete" ? rest : [...rest, { kind: "delete", ...where, values: {}, row: identity }];
}

/** Puts a whole document in place of another. */
export function withReplacement(queue: Queue, where: Where, identity: RowIdentity, values: { [column: string]: Json }): Queue {
  const at = placeOf(queue, identity);
  return [...queue.filter((_, index) => index !== at), { kind: "replace", ...where, values, row: identity }];
}

export function withInsert(queue: Queue, where: Where, values: { [column: string]: Json }): Queue {
  return [...queue, { kind: "insert", ...where, values }];
}
