/** Secrets inside of values: found by the type's schema, and put into variables, which are encrypted. */
import { isObject, type Json } from "@/results/shape";

import type { Schema } from "./queries";

export interface PlainSecret {
  place: string[];
  text: string;
}

/** The secrets of a value that stand in it as they are. */
export function plainSecrets(schema: Schema | undefined, value: Json | undefined, place: string[] = []): PlainSecret[] {
  if (schema?.password) return typeof value === "string" && value !== "" && !value.startsWith("$var:") ? [{ place, text: value }] : [];
  if (Array.isArray(value)) return value.flatMap((each, index) => plainSecrets(schema?.items, each, [...place, String(index)]));
  if (!isObject(value)) return [];
  return Object.entries(schema?.properties ?? {}).flatMap(([name, member]) => plainSecrets(member, value[name], [...place, name]));
}

/** The value with a reference to a variable at each place. */
export function withReferences(value: Json, paths: ReadonlyMap<string, string>, place: string[] = []): Json {
  const path = paths.get(place.join("/"));
  if (path !== undefined) return `$var:${path}`;
  if (Array.isArray(value)) return value.map((each, index) => withReferences(each, paths, [...place, String(index)]));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withReferences(member, paths, [...place, name])]));
}

/** What the form of a new resource begins with: the defaults of the type's own fields, not of parts that may be left out. */
export function beginningOf(schema: Schema): Record<string, unknown> {
  const given = Object.entries(schema.properties ?? {}).filter(([, member]) => member.default !== undefined && member.default !== "" && member.type !== "object");
  return Object.fromEntries(given.map(([name, member]) => [name, member.default]));
}
