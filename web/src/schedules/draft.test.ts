import { expect, test } from "vitest";

import { onClock, wordsOf } from "@/cron/words";

import { changeOf, creation, draftOf, emptyDraft, faultsOf } from "./draft";
import type { Schedule } from "./queries";

const STORED = {
  path: "f/etl/nightly",
  schedule: "0 30 2 * * *",
  timezone: "Europe/Paris",
  script_path: "f/etl/import",
  is_flow: true,
  enabled: true,
  argsText: '{\n  "id": 9007199254740993\n}',
  retry: { constant: { attempts: 2, seconds: 5 }, exponential: { attempts: 3, seconds: 2 } },
  paused_until: "2030-01-02T03:04:56Z",
  on_failure: "f/ops/alert",
  on_failure_times: 2,
  on_failure_exact: false,
  on_recovery: null,
  on_recovery_times: 1,
  on_success: null,
  dynamic_skip: null,
  catch_up_s: 0,
} as unknown as Schedule;

test("only what was changed is sent, and what the form cannot show stays", () => {
  const begun = draftOf(STORED);
  expect(begun).toMatchObject({ target: "flow/f/etl/import", repeats: "kept", onFailure: "script/f/ops/alert" });
  expect(changeOf(begun, begun)).toBe("");
  expect(JSON.parse(changeOf({ ...begun, cron: " 0 0 3 * * * " }, begun))).toEqual({ schedule: "0 0 3 * * *" });
  expect(JSON.parse(changeOf({ ...begun, repeats: "none", onFailure: "" }, begun))).toEqual({ retry: null, on_failure: null });
});

test("arguments keep their digits", () => {
  const body = creation("f/etl/nightly", draftOf(STORED));
  expect(body).toContain("9007199254740993");
  expect(body).not.toContain("null");
});

test("a moment in the reader's zone comes back as it was typed", () => {
  const begun = emptyDraft("UTC", "script/f/a/b");
  const sent = JSON.parse(changeOf({ ...begun, pausedUntil: "2030-05-06T07:08" }, begun)) as { paused_until: string };
  expect(draftOf({ ...STORED, paused_until: sent.paused_until }).pausedUntil).toBe("2030-05-06T07:08");
});

test("numbers that are none are named before they are sent", () => {
  const draft = { ...emptyDraft("UTC", ""), repeats: "constant" as const, attempts: "0", waitS: "1.5" };
  expect(Object.keys(faultsOf(draft)).sort()).toEqual(["attempts", "target", "waitS"]);
  expect(faultsOf({ ...draft, target: "script/f/a/b", repeats: "none" })).toEqual({});
});

test("patterns have words where there are some", () => {
  expect(wordsOf("0 30 2 * * 1")).toBe("At 02:30, only on Monday");
  expect(wordsOf("0 30 2")).toBe("");
  expect(wordsOf("0 99 2 * * *")).toBe("");
});

test("moments are shown by the clocks of the schedule", () => {
  expect(onClock(new Date("2030-07-01T22:00:05Z"), "Asia/Tokyo")).toMatch(/07:00:05/);
});
