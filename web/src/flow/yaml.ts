/** A flow as YAML text and back, each number with its digits; faults are told with their line. */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, stringify, type Document, type Node, type ScalarTag } from "yaml";

import { Digits } from "@/results/shape";

import { EMPTY_SCHEMA, normal, type Flow, type FlowValue, type Schema } from "./model";

export interface Fault {
  /** From 1. */
  line: number;
  message: string;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Numbers that JavaScript would write otherwise. */
const EXACT: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: NUMBER,
  identify: (value) => value instanceof Digits,
  resolve: (text) => (String(Number(text)) === text ? Number(text) : new Digits(text)),
  stringify: ({ value }) => (value instanceof Digits ? value.text : String(value)),
};

const WIDE = { lineWidth: 0, aliasDuplicateObjects: false };

/** YAML of any value; members that are undefined are left out. */
export function yamlOf(value: unknown): string {
  return stringify(value, { ...WIDE, customTags: (tags) => [EXACT, ...tags], defaultStringType: "PLAIN" });
}

export function writeYaml({ summary, description, value, schema }: Flow): string {
  return yamlOf({ summary, ...(description ? { description } : {}), value, schema });
}

export type Read = { flow: Flow; faults: [] } | { flow: undefined; faults: Fault[] };

export function readYaml(text: string): Read {
  const lines = new LineCounter();
  const document = parse(text, lines);
  const lineAt = (node: unknown) => (isNode(node) && node.range ? lines.linePos(node.range[0]).line : 1);
  if (document.errors.length) {
    return { flow: undefined, faults: document.errors.map((each) => ({ line: each.linePos?.[0].line ?? 1, message: each.message.split(" at line ")[0]! })) };
  }
  const faults: Fault[] = [];
  checkFlow(document.contents, (node, message) => faults.push({ line: lineAt(node), message }));
  if (faults.length) return { flow: undefined, faults };
  const found = document.toJS({ maxAliasCount: 100 }) as { summary?: unknown; description?: unknown; value: FlowValue; schema?: Schema };
  return { flow: { summary: String(found.summary ?? ""), description: String(found.description ?? ""), value: normal(found.value), schema: found.schema ?? EMPTY_SCHEMA }, faults: [] };
}

function parse(text: string, lines: LineCounter): Document {
  return parseDocument(text, { lineCounter: lines, customTags: (tags) => [EXACT, ...tags.filter((each) => typeof each === "string" || !["tag:yaml.org,2002:int", "tag:yaml.org,2002:float"].includes(each.tag) || (each as ScalarTag).format !== undefined)], prettyErrors: true });
}

type Tell = (node: unknown, message: string) => void;

function checkFlow(root: Node | null, tell: Tell): void {
  if (!isMap(root)) return tell(root, "A flow is an object with summary, value and schema.");
  const value = root.get("value", true);
  if (!isMap(value)) return tell(value ?? root, "value must be an object with modules.");
  const schema = root.get("schema", true);
  if (schema !== undefined && !isMap(schema) && !(isScalar(schema) && schema.value === null)) tell(schema, "schema must be an object.");
  checkSteps(value.get("modules", true), value, tell, new Map());
  for (const name of ["failure_module", "preprocessor_module"]) {
    const step = value.get(name, true);
    if (step !== undefined && !(isScalar(step) && step.value === null)) checkStep(step, tell, new Map());
  }
}

function checkSteps(list: unknown, holder: unknown, tell: Tell, ids: Map<string, unknown>): void {
  if (!isSeq(list)) return tell(list ?? holder, "modules must be a list of steps.");
  for (const each of list.items) checkStep(each, tell, ids);
}

const KINDS = new Set(["rawscript", "script", "flow", "forloopflow", "whileloopflow", "branchone", "branchall", "identity"]);

function checkStep(step: unknown, tell: Tell, ids: Map<string, unknown>): void {
  if (!isMap(step)) return tell(step, "A step is an object with id and value.");
  const id = step.get("id");
  if (typeof id !== "string") tell(step, "The step has no id: give it a text.");
  else if (ids.has(id)) tell(step.get("id", true), `The id ${id} is taken twice.`);
  else ids.set(id, step);
  const value = step.get("value", true);
  if (!isMap(value)) return tell(value ?? step, "The step has no value.");
  const type = value.get("type");
  if (typeof type !== "string" || !KINDS.has(type)) return tell(value.get("type", true) ?? value, `The type ${String(type)} is no kind of step. Known are: ${[...KINDS].join(", ")}.`);
  if (type === "forloopflow" || type === "whileloopflow") checkSteps(value.get("modules", true), value, tell, ids);
  if (type === "forloopflow" && !isMap(value.get("iterator", true))) tell(value, "The loop has no iterator.");
  if (type === "branchone" || type === "branchall") {
    const branches = value.get("branches", true);
    if (!isSeq(branches)) tell(branches ?? value, "branches must be a list.");
    else for (const each of branches.items) checkSteps(isMap(each) ? each.get("modules", true) : each, each, tell, ids);
  }
  if (type === "branchone" && value.has("default")) checkSteps(value.get("default", true), value, tell, ids);
}

/** For each JSON pointer into the flow's value the line of what it leads to, or of the nearest thing around that. */
export function linesOf(text: string, pointers: readonly string[]): number[] {
  if (pointers.length === 0) return [];
  const lines = new LineCounter();
  const document = parse(text, lines);
  return pointers.map((pointer) => {
    const path: (string | number)[] = ["value", ...pointer.split("/").slice(1).map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll("~1", "/").replaceAll("~0", "~")))];
    for (; path.length; path.pop()) {
      const node = document.getIn(path, true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  });
}
