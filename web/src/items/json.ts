/** JSON values that are edited: equal or not, fit for a form or not, three versions made one. */
import { Digits, isObject, parse, type Json } from "@/results/shape";

export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (one instanceof Digits && other instanceof Digits) return one.text === other.text;
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((each, index) => same(each, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

/** Why a form would not keep the value as it is written; "" where it would. Forms know only the numbers of a browser. */
export function misfit(value: Json, place = "the value"): string {
  if (value instanceof Digits) return String(Number(value.text)) === value.text ? "" : `${place} is the number ${value.text}, which a form would write differently`;
  const members: [string, Json][] = Array.isArray(value) ? value.map((each, index) => [String(index), each]) : isObject(value) ? Object.entries(value) : [];
  for (const [key, member] of members) {
    if (isObject(value) && /^\d+$/.test(key)) return `the key ${JSON.stringify(key)} would change its place in a form`;
    const found = misfit(member, key);
    if (found) return found;
  }
  return "";
}

/** The value of JSON text, or what is wrong with it. */
export function read(text: string): { value: Json; fault: "" } | { value: undefined; fault: string } {
  try {
    JSON.parse(text); // for its messages, and for what the lenient parser below lets through
    return { value: parse(text), fault: "" };
  } catch (error) {
    return { value: undefined, fault: error instanceof Error ? error.message : String(error) };
  }
}

export type Side = "mine" | "theirs";

export interface Conflict {
  /** A JSON pointer; "" for the whole value. */
  pointer: string;
  mine: Json | undefined;
  theirs: Json | undefined;
}

/** Two changes of one value made one, member by member. What both changed differently is a conflict, which `choices` decides (mine, unless said). */
export function merge(base: Json, mine: Json, theirs: Json, choices: Readonly<Record<string, Side>>): { value: Json; conflicts: Conflict[] } {
  const conflicts: Conflict[] = [];
  function at(pointer: string, was: Json | undefined, my: Json | undefined, their: Json | undefined): Json | undefined {
    if (same(my, their) || same(was, their)) return my;
    if (same(was, my)) return their;
    if (isObject(my) && isObject(their)) return members(pointer, isObject(was) ? was : {}, my, their);
    conflicts.push({ pointer, mine: my, theirs: their });
    return choices[pointer] === "theirs" ? their : my;
  }
  function members(pointer: string, was: { [key: string]: Json }, my: { [key: string]: Json }, their: { [key: string]: Json }): Json {
    const found = Object.create(null) as { [key: string]: Json };
    for (const key of new Set([...Object.keys(my), ...Object.keys(their)])) {
      const member = at(`${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, was[key], my[key], their[key]);
      if (member !== undefined) found[key] = member;
    }
    return found;
  }
  return { value: at("", base, mine, theirs) ?? null, conflicts };
}
