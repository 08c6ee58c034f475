/** What an archive of a workspace holds: as Windmill's API packs it (JSON), or as its command line lays it out (YAML). */
import { parseDocument, visit } from "yaml";

import { Digits, isObject, parse, type Json } from "@/results/shape";

import type { Files } from "./archive";

export type Kind = "folder" | "resource type" | "variable" | "resource" | "script" | "flow" | "schedule";

export const KINDS: readonly Kind[] = ["folder", "resource type", "variable", "resource", "script", "flow", "schedule"];

export type Body = { [key: string]: Json };

export interface Item {
  kind: Kind;
  /** The name of folders and types. */
  path: string;
  body: Body;
  /** Why it cannot be imported; "" where it can. */
  fault: string;
}

export interface Contents {
  items: Item[];
  /** Files of things that there are none of here. */
  left: { file: string; why: string }[];
}

/** The longest endings first: `.duckdb.sql` before `.sql`. */
const LANGUAGES: readonly [string, string][] = [
  [".playbook.yml", "ansible"], [".duckdb.sql", "duckdb"], [".deno.ts", "deno"], [".bun.ts", "bun"], [".fetch.ts", "nativets"],
  [".pg.sql", "postgresql"], [".my.sql", "mysql"], [".bq.sql", "bigquery"], [".sf.sql", "snowflake"], [".ms.sql", "mssql"], [".odb.sql", "oracledb"],
  [".gql", "graphql"], [".ps1", "powershell"], [".php", "php"], [".go", "go"], [".rs", "rust"], [".cs", "csharp"], [".nu", "nu"], [".java", "java"], [".rb", "ruby"],
  [".py", "python3"], [".sh", "bash"], [".ts", "bun"], [".r", "rlang"],
];

const OTHERS: readonly [RegExp, string][] = [
  [/\.(raw_)?app(\.json|\/)|__(raw_)?app\//, "Apps are not part of Tidemill."],
  [/_trigger\.(json|yaml)$/, "Triggers of this kind are not part of Tidemill."],
  [/^users\//, "Members are added in Members, so that each has an account."],
  [/^groups\//, "Groups are made in Groups."],
  [/^(settings|encryption_key)\./, "Settings are made by hand."],
  [/^dependencies\//, "Dependencies of a workspace are written into each script here (# requirements:)."],
  [/^migrations\//, "Migrations of data tables are run where the table is."],
];

const META = /^(.+)\.(script|flow|resource|variable|schedule|resource-type)\.(json|yaml)$/;
const FLOW_FOLDER = /^(.+)(?:\.flow|__flow)\/flow\.(yaml|json)$/;
const FOLDER = /^f\/([^/]+)\/folder\.meta\.(json|yaml)$/;
const IGNORED = /(^|\/)(\.[^/]+|wmill\.yaml|wmill-lock\.yaml|README[^/]*|rt\.d\.ts|tsconfig\.json|deno\.json|package(-lock)?\.json|AGENTS\.md|CLAUDE\.md)($|\/)/;

const TEXT = new TextDecoder();

export function contentsOf(packed: Files): Contents {
  const files = withoutTop(packed);
  const texts = (name: string) => (files.has(name) ? TEXT.decode(files.get(name)) : undefined);
  const read = (name: string) => {
    const text = texts(name)!;
    const found = name.endsWith(".json") ? parseJson(text) : parseYaml(text);
    if (!isObject(found)) throw new Error("it is no object");
    return found;
  };
  const used = new Set<string>();
  const items: Item[] = [];
  const left: Contents["left"] = [];
  for (const name of files.keys()) {
    if (IGNORED.test(name)) continue;
    const other = OTHERS.find(([pattern]) => pattern.test(name));
    if (other) {
      left.push({ file: name, why: other[1] });
      continue;
    }
    try {
      const item = itemOf(name, { files, read, texts, used });
      if (item) items.push(item);
    } catch (error) {
      left.push({ file: name, why: `It cannot be read: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  const known = new Set([...used, ...left.map((each) => each.file)]);
  const rest = [...files.keys()].filter((name) => !known.has(name) && !IGNORED.test(name));
  return { items: withFolders(items), left: [...left, ...rest.map((file) => ({ file, why: "It belongs to nothing that is known here." }))] };
}

function parseJson(text: string): Json {
  JSON.parse(text); // says what is wrong with it
  return parse(text);
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** As JSON would say it: numbers keep their digits. */
function parseYaml(text: string): Json {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw document.errors[0]!;
  visit(document, {
    Scalar(key, node) {
      if (key !== "key" && typeof node.value === "number" && NUMBER.test(node.source ?? "")) node.value = new Digits(node.source!);
    },
  });
  return document.toJS() as Json;
}

interface Reading {
  files: Files;
  read: (name: string) => Body;
  texts: (name: string) => string | undefined;
  used: Set<string>;
}

function itemOf(name: string, reading: Reading): Item | undefined {
  const { read, used } = reading;
  const folder = FOLDER.exec(name);
  if (folder) {
    used.add(name);
    const { summary = "", display_name = "", owners = [], extra_perms = {} } = read(name);
    return { kind: "folder", path: folder[1]!, body: { summary, display_name, owners, extra_perms }, fault: "" };
  }
  const flow = FLOW_FOLDER.exec(name);
  if (flow) {
    used.add(name);
    const body = inlined(read(name), reading, name.slice(0, name.lastIndexOf("/") + 1)) as Body;
    return { kind: "flow", path: flow[1]!, body, fault: "" };
  }
  const meta = META.exec(name);
  if (!meta) return undefined;
  used.add(name);
  const [, path = "", kind] = meta;
  const body = inlined(read(name), reading, "") as Body;
  if (kind === "script") return scriptOf(path, body, reading);
  if (kind === "resource-type") return { kind: "resource type", path, body, fault: "" };
  if (kind === "variable") return { kind, path, body, fault: body.is_secret === true && isSealed(body.value) ? "Its value is sealed by Windmill. Fetch it from the running instance, or pull with --plain-secrets." : "" };
  return { kind: kind as Kind, path, body, fault: "" };
}

function scriptOf(path: string, body: Body, { files, texts, used }: Reading): Item {
  const found = LANGUAGES.find(([ending]) => files.has(path + ending));
  if (!found) return { kind: "script", path, body, fault: "Its source is not in the archive." };
  const [ending, language] = found;
  used.add(path + ending);
  const fault = body.codebase ? "It is bundled from a codebase, which is not part of Tidemill." : body.modules ? "It has modules, which are not part of Tidemill." : "";
  return { kind: "script", path, body: { ...body, language, content: texts(path + ending)! }, fault };
}

/** Puts in what `!inline <file>` stands for: below the root, or beside the file that says it. */
function inlined(value: Json, reading: Reading, beside: string): Json {
  if (typeof value === "string" && value.startsWith("!inline ")) {
    const name = value.slice(8).trim();
    const file = [beside + name, name].find((each) => reading.files.has(each));
    if (file === undefined) throw new Error(`${name}, which it names, is not in the archive.`);
    reading.used.add(file);
    return reading.texts(file)!;
  }
  if (Array.isArray(value)) return value.map((each) => inlined(each, reading, beside));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, inlined(member, reading, beside)]));
  return value;
}

/** Windmill's ciphertext: base64 of whole blocks, or what another key holder keeps. */
function isSealed(value: Json | undefined): boolean {
  if (typeof value !== "string" || value === "") return false;
  if (/^\$(vault|aws_sm|azure_kv):/.test(value)) return true;
  return value.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value) && ((value.length / 4) * 3 - (value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0)) % 16 === 0;
}

/** Archives of a folder have all in that folder. */
function withoutTop(files: Files): Files {
  const names = [...files.keys()].map((each) => each.replace(/^\.\//, ""));
  const top = names[0]?.split("/")[0] ?? "";
  const isBelow = names.length > 0 && names.every((each) => each.startsWith(`${top}/`)) && top !== "f" && top !== "u";
  return new Map([...files].map(([name, bytes]) => [name.replace(/^\.\//, "").slice(isBelow ? top.length + 1 : 0), bytes]));
}

/** Folders that things lie in come first, also those that nothing is said of. */
function withFolders(items: Item[]): Item[] {
  const told = new Set(items.filter((each) => each.kind === "folder").map((each) => each.path));
  const needed = new Set(items.flatMap((each) => (each.path.startsWith("f/") ? [each.path.split("/")[1]!] : [])));
  const made: Item[] = [...needed].filter((each) => !told.has(each)).map((path) => ({ kind: "folder", path, body: { summary: "", owners: [], extra_perms: {} }, fault: "" }));
  return [...made, ...items].sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || (one.path < other.path ? -1 : 1));
}
