import { expect, test } from "vitest";

import { arranged } from "./order";
import { runsIt } from "./queries";

const FLOWS = [
  { path: "f/etl/load", summary: "Nightly load", edited_at: "2026-01-03" },
  { path: "u/ann/a", summary: "", edited_at: "2026-01-01" },
  { path: "f/etl/clean", summary: "Clean up", edited_at: "2026-01-02" },
];
const RAN: Record<string, string> = { "u/ann/a": "2026-02-02", "f/etl/clean": "2026-02-01" };
const paths = (wanted: Parameters<typeof arranged>[1]) => arranged(FLOWS, wanted, (path) => RAN[path]).map((each) => each.path);

test("flows stand in the order that was asked for", () => {
  expect(paths({})).toEqual(["f/etl/load", "f/etl/clean", "u/ann/a"]);
  expect(paths({ sort: "ran" })).toEqual(["u/ann/a", "f/etl/clean", "f/etl/load"]);
  expect(paths({ sort: "path" })).toEqual(["f/etl/clean", "f/etl/load", "u/ann/a"]);
  expect(paths({ sort: "summary" })).toEqual(["f/etl/clean", "f/etl/load", "u/ann/a"]);
  expect(paths({ sort: "nonsense" })).toEqual(paths({}));
});

test("all words must be there, in path or summary", () => {
  expect(paths({ q: "NIGHT etl" })).toEqual(["f/etl/load"]);
  expect(paths({ owner: "u/ann" })).toEqual(["u/ann/a"]);
  expect(paths({ q: "nothing" })).toEqual([]);
});

test("a flow uses another at any depth", () => {
  const value = { modules: [{ id: "a", value: { type: "forloopflow", modules: [{ id: "b", value: { type: "flow", path: "f/etl/load" } }] } }] };
  expect(runsIt(value, "f/etl/load")).toBe(true);
  expect(runsIt(value, "f/etl/loa")).toBe(false);
  expect(runsIt({ modules: [{ id: "a", value: { type: "script", path: "f/etl/load" } }] }, "f/etl/load")).toBe(false);
});
