/** What the names of an expression stood for in an earlier run, each loaded when it is asked for. */
import { useQuery } from "@tanstack/react-query";

import { sightOf, type Sight } from "@/flow/edit";
import { FAILURE, inputsOf, isLoop, stepOf, type Step } from "@/flow/model";
import { argsQuery } from "@/job/queries";
import { readValue, type Value } from "@/results/value";

import { namesQuery, resultOfQuery } from "../queries";
import { namesOf } from "./arguments";
import { useScope } from "./scope";
import { membersOf, reached, type Key, type Known, type Written } from "./suggest";

/** More that can be named in some expressions, with a word on each. */
export type Names = Record<string, string>;

export const OF_INPUTS: Names = { params: "its inputs that are fixed" };
export const OF_RESULT: Names = { result: "what it gave" };
export const OF_LOOPS: Names = { ...OF_RESULT, all_iters: "the results of all so far" };
export const OF_FAILURE: Names = { ...OF_RESULT, error: "name, message, stack" };

/** All names that an expression can begin with. */
export function useTopNames(names: Names): Known[] {
  const { value, step } = useScope();
  const sight = sightOf(value, step);
  return [
    ...Object.entries(names).map(([name, note]) => ({ name, note })),
    ...(step === FAILURE ? [{ name: "error", note: "name, message, stack, step_id" }] : []),
    { name: "flow_input", note: "what the flow was started with" },
    ...(sight.results.length > 0 ? [{ name: "results", note: "of earlier steps" }, { name: "previous_result", note: "of the step before" }] : []),
    ...(sight.isAfterApproval ? [{ name: "resume", note: "what was sent with the approval" }, { name: "resumes", note: "with each of them" }, { name: "approvers", note: "who approved" }] : []),
    ...(value.flow_env ? [{ name: "flow_env", note: "the constants of the flow" }] : []),
    { name: "variable", note: "by its path", isCall: true },
    { name: "resource", note: "by its path", isCall: true },
  ];
}

/** What can stand where something is being written. */
export function useKnown(written: Written | undefined, names: Names): Known[] {
  const { workspace, value, schema, step } = useScope();
  const top = useTopNames(names);
  const path = written?.kind === "name" ? written.path : [];
  const sample = useSample(path);
  const stored = useQuery({ ...namesQuery(workspace), enabled: written?.kind === "stored" });
  if (written === undefined) return [];
  if (written.kind === "stored") return (stored.data?.[written.of] ?? []).map((name) => ({ name }));
  if (path.length === 0) return top;
  const isOne = path.length === 1;
  if (isOne && path[0] === "results") return sightOf(value, step).results.toReversed().map((each) => ({ name: each.id, note: each.summary ?? "" }));
  const seen = membersOf(sample);
  if (isOne && path[0] === "flow_input") {
    const asked = namesOf(schema).map((name) => ({ name, note: schema.properties?.[name]?.description, value: reached(sample, [name]) }));
    return [...asked, ...(sightOf(value, step).loop ? [{ name: "iter", note: "of this iteration" }] : [])];
  }
  if (path.length === 2 && path[0] === "flow_input" && path[1] === "iter") return [{ name: "value", note: "the item", value: reached(sample, ["value"]) }, { name: "index", note: "its number, from 0" }];
  return seen;
}

/** The value at a path that begins with a name; undefined where no run has shown one. */
export function useSample(path: readonly Key[]): Value | undefined {
  const { workspace, value, step, sample } = useScope();
  const [name, second, ...rest] = path;
  const sight = sightOf(value, step);
  const own = stepOf(value, step);
  const isIter = name === "flow_input" && second === "iter";
  const of = name === "results" ? String(second) : name === "previous_result" ? sight.previous?.id : name === "all_iters" || name === "result" ? own?.id : undefined;
  const args = useQuery({ ...argsQuery(workspace, sample?.job ?? ""), enabled: sample !== undefined && name === "flow_input" && !isIter });
  const iteration = iterationOf(sight, sample);
  const iter = useQuery({ ...argsQuery(workspace, iteration ?? ""), enabled: iteration !== undefined && isIter });
  const run = of === undefined ? undefined : sample?.running.steps.get(of);
  const hasResult = run?.state === "success" || run?.state === "skipped";
  const result = useQuery({ ...resultOfQuery(workspace, run?.level ?? "", of ?? ""), enabled: hasResult });
  const behind = path.slice(1);
  if (isIter) return reached(read(iter.data), ["iter", ...rest]);
  if (name === "flow_input") return reached(read(args.data), behind);
  if (name === "results") return second === undefined ? undefined : reached(read(result.data), rest);
  if (name === "previous_result" || name === "all_iters") return reached(read(result.data), behind);
  if (name === "result") return own && isLoop(own) ? undefined : reached(read(result.data), behind);
  if (name === "params") return reached(own && fixedOf(own), behind);
  return name === "flow_env" ? reached(value.flow_env as Value | undefined, behind) : undefined;
}

function read(text: string | undefined): Value | undefined {
  return text === undefined ? undefined : readValue(text);
}

/** The job of the iteration that is looked at. */
function iterationOf({ loop }: Sight, sample: ReturnType<typeof useScope>["sample"]): string | undefined {
  const children = loop && sample?.running.steps.get(loop.id)?.children;
  return children?.jobs[children.picked];
}

function fixedOf(step: Step): Value | undefined {
  const fixed = Object.entries(inputsOf(step)).flatMap(([name, each]) => (each.type === "static" && each.value !== undefined ? [[name, each.value] as const] : []));
  return fixed.length > 0 ? Object.fromEntries(fixed) : undefined;
}
