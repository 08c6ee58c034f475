/** A flow as the wire has it (OpenFlow). Members that are not known here are kept as they are. */
import type { Value } from "@/results/value";

export interface Static {
  type: "static";
  value?: Value;
}

export interface Expression {
  type: "javascript";
  expr: string;
}

export type Transform = Static | Expression;
export type Inputs = Record<string, Transform>;

export interface Branch {
  summary?: string;
  expr?: string;
  skip_failure?: boolean;
  modules: Step[];
}

export interface Limits {
  concurrent_limit?: number;
  concurrency_time_window_s?: number;
  custom_concurrency_key?: string;
  concurrency_key?: string;
}

export interface Debounce {
  debounce_delay_s?: number;
  debounce_key?: string;
  debounce_args_to_accumulate?: string[];
  max_total_debouncing_time?: number;
  max_total_debounces_amount?: number;
}

export interface InlineScript extends Limits {
  type: "rawscript";
  language: string;
  content: string;
  input_transforms?: Inputs;
  lock?: string;
  path?: string;
  tag?: string;
}

export interface DeployedScript {
  type: "script";
  path: string;
  hash?: string;
  input_transforms?: Inputs;
  tag_override?: string;
}

export interface SubFlow {
  type: "flow";
  path: string;
  input_transforms?: Inputs;
}

export interface ForLoop {
  type: "forloopflow";
  iterator: Transform;
  modules: Step[];
  skip_failures?: boolean;
  parallel?: boolean;
  parallelism?: number | Transform;
}

export interface WhileLoop {
  type: "whileloopflow";
  modules: Step[];
  skip_failures?: boolean;
}

export interface BranchOne {
  type: "branchone";
  branches: Branch[];
  default: Step[];
}

export interface BranchAll {
  type: "branchall";
  branches: Branch[];
  parallel?: boolean;
}

export interface Identity {
  type: "identity";
}

export type StepValue = InlineScript | DeployedScript | SubFlow | ForLoop | WhileLoop | BranchOne | BranchAll | Identity;

export interface Stop {
  expr: string;
  skip_if_stopped?: boolean;
  error_message?: string;
}

export interface Retry {
  constant?: { attempts?: number; seconds?: number };
  exponential?: { attempts?: number; multiplier?: number; seconds?: number; random_factor?: number };
  retry_if?: { expr: string };
}

export interface Suspend {
  required_events?: number;
  timeout?: number | Transform;
  resume_form?: { schema?: Schema };
  user_auth_required?: boolean;
  user_groups_required?: Transform;
  self_approval_disabled?: boolean;
  hide_cancel?: boolean;
  continue_on_disapprove_timeout?: boolean;
  skin?: string;
}

export interface Step {
  id: string;
  summary?: string;
  value: StepValue;
  stop_after_if?: Stop;
  stop_after_all_iters_if?: Stop;
  skip_if?: { expr: string };
  sleep?: number | Transform;
  timeout?: number | Transform;
  cache_ttl?: number;
  mock?: { enabled?: boolean; return_value?: Value };
  suspend?: Suspend;
  retry?: Retry;
  priority?: number;
  delete_after_use?: boolean;
  continue_on_error?: boolean;
}

export interface FlowValue extends Limits, Debounce {
  modules: Step[];
  failure_module?: Step;
  preprocessor_module?: Step;
  same_worker?: boolean;
  preserve_step_tags?: boolean;
  skip_expr?: string;
  cache_ttl?: number;
  flow_env?: Record<string, Value>;
  priority?: number;
  early_return?: string;
}

/** A JSON schema of arguments. */
export interface Schema {
  type?: string;
  properties?: Record<string, Property>;
  required?: string[];
  order?: string[];
  [more: string]: unknown;
}

export interface Property {
  type?: string | string[];
  format?: string;
  description?: string;
  default?: Value;
  enum?: Value[];
  [more: string]: unknown;
}

/** A flow as it is written: what a version holds. */
export interface Flow {
  summary: string;
  description: string;
  value: FlowValue;
  schema: Schema;
}

const SETTINGS = ["tag", "on_behalf_of", "labels", "priority", "timeout", "dedicated_worker", "visible_to_runner_only", "ws_error_handler_muted"];

export type More = { tag?: string; on_behalf_of?: string } & Record<string, unknown>;

/** What is deployed with a flow beside its own text. */
export const moreOf = (found: object): More => Object.fromEntries(Object.entries(found).filter(([name, value]) => SETTINGS.includes(name) && value !== null));

export const FAILURE = "failure";
export const PREPROCESSOR = "preprocessor";
export const EMPTY_SCHEMA: Schema = { type: "object", properties: {}, required: [], order: [] };

/** The same flow with every list there, also those that were left out because they are empty. */
export function normal(value: FlowValue): FlowValue {
  const found: FlowValue = { ...value, modules: (value.modules ?? []).map(normalStep) };
  for (const [name, id] of [["failure_module", FAILURE], ["preprocessor_module", PREPROCESSOR]] as const) {
    const step = value[name];
    found[name] = step ? { ...normalStep(step), id } : undefined;
  }
  return found;
}

function normalStep(step: Step): Step {
  const { value } = step;
  const list = (steps: Step[] | null | undefined) => (steps ?? []).map(normalStep);
  switch (value.type) {
    case "forloopflow":
      return { ...step, value: { ...value, iterator: value.iterator ?? { type: "javascript", expr: "" }, modules: list(value.modules) } };
    case "whileloopflow":
      return { ...step, value: { ...value, modules: list(value.modules) } };
    case "branchone":
      return { ...step, value: { ...value, branches: (value.branches ?? []).map((each) => ({ ...each, modules: list(each.modules) })), default: list(value.default) } };
    case "branchall":
      return { ...step, value: { ...value, branches: (value.branches ?? []).map((each) => ({ ...each, modules: list(each.modules) })) } };
    default:
      return step;
  }
}

/** The lists of steps inside of one: of a loop one, of branches one each, the default of `branchone` last. */
export function listsOf({ value }: Step): Step[][] {
  switch (value.type) {
    case "forloopflow":
    case "whileloopflow":
      return [value.modules];
    case "branchone":
      return [...value.branches.map((each) => each.modules), value.default];
    case "branchall":
      return value.branches.map((each) => each.modules);
    default:
      return [];
  }
}

export function isContainer(step: Step): boolean {
  return ["forloopflow", "whileloopflow", "branchone", "branchall"].includes(step.value.type);
}

export function isLoop(step: Step): boolean {
  return step.value.type === "forloopflow" || step.value.type === "whileloopflow";
}

/** The same step with other lists inside. */
export function withLists(step: Step, lists: Step[][]): Step {
  const { value } = step;
  switch (value.type) {
    case "forloopflow":
    case "whileloopflow":
      return { ...step, value: { ...value, modules: lists[0] ?? [] } };
    case "branchone":
      return { ...step, value: { ...value, branches: value.branches.map((each, index) => ({ ...each, modules: lists[index] ?? [] })), default: lists.at(-1) ?? [] } };
    case "branchall":
      return { ...step, value: { ...value, branches: value.branches.map((each, index) => ({ ...each, modules: lists[index] ?? [] })) } };
    default:
      return step;
  }
}

/** Every step at any depth in the order of the text; the failure step and the preprocessor last. */
export function* allSteps(value: FlowValue): Generator<Step> {
  yield* below(value.modules);
  if (value.failure_module) yield* below([value.failure_module]);
  if (value.preprocessor_module) yield* below([value.preprocessor_module]);
}

function* below(steps: Step[]): Generator<Step> {
  for (const each of steps) {
    yield each;
    for (const inner of listsOf(each)) yield* below(inner);
  }
}

export function stepOf(value: FlowValue, id: string): Step | undefined {
  for (const each of allSteps(value)) if (each.id === id) return each;
  return undefined;
}

export function inputsOf(step: Step): Inputs {
  return ("input_transforms" in step.value ? step.value.input_transforms : undefined) ?? {};
}

/** The name of a step for people. */
export function nameOf(step: Step): string {
  if (step.summary) return step.summary;
  switch (step.value.type) {
    case "rawscript":
      return step.suspend ? "Approval" : (LANGUAGES[step.value.language] ?? step.value.language);
    case "script":
    case "flow":
      return step.value.path.split("/").at(-1) || "Nothing chosen yet";
    case "forloopflow":
      return "For each";
    case "whileloopflow":
      return "While";
    case "branchone":
      return "One branch";
    case "branchall":
      return "All branches";
    case "identity":
      return "Pass on";
  }
}

export const LANGUAGES: Record<string, string> = {
  python3: "Python", bash: "Bash", postgresql: "PostgreSQL", mysql: "MySQL", mssql: "SQL Server", oracledb: "Oracle", bigquery: "BigQuery",
  snowflake: "Snowflake", clickhouse: "ClickHouse", duckdb: "DuckDB", mongodb: "MongoDB", redis: "Redis", deno: "TypeScript (Deno)", bun: "TypeScript (Bun)",
};
