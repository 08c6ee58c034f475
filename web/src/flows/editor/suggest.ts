/** What an expression can go on with where the cursor stands: worked out from its text alone, and from what is known. */
import { Digits } from "@/results/shape";
import type { Value } from "@/results/value";

import { memberOf } from "./paths";

export type Key = string | number;

/** The name, or the path in `variable('…')`, that is being written; `from` is where what is replaced begins. */
export type Written = { kind: "name"; path: Key[]; typed: string; from: number; isIndex: boolean } | { kind: "stored"; of: "variable" | "resource"; typed: string; from: number };

/** A name with a word on it; `value` where a sample is known. */
export interface Known {
  name: Key;
  note?: string;
  value?: Value;
  /** Calls take a path. */
  isCall?: boolean;
}

export interface Suggestion {
  label: string;
  note: string;
  /** It takes the place of what stands from `from` to the cursor. */
  text: string;
  from: number;
}

export const MOST_SHOWN = 50;

const STORED = /\b(variable|resource)\(\s*(['"`])([^'"`\n]*)$/;
const CHAIN = /(?<![\w$.\])'"`])([A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*|\[\d+\]|\["(?:[^"\\]|\\.)*"\]|\['[^']*'\])*)?(\??\.[\w$]*|\[\d*)?$/;
const PART = /\??\.([A-Za-z_$][\w$]*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\['([^']*)'\]/g;

/** What is written right before the cursor; undefined inside of a number, a text, and behind what is no name. */
export function writtenAt(text: string, cursor: number): Written | undefined {
  const before = text.slice(0, cursor);
  const stored = STORED.exec(before);
  if (stored) return { kind: "stored", of: stored[1] as "variable" | "resource", typed: stored[3]!, from: cursor - stored[3]!.length };
  if (isInText(before)) return undefined;
  const found = CHAIN.exec(before);
  if (!found) return undefined;
  const [, chain, open] = found;
  if (chain === undefined) return open === undefined && !/[\w$]$/.test(before) ? { kind: "name", path: [], typed: "", from: cursor, isIndex: false } : undefined;
  const keys = keysOf(chain);
  if (open !== undefined) {
    const typed = open.replace(/^(?:\??\.|\[)/, "");
    return { kind: "name", path: keys, typed, from: cursor - open.length, isIndex: open.startsWith("[") };
  }
  const last = keys.at(-1)!;
  if (/[\]]$/.test(chain)) return undefined;
  const typed = String(last);
  const dots = /\??\.$/.exec(before.slice(0, cursor - typed.length))?.[0] ?? "";
  return { kind: "name", path: keys.slice(0, -1), typed, from: cursor - typed.length - dots.length, isIndex: false };
}

function keysOf(chain: string): Key[] {
  const first = /^[A-Za-z_$][\w$]*/.exec(chain)![0];
  const rest = [...chain.slice(first.length).matchAll(PART)].map(([, name, index, double, single]) => (index === undefined ? (name ?? single ?? (JSON.parse(`"${double}"`) as string)) : Number(index)));
  return [first, ...rest];
}

const MARKS = new Set(["'", '"', "`"]);

/** Whether a text that began before goes on at the end; what stands in `${…}` is code again. */
function isInText(before: string): boolean {
  const open: string[] = [];
  for (let at = 0; at < before.length; at += 1) {
    const each = before[at]!;
    const inner = open.at(-1) ?? "";
    if (MARKS.has(inner)) {
      if (each === "\\") at += 1;
      else if (each === inner) open.pop();
      else if (inner === "`" && before.startsWith("${", at)) {
        open.push("{");
        at += 1;
      }
    } else if (MARKS.has(each) || each === "{") open.push(each);
    else if (each === "}" && inner === "{") open.pop();
  }
  return MARKS.has(open.at(-1) ?? "");
}

/** How a name can go on; `known` are those at its path. */
export function suggestionsOf(text: string, cursor: number, written: Written, known: Known[]): Suggestion[] {
  const wanted = written.typed.toLowerCase();
  const fits = known.filter((each) => String(each.name).toLowerCase().includes(wanted)).filter((each) => written.kind === "stored" || !written.isIndex || typeof each.name === "number");
  const first = fits.toSorted((one, other) => Number(other === exact(other)) - Number(one === exact(one)));
  const shown = first.slice(0, MOST_SHOWN).map((each) => suggestion(text, cursor, written, each));
  return shown.length === 1 && shown[0]!.text === text.slice(shown[0]!.from, cursor) ? [] : shown;

  function exact(each: Known): Known | undefined {
    return String(each.name).toLowerCase().startsWith(wanted) ? each : undefined;
  }
}

function suggestion(text: string, cursor: number, written: Written, { name, note, value, isCall }: Known): Suggestion {
  const told = value === undefined ? (note ?? "") : shown(value);
  if (written.kind === "stored") {
    const isClosed = /^['"`]/.test(text.slice(cursor));
    const mark = text[written.from - 1] ?? "'";
    return { label: String(name), note: told, text: isClosed ? String(name) : `${name}${mark})`, from: written.from };
  }
  if (written.path.length === 0) return { label: String(name), note: told, text: isCall ? `${name}('` : String(name), from: written.from };
  const isOptional = text.startsWith("?.", written.from);
  const member = memberOf("", name);
  return { label: String(name), note: told, text: isOptional ? `?.${member.replace(/^\./, "")}` : member, from: written.from };
}

/** What lies in a value. */
export function membersOf(value: Value | undefined): Known[] {
  if (Array.isArray(value)) return [...value.slice(0, MOST_SHOWN).map((each, index) => ({ name: index, value: each })), { name: "length", note: "how many" }];
  return isBranch(value) ? Object.entries(value).map(([name, member]) => ({ name, value: member })) : [];
}

/** What lies at the end of a path into a value; undefined where there is nothing. */
export function reached(value: Value | undefined, path: readonly Key[]): Value | undefined {
  let at = value;
  for (const key of path) {
    if (Array.isArray(at)) at = typeof key === "number" ? at[key] : undefined;
    else at = isBranch(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

function isBranch(value: Value | undefined): value is { [key: string]: Value } {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Digits);
}

/** A value in a few words. */
export function shown(value: Value | undefined): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.length === 1 ? "a list of one" : `a list of ${value.length}`;
  if (value instanceof Digits) return value.text;
  if (typeof value === "object" && value !== null) return "an object";
  return JSON.stringify(value).slice(0, 80);
}
