/** Changes of a flow's tree. Each gives a new tree, in which what did not change is the same object. */
import { allSteps, FAILURE, isLoop, listsOf, PREPROCESSOR, stepOf, withLists, type Branch, type FlowValue, type Step } from "./model";

/** A list of steps: of the flow itself (`step` null), or the n-th inside of a loop or of branches. */
export interface ListRef {
  step: string | null;
  list: number;
}

/** A place between the steps of a list: before the one that stands at `index` now. */
export interface Slot extends ListRef {
  index: number;
}

function mapLists(steps: Step[], change: (list: Step[], ref: ListRef) => Step[], ref: ListRef): Step[] {
  const changed = change(steps, ref);
  let isSame = true;
  const inner = changed.map((each) => {
    const lists = listsOf(each);
    const next = lists.map((list, index) => mapLists(list, change, { step: each.id, list: index }));
    if (next.every((list, index) => list === lists[index])) return each;
    isSame = false;
    return withLists(each, next);
  });
  return isSame ? changed : inner;
}

/** Changes every list of the tree; lists that `change` gives back stay as they are. */
function everyList(value: FlowValue, change: (list: Step[], ref: ListRef) => Step[]): FlowValue {
  const modules = mapLists(value.modules, change, { step: null, list: 0 });
  return modules === value.modules ? value : { ...value, modules };
}

/** The step `id`, changed; also where it stands outside of the order. */
export function changeStep(value: FlowValue, id: string, change: (step: Step) => Step): FlowValue {
  if (id === FAILURE && value.failure_module) return { ...value, failure_module: change(value.failure_module) };
  if (id === PREPROCESSOR && value.preprocessor_module) return { ...value, preprocessor_module: change(value.preprocessor_module) };
  return everyList(value, (list) => (list.some((each) => each.id === id) ? list.map((each) => (each.id === id ? change(each) : each)) : list));
}

export function insert(value: FlowValue, slot: Slot, ...steps: Step[]): FlowValue {
  return everyList(value, (list, ref) => (ref.step === slot.step && ref.list === slot.list ? list.toSpliced(slot.index, 0, ...steps) : list));
}

export function remove(value: FlowValue, id: string): FlowValue {
  if (id === FAILURE) return { ...value, failure_module: undefined };
  if (id === PREPROCESSOR) return { ...value, preprocessor_module: undefined };
  return everyList(value, (list) => (list.some((each) => each.id === id) ? list.filter((each) => each.id !== id) : list));
}

/** Where a step stands; undefined for the failure step, the preprocessor, and what there is not. */
export function placeOf(value: FlowValue, id: string): Slot | undefined {
  let found: Slot | undefined;
  everyList(value, (list, ref) => {
    const index = list.findIndex((each) => each.id === id);
    if (index >= 0) found = { ...ref, index };
    return list;
  });
  return found;
}

export function listAt(value: FlowValue, { step, list }: ListRef): Step[] {
  const holder = step === null ? undefined : stepOf(value, step);
  return step === null ? value.modules : ((holder && listsOf(holder)[list]) ?? []);
}

export function isWithin(value: FlowValue, id: string, around: string | null): boolean {
  const step = around === null ? undefined : stepOf(value, around);
  if (!step) return false;
  return step.id === id || listsOf(step).some((list) => list.some((each) => isWithin(value, id, each.id)));
}

/** Moves a step with all that is in it; a place inside of itself changes nothing. */
export function move(value: FlowValue, id: string, slot: Slot): FlowValue {
  const from = placeOf(value, id);
  const step = stepOf(value, id);
  if (!from || !step || (slot.step !== null && isWithin(value, slot.step, id))) return value;
  const isSameList = from.step === slot.step && from.list === slot.list;
  if (isSameList && (slot.index === from.index || slot.index === from.index + 1)) return value;
  const index = isSameList && slot.index > from.index ? slot.index - 1 : slot.index;
  return insert(remove(value, id), { ...slot, index }, step);
}

/** One place up or down in its list. */
export function shift(value: FlowValue, id: string, by: -1 | 1): FlowValue {
  const at = placeOf(value, id);
  if (!at) return value;
  const index = by < 0 ? at.index - 1 : at.index + 2;
  return index < 0 || index > listAt(value, at).length ? value : move(value, id, { ...at, index });
}

/** Copies a step behind itself; each step in it gets an id of its own. Gives the id of the copy too. */
export function duplicate(value: FlowValue, id: string): [FlowValue, string] {
  const at = placeOf(value, id);
  const step = stepOf(value, id);
  if (!at || !step) return [value, id];
  const taken = new Set(idsOf(value));
  const names = new Map<string, string>();
  const fresh = (each: Step): Step => {
    const next = freshId(taken);
    taken.add(next);
    names.set(each.id, next);
    return withLists({ ...each, id: next }, listsOf(each).map((list) => list.map(fresh)));
  };
  let copy = fresh(step);
  for (const [old, now] of names) if (old !== id) copy = renamedIn(copy, old, now);
  return [insert(value, { ...at, index: at.index + 1 }, copy), copy.id];
}

export function idsOf(value: FlowValue): string[] {
  return [...allSteps(value)].map((each) => each.id);
}

/** The first of a, b, …, z, aa, ab, … that is not taken. */
export function freshId(taken: ReadonlySet<string>): string {
  for (let number = 0; ; number++) {
    let name = "";
    for (let rest = number; rest >= 0; rest = Math.floor(rest / 26) - 1) name = String.fromCharCode(97 + (rest % 26)) + name;
    if (!taken.has(name)) return name;
  }
}

export const ID = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** Another id for a step. Expressions that name its result follow. */
export function rename(value: FlowValue, id: string, next: string): FlowValue {
  const renamed = changeStep(value, id, (step) => ({ ...step, id: next }));
  const found = { ...renamed, modules: renamed.modules.map((each) => renamedIn(each, id, next)) };
  if (found.failure_module) found.failure_module = renamedIn(found.failure_module, id, next);
  if (found.early_return === id) found.early_return = next;
  return found;
}

function renamedIn(step: Step, id: string, next: string): Step {
  return expressionsChanged(step, (text) => namedAnew(text, id, next));
}

/** `text` with `results.<id>` and `results["<id>"]` naming `next`. */
export function namedAnew(text: string, id: string, next: string): string {
  const name = id.replaceAll("-", "\\-");
  const to = /^[A-Za-z_]\w*$/.test(next) ? `.${next}` : `["${next}"]`;
  return text.replace(new RegExp(`\\bresults(\\?)?(?:\\.${name}(?![\\w$])|(?:\\?\\.|\\.)?\\[\\s*["'\`]${name}["'\`]\\s*\\])`, "g"), (_, isOptional) => `results${isOptional ? "?" : ""}${isOptional && to.startsWith("[") ? "." : ""}${to}`);
}

const EXPRESSION_KEYS = new Set(["expr", "skip_expr"]);

/** Every expression in a step, also of those inside of it, changed. */
function expressionsChanged(step: Step, change: (text: string) => string): Step {
  function walk(value: unknown, key: string): unknown {
    if (typeof value === "string") return EXPRESSION_KEYS.has(key) ? change(value) : value;
    if (Array.isArray(value)) return value.map((each) => walk(each, ""));
    if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, name === "content" || name === "value" && (value as { type?: unknown }).type === "static" ? member : walk(member, name)]));
  }
  return walk(step, "") as Step;
}

/** Another branch at the end: of `branchone` before the default. */
export function addBranch(step: Step): Step {
  const { value } = step;
  if (value.type === "branchone") return { ...step, value: { ...value, branches: [...value.branches, { summary: "", expr: "false", modules: [] }] } };
  if (value.type === "branchall") return { ...step, value: { ...value, branches: [...value.branches, { summary: "", skip_failure: false, modules: [] }] } };
  return step;
}

export function changeBranch(step: Step, index: number, change: Partial<Branch>): Step {
  const { value } = step;
  if (value.type !== "branchone" && value.type !== "branchall") return step;
  const branches = value.branches.map((each, at) => (at === index ? { ...each, ...change } : each));
  return { ...step, value: { ...value, branches } };
}

export function removeBranch(step: Step, index: number): Step {
  const { value } = step;
  if (value.type !== "branchone" && value.type !== "branchall") return step;
  return { ...step, value: { ...value, branches: value.branches.toSpliced(index, 1) } };
}

/** The containers around a step, the outermost first, each with the list that leads to it. */
export function aroundOf(value: FlowValue, id: string): ListRef[] {
  const found: ListRef[] = [];
  for (let at = placeOf(value, id); at && at.step !== null; at = placeOf(value, at.step)) found.unshift({ step: at.step, list: at.list });
  return found;
}

export interface Sight {
  /** Steps whose results an expression of the step sees, in order. */
  results: Step[];
  /** The innermost loop around it. */
  loop: Step | undefined;
  /** The step before it in its list. */
  previous: Step | undefined;
  /** The step before it waits for approvals. */
  isAfterApproval: boolean;
}

/** What the expressions of a step see. */
export function sightOf(value: FlowValue, id: string): Sight {
  if (id === FAILURE) return { results: value.modules, loop: undefined, previous: undefined, isAfterApproval: false };
  const results: Step[] = [];
  let loop: Step | undefined;
  let isAfterApproval = false;
  const at = placeOf(value, id);
  let previous: Step | undefined;
  for (const { step, list } of [{ step: null, list: 0 }, ...aroundOf(value, id)] as ListRef[]) {
    const holder = step === null ? undefined : stepOf(value, step);
    if (holder && isLoop(holder)) loop = holder;
    const steps = listAt(value, { step, list });
    const index = steps.findIndex((each) => each.id === id || isWithin(value, id, each.id));
    const before = steps.slice(0, Math.max(0, index));
    results.push(...before);
    if (at && at.step === step && at.list === list) {
      previous = before.at(-1);
      isAfterApproval = before.some((each) => each.suspend !== undefined);
    }
  }
  return { results, loop, previous, isAfterApproval };
}

/** The flow without what comes after a step: behind it, and behind what is around it. */
export function upTo(value: FlowValue, id: string): FlowValue {
  if (!placeOf(value, id)) return value;
  const around = new Set([id, ...aroundOf(value, id).map((each) => each.step)]);
  const cut = everyList(value, (list) => {
    const index = list.findIndex((each) => around.has(each.id));
    return index >= 0 && index < list.length - 1 ? list.slice(0, index + 1) : list;
  });
  if (cut.early_return === undefined || cut.modules.some((each) => each.id === cut.early_return)) return cut;
  return { ...cut, early_return: undefined };
}

/** The step that a JSON pointer into a flow's value leads into, the innermost; undefined for what is of the flow itself. */
export function stepAt(value: FlowValue, pointer: string): string | undefined {
  let found: string | undefined;
  let at: unknown = value;
  for (const part of pointer.split("/").slice(1)) {
    at = (at as Record<string, unknown> | undefined)?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
    if (typeof at !== "object" || at === null) break;
    const { id, value: inner } = at as { id?: unknown; value?: unknown };
    if (typeof id === "string" && typeof inner === "object") found = id;
  }
  if (/^\/failure_module\b/.test(pointer)) return FAILURE;
  return /^\/preprocessor_module\b/.test(pointer) ? PREPROCESSOR : found;
}

/** Every step that is drawn, in the order in which the keyboard goes through them. */
export function inOrder(value: FlowValue): string[] {
  return [...(value.preprocessor_module ? [PREPROCESSOR] : []), ...[...allSteps({ modules: value.modules })].map((each) => each.id), ...(value.failure_module ? [FAILURE] : [])];
}
