import { expect, test } from "vitest";

import { aroundOf } from "./edit";
import type { FlowValue, Step } from "./model";
import { restartAt, restartPath, standingOf, type Level, type ModuleStatus } from "./status";

const leaf = (id: string): Step => ({ id, value: { type: "identity" } });
const FLOW: FlowValue = {
  modules: [
    leaf("a"),
    { id: "loop", value: { type: "forloopflow", iterator: { type: "static", value: [1, 2, 3] }, modules: [{ id: "one", value: { type: "branchone", branches: [{ expr: "true", modules: [leaf("b")] }], default: [leaf("c")] } }] } },
    { id: "all", value: { type: "branchall", branches: [{ modules: [leaf("x")] }, { modules: [leaf("y")] }] } },
  ],
};

const WAITS = "WaitingForPriorSteps";
const failure = { id: "failure", type: WAITS };

function level(modules: ModuleStatus[], more: Partial<Level> = {}): Level {
  return { status: { modules, failure_module: failure }, hasEnded: false, isCanceled: false, ...more };
}

const LEVELS: Record<string, Level> = {
  root: level([
    { id: "a", type: "Success", job: "A" },
    { id: "loop", type: "Failure", flow_jobs: ["I0", "I1", "I2"], flow_jobs_success: [true, false, null], iterator: { index: 2, itered_len: 3 } },
    { id: "all", type: WAITS },
  ], { hasEnded: true }),
  I1: level([{ id: "one", type: "InProgress", job: "B1", branch_chosen: { type: "default" } }], { hasEnded: true }),
  I2: level([{ id: "one", type: "Success", job: "B2", branch_chosen: { type: "branch", branch: 0 } }]),
  B1: level([{ id: "c", type: "Failure", job: "C", failed_retries: ["C0"] }], { hasEnded: true }),
  B2: level([{ id: "b", type: "Success", job: "B", skipped: true }]),
};

test("the failed iteration is shown, unless another was picked", () => {
  const shown = standingOf(FLOW, "root", (job) => LEVELS[job], {});
  expect(shown.levels).toEqual(["I1", "B1"]);
  expect(shown.steps.get("loop")?.children).toMatchObject({ picked: 1, total: 3 });
  expect(shown.steps.get("one")).toMatchObject({ state: "canceled", branch: 1 });
  expect(shown.steps.get("c")).toMatchObject({ state: "failure", level: "B1", retries: ["C0"] });
  expect(shown.steps.has("b")).toBe(false);
  expect(shown.steps.get("all")?.state).toBe("waiting");
  const other = standingOf(FLOW, "root", (job) => LEVELS[job], { loop: 2 });
  expect(other.steps.get("b")?.state).toBe("skipped");
  expect(standingOf(FLOW, "root", (job) => LEVELS[job], { loop: 0 }).levels).toEqual(["I0"]);
});

test("the step that asks waits for an answer, not the one behind it", () => {
  const modules = [{ id: "a", type: "Success", job: "A" }, { id: "loop", type: "WaitingForEvents", job: "A" }, { id: "all", type: WAITS }];
  const at = (more: Partial<Level>) => standingOf(FLOW, "root", () => level(modules, more), {}).steps;
  expect([at({}).get("a")?.state, at({}).get("loop")?.state]).toEqual(["asks", "waiting"]);
  const last = [{ id: "a", type: "Success" }, { id: "loop", type: "Success" }, { id: "all", type: "WaitingForEvents", job: "X" }];
  expect(standingOf(FLOW, "root", () => level(last), {}).steps.get("all")?.state).toBe("asks");
});

test("a restart names the way from the outside in", () => {
  const shown = standingOf(FLOW, "root", (job) => LEVELS[job], {});
  expect(restartAt(restartPath(FLOW, shown, aroundOf(FLOW, "c"), "c"))).toEqual({ step_id: "loop", branch_or_iteration_n: 1, nested_path: [{ step_id: "one" }, { step_id: "c" }] });
  expect(restartAt(restartPath(FLOW, shown, [], "loop", 2))).toEqual({ step_id: "loop", branch_or_iteration_n: 2 });
  expect(restartAt(restartPath(FLOW, shown, aroundOf(FLOW, "y"), "y"))).toEqual({ step_id: "all", branch_or_iteration_n: 1, nested_path: [{ step_id: "y" }] });
});
