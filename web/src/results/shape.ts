/** What a result is to be shown as: JSON text in, a description out. Numbers keep the digits that they were written with. */
export type Json = null | boolean | string | Digits | Json[] | { [key: string]: Json };

/** A number as it is written; `1.10` and 9007199254740993 stay what they are. */
export class Digits {
  constructor(readonly text: string) {}
  toJSON(): unknown {
    return Number(this.text);
  }
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Parses JSON that the server has checked; numbers become `Digits`. */
export function parse(text: string): Json {
  let at = 0;
  function blank() {
    while (at < text.length && " \t\n\r".includes(text[at]!)) at++;
  }
  function string(): string {
    const start = at++;
    while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at++;
    return JSON.parse(text.slice(start, at)) as string;
  }
  function value(): Json {
    blank();
    const first = text[at];
    if (first === "{") return object();
    if (first === "[") return array();
    if (first === '"') return string();
    for (const [word, meant] of [["true", true], ["false", false], ["null", null]] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    }
    NUMBER.lastIndex = at;
    const digits = NUMBER.exec(text);
    if (!digits) throw new SyntaxError(`This is no JSON at character ${at}.`);
    at = NUMBER.lastIndex;
    return new Digits(digits[0]);
  }
  function array(): Json[] {
    const found: Json[] = [];
    at++;
    for (blank(); text[at] !== "]"; blank()) {
      if (at >= text.length) throw new SyntaxError("The JSON text ends too early.");
      if (text[at] === ",") at++;
      found.push(value());
    }
    at++;
    return found;
  }
  function object(): { [key: string]: Json } {
    const found: { [key: string]: Json } = Object.create(null) as { [key: string]: Json };
    at++;
    for (blank(); text[at] !== "}"; blank()) {
      if (at >= text.length) throw new SyntaxError("The JSON text ends too early.");
      if (text[at] === ",") at++;
      blank();
      const key = string();
      blank();
      at++; // the colon
      found[key] = value();
    }
    at++;
    return found;
  }
  return value();
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

/** JSON text again, with its digits. */
export function write(value: Json, indent = 2): string {
  function put(each: Json, level: number): string {
    const inner = "\n" + " ".repeat(indent * (level + 1));
    const outer = "\n" + " ".repeat(indent * level);
    if (each instanceof Digits) return each.text;
    if (Array.isArray(each)) return each.length ? `[${inner}${each.map((one) => put(one, level + 1)).join("," + inner)}${outer}]` : "[]";
    if (isObject(each)) {
      const members = Object.entries(each);
      return members.length ? `{${inner}${members.map(([key, one]) => `${JSON.stringify(key)}: ${put(one, level + 1)}`).join("," + inner)}${outer}}` : "{}";
    }
    return JSON.stringify(each);
  }
  return put(value, 0);
}

export interface Table {
  columns: string[];
  rows: Json[][];
}

/** A list of objects as a table; a first row of strings fixes the order of the columns. Null for anything else. */
export function asTable(value: Json): Table | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const [first, ...rest] = value;
  if (Array.isArray(first) && first.length && first.every((each) => typeof each === "string") && rest.length && rest.every(isObject)) {
    const columns = first as string[];
    return { columns, rows: (rest as { [key: string]: Json }[]).map((row) => columns.map((column) => row[column] ?? null)) };
  }
  if (!value.every(isObject)) return null;
  const objects = value as { [key: string]: Json }[];
  const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return null;
  return { columns, rows: objects.map((row) => columns.map((column) => row[column] ?? null)) };
}

/** Degrees; `radius` and `stroke` in pixels. `lat`, `lon` and `zoom` are where it opens; without them all markers are in view. */
export interface Marker {
  lat: number;
  lon: number;
  title: string;
  radius: number;
  color: string;
  stroke: number;
}

export interface GeoMap {
  lat: number | undefined;
  lon: number | undefined;
  zoom: number | undefined;
  markers: Marker[];
}

export type Shape =
  | { kind: "table"; table: Table }
  | { kind: "error"; name: string; message: string; stack: string }
  | { kind: "markdown" | "html" | "svg"; text: string }
  | { kind: "image"; media: string; base64: string }
  | { kind: "file"; filename: string; base64: string }
  | { kind: "object"; storage: string; key: string }
  | { kind: "pdf"; base64: string }
  | { kind: "map"; map: GeoMap }
  | { kind: "plot"; library: "vega" | "plotly"; spec: unknown }
  | { kind: "several"; items: Json[] }
  | { kind: "text"; text: string }
  | { kind: "json" };

const IMAGES: Record<string, string> = { png: "image/png", jpeg: "image/jpeg", gif: "image/gif" };

/** Windmill's rich results: objects of one known key, lists of objects, pointers to objects of storage. */
export function shapeOf(value: Json): Shape {
  if (typeof value === "string") return { kind: "text", text: value };
  const table = asTable(value);
  if (table) return { kind: "table", table };
  if (!isObject(value)) return { kind: "json" };
  const text = (key: string): string | undefined => (typeof value[key] === "string" ? value[key] : undefined);
  if (isObject(value.error) && typeof value.error.message === "string") {
    const { name, message, stack } = value.error;
    return { kind: "error", name: typeof name === "string" ? name : "Error", message: message as string, stack: typeof stack === "string" ? stack : "" };
  }
  const plot = plotOf(value);
  if (plot) return plot;
  const s3 = text("s3");
  if (s3 !== undefined) return { kind: "object", storage: text("storage") ?? "", key: s3 };
  const keys = Object.keys(value);
  if (keys.length !== 1) return { kind: "json" };
  const key = keys[0]!;
  const held = value[key]!;
  if (key === "render_all" && Array.isArray(held)) return { kind: "several", items: held };
  if (key === "table-row-object" || key === "table-row" || key === "table-col") return tableOf(key, held);
  if (key === "file" && isObject(held) && typeof held.content === "string") return { kind: "file", filename: typeof held.filename === "string" ? held.filename : "file", base64: held.content };
  if (key === "map" && isObject(held)) return { kind: "map", map: mapOf(held) };
  const image = isObject(held) && typeof held.content === "string" ? held.content : typeof held === "string" ? held : undefined;
  if (image === undefined) return { kind: "json" };
  if (IMAGES[key]) return { kind: "image", media: IMAGES[key], base64: image };
  if (key === "pdf") return { kind: "pdf", base64: image };
  if (key === "svg" || key === "html") return { kind: key, text: image };
  if (key === "markdown" || key === "md") return { kind: "markdown", text: image };
  return { kind: "json" };
}

/** A specification of Vega or Vega-Lite names its schema; a figure of Plotly has `data` and `layout` and little else. */
function plotOf(value: { [key: string]: Json }): Shape | null {
  const { $schema, data, layout } = value;
  if (typeof $schema === "string" && /^https?:\/\/vega\.github\.io\/schema\/vega(-lite)?\//.test($schema)) return { kind: "plot", library: "vega", spec: plain(value) };
  const isFigure = Array.isArray(data) && data.every(isObject) && isObject(layout) && Object.keys(value).every((key) => ["data", "layout", "frames", "config"].includes(key));
  return isFigure ? { kind: "plot", library: "plotly", spec: plain(value) } : null;
}

/** As JavaScript has it: for programs that count with numbers. */
function plain(value: Json): unknown {
  return JSON.parse(write(value, 0)) as unknown;
}

function mapOf(held: { [key: string]: Json }): GeoMap {
  const number = (value: Json | undefined): number | undefined => (value instanceof Digits ? Number(value.text) : undefined);
  const markers = (Array.isArray(held.markers) ? held.markers.filter(isObject) : []).flatMap((each) => {
    const [lat, lon] = [number(each.lat), number(each.lon)];
    if (lat === undefined || lon === undefined) return [];
    return [{ lat, lon, title: show(each.title), radius: number(each.radius) ?? 5, color: typeof each.color === "string" ? each.color : "", stroke: number(each.strokeWidth) ?? 1 }];
  });
  return { lat: number(held.lat), lon: number(held.lon), zoom: number(held.zoom), markers };
}

/** What base64 holds. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function tableOf(key: string, held: Json): Shape {
  if (key === "table-col" && isObject(held)) {
    const columns = Object.keys(held);
    const length = Math.max(0, ...columns.map((column) => (Array.isArray(held[column]) ? held[column].length : 0)));
    const rows = Array.from({ length }, (_, index) => columns.map((column) => (Array.isArray(held[column]) ? (held[column][index] ?? null) : null)));
    return { kind: "table", table: { columns, rows } };
  }
  if (key === "table-row" && Array.isArray(held) && held.every(Array.isArray)) {
    const [head = [], ...rows] = held as Json[][];
    return { kind: "table", table: { columns: head.map((each) => show(each)), rows } };
  }
  const table = asTable(held);
  return table ? { kind: "table", table } : { kind: "json" };
}

/** The whole items at the head of a list whose text breaks off; null for what is no list, or has not one whole item. */
export function firstItems(text: string): Json[] | null {
  const start = /^\s*\[/.exec(text)?.[0].length;
  if (start === undefined) return null;
  let depth = 0;
  let end = -1;
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === "," && depth === 0) end = at;
  }
  return end < 0 ? null : (parse(text.slice(0, end) + "]") as Json[]);
}

/** A value in a cell. */
export function show(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (value instanceof Digits) return value.text;
  return write(value, 0).replaceAll("\n", "");
}

/** A table as CSV, with quotes where they are needed. */
export function csvOf(table: Table): string {
  const cell = (value: Json | undefined) => {
    const text = show(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [table.columns, ...table.rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
