/** How far a flow is, as the wire has it, and what that means for each step of its picture. */
import type { StepState } from "./look";
import { FAILURE, listsOf, PREPROCESSOR, stepOf, type FlowValue, type Step } from "./model";

export interface ModuleStatus {
  id: string;
  type: string;
  job?: string;
  skipped?: boolean;
  flow_jobs?: string[];
  flow_jobs_success?: (boolean | null)[];
  flow_jobs_duration?: { duration_ms: (number | null)[] };
  iterator?: { index: number; itered_len?: number };
  branch_chosen?: { type: string; branch?: number };
  failed_retries?: string[];
  approvers?: { resume_id: number; approver: string }[];
}

export interface FlowStatus {
  modules: ModuleStatus[];
  failure_module: ModuleStatus;
  preprocessor_module?: ModuleStatus;
}

/** What is needed of a level's job. */
export interface Level {
  status?: FlowStatus;
  hasEnded: boolean;
  isCanceled: boolean;
}

export interface Children {
  jobs: string[];
  success: (boolean | null)[];
  durations: (number | null)[];
  /** Of a loop, once that is known. */
  total?: number;
  /** Which one the picture shows inside. */
  picked: number;
}

/** A step in a run. */
export interface StepRun {
  state: StepState;
  /** The job of the level that it belongs to. */
  level: string;
  job?: string;
  children?: Children;
  retries: string[];
  approvers: string[];
  /** Which list of a `branchone` was chosen. */
  branch?: number;
}

export interface Standing {
  steps: Map<string, StepRun>;
  /** The jobs of levels below the flow that the picture shows, known or not. */
  levels: string[];
}

/** Which iteration of a loop is looked at, by the id of its step. */
export type Picks = Readonly<Record<string, number>>;

/** Goes through the levels that the picture shows; `levelOf` gives what is known of one. */
export function standingOf(value: FlowValue, root: string, levelOf: (job: string) => Level | undefined, picks: Picks): Standing {
  const steps = new Map<string, StepRun>();
  const levels: string[] = [];

  function level(list: Step[], job: string) {
    const found = levelOf(job);
    if (!found?.status) return;
    const modules = new Map(found.status.modules.map((each) => [each.id, each]));
    const asking = askingOf(found.status.modules);
    for (const each of list) {
      const module = modules.get(each.id);
      if (!module) continue;
      const state = module === asking?.waits && module !== asking.asks ? "waiting" : stateOf(module, found, module === asking?.asks);
      step(each, module, state, job);
    }
  }

  function step(each: Step, module: ModuleStatus, state: StepState, job: string) {
    const run: StepRun = { state, level: job, job: state === "waiting" ? undefined : module.job, retries: module.failed_retries ?? [], approvers: (module.approvers ?? []).map((one) => one.approver) };
    steps.set(each.id, run);
    const lists = listsOf(each);
    if (lists.length === 0) return;
    if (each.value.type === "branchone") {
      const chosen = module.branch_chosen;
      if (!chosen) return;
      run.branch = chosen.type === "default" ? lists.length - 1 : (chosen.branch ?? 0);
      if (run.job) below(lists[run.branch] ?? [], run.job);
      return;
    }
    const jobs = module.flow_jobs ?? [];
    const success = module.flow_jobs_success ?? [];
    run.children = { jobs, success, durations: module.flow_jobs_duration?.duration_ms ?? [], total: module.iterator?.itered_len, picked: 0 };
    if (each.value.type === "branchall") {
      lists.forEach((list, index) => jobs[index] !== undefined && below(list, jobs[index]));
      return;
    }
    run.children.picked = pickedOf(run.children, picks[each.id]);
    const picked = jobs[run.children.picked];
    if (picked !== undefined) below(lists[0] ?? [], picked);
  }

  function below(list: Step[], job: string) {
    levels.push(job);
    level(list, job);
  }

  level(value.modules, root);
  const top = levelOf(root);
  for (const [id, module] of [[FAILURE, top?.status?.failure_module], [PREPROCESSOR, top?.status?.preprocessor_module]] as const) {
    const each = stepOf(value, id);
    if (each && module && top) step(each, module, stateOf(module, top, false), root);
  }
  return { steps, levels };
}

/** The one that was picked, else the first that failed, else the newest. */
function pickedOf({ jobs, success }: Pick<Children, "jobs" | "success">, pick: number | undefined): number {
  if (pick !== undefined && pick < jobs.length) return pick;
  const failed = success.indexOf(false);
  return failed >= 0 ? failed : Math.max(0, jobs.length - 1);
}

/** The wire tells that a level waits at the step behind the one that asks. */
function askingOf(modules: ModuleStatus[]): { asks: ModuleStatus; waits: ModuleStatus } | undefined {
  const waits = modules.find((each) => each.type === "WaitingForEvents");
  if (!waits) return undefined;
  return { waits, asks: modules.find((each) => each !== waits && each.job !== undefined && each.job === waits.job) ?? waits };
}

function stateOf(module: ModuleStatus, level: Level, asks: boolean): StepState {
  const isOver = level.hasEnded;
  switch (module.type) {
    case "WaitingForPriorSteps":
      return "waiting";
    case "Failure":
      return "failure";
    case "Success":
      return asks && !isOver ? "asks" : module.skipped ? "skipped" : "success";
    case "WaitingForEvents":
      return isOver ? "canceled" : "asks";
    default:
      return isOver ? "canceled" : "running";
  }
}

export interface RestartAt {
  step_id: string;
  branch_or_iteration_n?: number;
  nested_path?: RestartAt[];
}

/** Where a flow is started again to begin at a step of the picture, from the outside in; `child`: at which iteration or branch of it. */
export function restartPath(value: FlowValue, standing: Standing, around: { step: string | null; list: number }[], id: string, child?: number): RestartAt[] {
  const path: RestartAt[] = around.map(({ step, list }) => {
    const holder = stepOf(value, step!)!;
    if (holder.value.type === "branchone") return { step_id: holder.id };
    return { step_id: holder.id, branch_or_iteration_n: holder.value.type === "branchall" ? list : (standing.steps.get(holder.id)?.children?.picked ?? 0) };
  });
  path.push(child === undefined ? { step_id: id } : { step_id: id, branch_or_iteration_n: child });
  return path;
}

/** The same as the server takes it. */
export function restartAt([first, ...rest]: RestartAt[]): RestartAt {
  return rest.length ? { ...first!, nested_path: rest } : first!;
}
