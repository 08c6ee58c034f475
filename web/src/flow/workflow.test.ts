import { expect, test } from "vitest";

import { asks, barsOf, type WorkflowStatus } from "./workflow";

const AT = "2026-01-01T10:00:00.000Z";
const FROM = new Date(AT).getTime();
const STATUS: WorkflowStatus = {
  "_step/began": { name: "began", kind: "step", scheduled_for: AT, started_at: AT, duration_ms: 5 },
  "id-1": { name: "fails", kind: "task", scheduled_for: AT, started_at: AT, duration_ms: 7, success: false },
  "id-2": { name: "waits", kind: "task", scheduled_for: AT },
  "_step/sleep": { name: "sleep", kind: "sleep", scheduled_for: AT, started_at: AT, until: "2020-01-01T00:00:00Z" },
};

test("each step is a bar; tasks lead to their runs", () => {
  const bars = barsOf(STATUS, false);
  expect(bars.map((each) => [each.name, each.status, each.job])).toEqual([
    ["began", "success", undefined],
    ["fails", "failure", "id-1"],
    ["waits", "queued", "id-2"],
    ["sleep", "waiting", undefined],
  ]);
  expect(bars.map((each) => [each.from, each.to])).toEqual([
    [FROM, FROM + 5],
    [FROM, FROM + 7],
    [undefined, undefined],
    [FROM, undefined],
  ]);
  expect(bars[3]!.note).toMatch(/^until /);
});

test("what had not ended with the workflow does not go on", () => {
  const bars = barsOf(STATUS, true);
  expect(bars.slice(2).map((each) => [each.status, each.to, each.note])).toEqual([
    ["canceled", undefined, undefined],
    ["canceled", FROM, undefined],
  ]);
});

test("a workflow asks while an approval has no answer", () => {
  const approval = { name: "manager", kind: "approval" as const, scheduled_for: AT, started_at: AT };
  expect(asks(STATUS)).toBe(false);
  expect(asks({ ...STATUS, "_step/manager": approval })).toBe(true);
  expect(asks({ "_step/manager": { ...approval, duration_ms: 1 } })).toBe(false);
});
