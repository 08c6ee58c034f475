/** JSON that is worked with and sent on again: no number is rounded on its way. */
import { Digits, isObject, parse, write, type Json } from "./shape";

/** JSON, in which only those numbers are `Digits` that a browser would write differently. */
export type Value = null | boolean | number | string | Digits | Value[] | { [key: string]: Value };

/** JSON text as values; numbers that would lose something stay as they were written. */
export function readValue(text: string): Value {
  return plain(parse(text));
}

function plain(value: Json): Value {
  if (value instanceof Digits) return String(Number(value.text)) === value.text ? Number(value.text) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  return value;
}

/** JSON text with every digit; members that are undefined are left out, as JSON.stringify does. */
export function writeValue(value: unknown): string {
  return write(defined(value) as Json);
}

function defined(value: unknown): unknown {
  if (value === undefined) return null;
  if (value === null || typeof value !== "object" || value instanceof Digits) return value;
  if (Array.isArray(value)) return value.map(defined);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key, defined(member)]));
}
