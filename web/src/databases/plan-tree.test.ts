import { describe, expect, it } from "vitest";

import { planTree } from "./plan-tree";

const of = (plan: unknown) => planTree("json", JSON.stringify(plan));

describe("planTree", () => {
  it("reads plans of Postgres, and times of those that ran", () => {
    const scan = { "Node Type": "Seq Scan", "Relation Name": "orders", "Total Cost": 20.5, "Plan Rows": 7 };
    expect(of([{ Plan: { "Node Type": "Sort", "Total Cost": 30, "Plan Rows": 7, Plans: [scan] } }])).toEqual({
      hasRun: false,
      steps: [{ name: "Sort", detail: "", cost: 30, rows: 7, children: [{ name: "Seq Scan", detail: "orders", cost: 20.5, rows: 7, children: [] }] }],
    });
    const ran = { ...scan, "Actual Total Time": 0.5, "Actual Rows": 2, "Actual Loops": 3 };
    expect(of([{ Plan: ran }])).toEqual({ hasRun: true, steps: [{ name: "Seq Scan", detail: "orders", cost: 1.5, rows: 6, children: [] }] });
  });

  it("reads plans of MySQL and MariaDB", () => {
    const table = { table_name: "orders", access_type: "range", key: "PRIMARY", rows: 4, cost: 0.25 };
    expect(of({ query_block: { select_id: 1, nested_loop: [{ table }] } })?.steps).toEqual([{ name: "Read orders", detail: "range · PRIMARY", cost: 0.25, rows: 4, children: [] }]);
    const sorted = { query_block: { ordering_operation: { table: { table_name: "t", access_type: "ALL" } } } };
    expect(of(sorted)?.steps).toEqual([{ name: "ordering operation", detail: "", children: [{ name: "Read t", detail: "ALL", children: [] }] }]);
  });

  it("reads what tables of MariaDB took, over all loops", () => {
    const table = { table_name: "orders", access_type: "ALL", rows: 9, r_loops: 3, r_rows: 2, r_table_time_ms: 0.5, r_other_time_ms: 0.25 };
    const plan = { query_block: { r_total_time_ms: 2, nested_loop: [{ table }] } };
    expect(of(plan)).toEqual({ hasRun: true, steps: [{ name: "Read orders", detail: "ALL", cost: 0.75, rows: 6, children: [] }] });
  });

  it("reads plans of MongoDB", () => {
    const plan = { queryPlanner: { winningPlan: { stage: "FETCH", filter: { a: 1 }, inputStage: { stage: "IXSCAN", indexName: "a_1" } } } };
    expect(of(plan)?.steps[0]).toEqual({ name: "FETCH", detail: '{"a":1}', children: [{ name: "IXSCAN", detail: "a_1", children: [] }] });
  });

  it("reads what stages of MongoDB gave and took", () => {
    const scan = { stage: "COLLSCAN", direction: "forward", nReturned: 4, executionTimeMillisEstimate: 2 };
    const plan = { queryPlanner: { winningPlan: { stage: "LIMIT" } }, executionStats: { executionStages: { stage: "LIMIT", nReturned: 1, executionTimeMillisEstimate: 3, inputStage: scan } } };
    expect(of(plan)).toEqual({ hasRun: true, steps: [{ name: "LIMIT", detail: "", cost: 3, rows: 1, children: [{ name: "COLLSCAN", detail: "forward", cost: 2, rows: 4, children: [] }] }] });
  });

  it("leaves what it does not know as it is", () => {
    expect(of({ statement_type: "SELECT" })).toBeNull();
    expect(planTree("json", "no JSON")).toBeNull();
    expect(planTree("text", "Plan hash value: 1")).toBeNull();
    expect(of([1])).toBeNull();
  });
});
