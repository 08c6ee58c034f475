/** Plans of databases as one tree of steps, whatever form they come in. */
export interface PlanStep {
  name: string;
  /** What it works on, and how. */
  detail: string;
  /** As the database counts; of plans that were run, milliseconds. */
  cost?: number;
  rows?: number;
  children: PlanStep[];
}

export interface PlanTree {
  steps: PlanStep[];
  /** Whether costs are times. */
  hasRun: boolean;
}

type Members = { [name: string]: unknown };

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null && !Array.isArray(value);

/** Null where the plan is of no form that is known: it is shown as it is. */
export function planTree(form: string, text: string): PlanTree | null {
  if (form === "xml") return ofShowplan(text);
  if (form !== "json") return null;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  const first: unknown = Array.isArray(found) ? found[0] : found;
  if (!isMembers(first)) return null;
  if (isMembers(first.Plan)) {
    const plan = first.Plan;
    const hasRun = "Actual Total Time" in plan;
    return { steps: [ofNode(plan, hasRun)], hasRun };
  }
  if (isMembers(first.query_block)) {
    const hasRun = JSON.stringify(first).includes('"r_total_time_ms"');
    return { steps: ofBlock(first.query_block, hasRun), hasRun };
  }
  const ran = isMembers(first.executionStats) ? first.executionStats.executionStages : undefined;
  if (isMembers(ran)) return { steps: [ofStage(ran, true)], hasRun: true };
  const winning = isMembers(first.queryPlanner) ? first.queryPlanner.winningPlan : undefined;
  return isMembers(winning) ? { steps: [ofStage(isMembers(winning.queryPlan) ? winning.queryPlan : winning, false)], hasRun: false } : null;
}

function textsOf(members: Members, names: readonly string[]): string {
  return names.flatMap((name) => (typeof members[name] === "string" ? [members[name]] : [])).join(" · ");
}

function numberOf(members: Members, ...names: string[]): number | undefined {
  for (const name of names) {
    const value = Number(members[name]);
    if (members[name] !== undefined && Number.isFinite(value)) return value;
  }
  return undefined;
}

function listOf(value: unknown): Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : [];
}

/** Leaves out what is not there, as the types want it. */
function step(name: string, detail: string, cost: number | undefined, rows: number | undefined, children: PlanStep[]): PlanStep {
  return { name, detail, children, ...(cost === undefined ? {} : { cost }), ...(rows === undefined ? {} : { rows }) };
}

/** Of Postgres and ClickHouse. */
function ofNode(node: Members, hasRun: boolean): PlanStep {
  const loops = numberOf(node, "Actual Loops") ?? 1;
  const time = numberOf(node, "Actual Total Time");
  const rows = numberOf(node, hasRun ? "Actual Rows" : "Plan Rows");
  return step(
    textsOf(node, ["Node Type"]),
    textsOf(node, ["Relation Name", "Index Name", "Join Type", "Index Cond", "Hash Cond", "Filter", "Description"]),
    hasRun ? (time === undefined ? undefined : time * loops) : numberOf(node, "Total Cost"),
    rows === undefined ? undefined : rows * (hasRun ? loops : 1),
    listOf(node.Plans).map((each) => ofNode(each, hasRun)),
  );
}

const OPERATIONS = ["ordering_operation", "grouping_operation", "duplicates_removal", "windowing", "filesort", "temporary_table", "buffer_result", "read_sorted_file", "block-nl-join", "materialized", "query_block", "subqueries", "attached_subqueries", "nested_loop", "query_specifications", "union_result"];

/** Of MySQL and MariaDB: operations around tables. */
function ofBlock(block: Members, hasRun: boolean): PlanStep[] {
  const found: PlanStep[] = [];
  if (isMembers(block.table)) {
    const table = block.table;
    const cost = isMembers(table.cost_info) ? numberOf(table.cost_info, "prefix_cost") : numberOf(table, "cost");
    found.push(
      step(
        `Read ${textsOf(table, ["table_name"])}`,
        textsOf(table, ["access_type", "key", "attached_condition"]),
        hasRun ? timeOf(table) : cost,
        hasRun ? rowsOf(table) : numberOf(table, "rows_examined_per_scan", "rows"),
        ofBlock(table, hasRun),
      ),
    );
  }
  for (const name of OPERATIONS) {
    const inner = block[name];
    const parts = Array.isArray(inner) ? listOf(inner) : isMembers(inner) ? [inner] : [];
    if (parts.length === 0) continue;
    const children = parts.flatMap((each) => ofBlock(each, hasRun));
    const isPlain = name === "nested_loop" && children.length === 1;
    const own = isMembers(inner) && isMembers(inner.cost_info) ? numberOf(inner.cost_info, "query_cost", "sort_cost") : undefined;
    if (isPlain) found.push(...children);
    else found.push(step(name.replaceAll("_", " "), "", own, undefined, children));
  }
  return found;
}

/** MariaDB tells what reading the table took, and what was done with its rows; older ones both together. */
function timeOf(table: Members): number | undefined {
  const reading = numberOf(table, "r_table_time_ms");
  return reading === undefined ? numberOf(table, "r_total_time_ms") : reading + (numberOf(table, "r_other_time_ms") ?? 0);
}

/** Of all loops; each is told by their mean. */
function rowsOf(table: Members): number | undefined {
  const rows = numberOf(table, "r_rows");
  return rows === undefined ? undefined : rows * (numberOf(table, "r_loops") ?? 1);
}

/** Of MongoDB. */
function ofStage(stage: Members, hasRun: boolean): PlanStep {
  const inner = [...(isMembers(stage.inputStage) ? [stage.inputStage] : []), ...listOf(stage.inputStages)];
  const filter = stage.filter === undefined ? "" : JSON.stringify(stage.filter);
  return step(
    textsOf(stage, ["stage"]),
    [textsOf(stage, ["indexName", "direction"]), filter].filter(Boolean).join(" · "),
    hasRun ? numberOf(stage, "executionTimeMillisEstimate") : undefined,
    hasRun ? numberOf(stage, "nReturned") : undefined,
    inner.map((each) => ofStage(each, hasRun)),
  );
}

/** Of SQL Server. */
function ofShowplan(text: string): PlanTree | null {
  const document = new DOMParser().parseFromString(text, "application/xml");
  const all = [...document.getElementsByTagName("RelOp")];
  if (all.length === 0) return null;
  const hasRun = document.getElementsByTagName("RunTimeCountersPerThread").length > 0;
  const above = (element: Element) => element.parentElement?.closest("RelOp") ?? null;
  const of = (element: Element): PlanStep => {
    const attribute = (name: string) => element.getAttribute(name) ?? "";
    const object = [...element.getElementsByTagName("Object")].find((each) => above(each) === element);
    const ran = [...element.getElementsByTagName("RunTimeCountersPerThread")].filter((each) => above(each) === element);
    const counted = (name: string) => ran.map((each) => Number(each.getAttribute(name)));
    const rows = ran.length > 0 ? counted("ActualRows").reduce((sum, each) => sum + each, 0) : Number(attribute("EstimateRows"));
    const cost = hasRun ? (ran.length > 0 ? Math.max(...counted("ActualElapsedms")) : undefined) : Number(attribute("EstimatedTotalSubtreeCost")) || undefined;
    return step(
      attribute("PhysicalOp"),
      [attribute("LogicalOp") === attribute("PhysicalOp") ? "" : attribute("LogicalOp"), object?.getAttribute("Table") ?? "", object?.getAttribute("Index") ?? ""].filter(Boolean).join(" · "),
      cost,
      Number.isFinite(rows) ? rows : undefined,
      all.filter((each) => above(each) === element).map(of),
    );
  };
  return { steps: all.filter((each) => above(each) === null).map(of), hasRun };
}
