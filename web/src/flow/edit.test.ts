import { expect, test } from "vitest";

import { readValue, writeValue } from "@/results/value";

import { aroundOf, changeStep, duplicate, freshId, idsOf, insert, move, namedAnew, placeOf, remove, rename, shift, sightOf, stepAt, upTo } from "./edit";
import { stepOf, type FlowValue, type Step } from "./model";

const leaf = (id: string, expr = "flow_input.x"): Step => ({ id, value: { type: "rawscript", language: "bash", content: "results.a", input_transforms: { x: { type: "javascript", expr } } } });

const FLOW: FlowValue = {
  modules: [
    leaf("a"),
    { id: "loop", value: { type: "forloopflow", iterator: { type: "javascript", expr: "results.a" }, modules: [leaf("b", "results.a.n"), leaf("c", "results.b + results['a']")] } },
    { id: "one", value: { type: "branchone", branches: [{ expr: "results.loop", modules: [leaf("d")] }], default: [leaf("e", "results?.a ?? results.ab")] } },
    leaf("f"),
  ],
  failure_module: leaf("failure", "results.a"),
};

test("steps are put in, taken out and moved anywhere but into themselves", () => {
  expect(idsOf(insert(FLOW, { step: "one", list: 1, index: 0 }, leaf("n")))).toEqual(["a", "loop", "b", "c", "one", "d", "n", "e", "f", "failure"]);
  expect(idsOf(remove(FLOW, "loop"))).toEqual(["a", "one", "d", "e", "f", "failure"]);
  expect(idsOf(remove(FLOW, "failure"))).not.toContain("failure");
  expect(idsOf(move(FLOW, "f", { step: "loop", list: 0, index: 1 }))).toEqual(["a", "loop", "b", "f", "c", "one", "d", "e", "failure"]);
  expect(idsOf(move(FLOW, "a", { step: null, list: 0, index: 4 }))).toEqual(["loop", "b", "c", "one", "d", "e", "f", "a", "failure"]);
  expect(move(FLOW, "loop", { step: "loop", list: 0, index: 0 })).toBe(FLOW);
  expect(move(FLOW, "a", { step: null, list: 0, index: 1 })).toBe(FLOW);
  expect(idsOf(shift(FLOW, "c", -1))).toEqual(["a", "loop", "c", "b", "one", "d", "e", "f", "failure"]);
  expect(shift(FLOW, "a", -1)).toBe(FLOW);
  expect(shift(FLOW, "f", 1)).toBe(FLOW);
});

test("what does not change stays the same object", () => {
  const changed = changeStep(FLOW, "d", (step) => ({ ...step, summary: "new" }));
  expect(stepOf(changed, "d")?.summary).toBe("new");
  expect(changed.modules[1]).toBe(FLOW.modules[1]);
  expect(changed.modules[2]).not.toBe(FLOW.modules[2]);
});

test("a copy has ids of its own, and names its own steps", () => {
  const [copied, id] = duplicate(FLOW, "loop");
  expect(placeOf(copied, id)).toEqual({ step: null, list: 0, index: 2 });
  expect(new Set(idsOf(copied)).size).toBe(idsOf(copied).length);
  const inner = (stepOf(copied, id)!.value as { modules: Step[] }).modules;
  expect(inner[1]!.value).toMatchObject({ input_transforms: { x: { expr: `results.${inner[0]!.id} + results['a']` } } });
});

test("ids go on behind z", () => {
  const letters = new Set(Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index)));
  expect(freshId(letters)).toBe("aa");
  expect(freshId(new Set([...letters, "aa"]))).toBe("ab");
});

test("expressions follow a step that is renamed, and code does not", () => {
  const text = writeValue(rename(FLOW, "a", "start-1"));
  expect(text).toContain('results[\\"start-1\\"].n');
  expect(text).toContain('results.b + results[\\"start-1\\"]');
  expect(text).toContain('results?.[\\"start-1\\"] ?? results.ab');
  expect(text).toContain('"content": "results.a"');
  expect(namedAnew("results.a.b + myresults.a + results.a_1", "a", "z")).toBe("results.z.b + myresults.a + results.a_1");
});

test("a step sees what comes before it, and nothing inside of what is over", () => {
  const seen = (id: string) => sightOf(FLOW, id).results.map((each) => each.id);
  expect(seen("a")).toEqual([]);
  expect(seen("c")).toEqual(["a", "b"]);
  expect(seen("e")).toEqual(["a", "loop"]);
  expect(seen("f")).toEqual(["a", "loop", "one"]);
  expect(sightOf(FLOW, "c").loop?.id).toBe("loop");
  expect(sightOf(FLOW, "e").loop).toBeUndefined();
  expect(sightOf(FLOW, "c").previous?.id).toBe("b");
});

test("a flow up to a step keeps what leads to it", () => {
  expect(idsOf(upTo(FLOW, "b"))).toEqual(["a", "loop", "b", "failure"]);
  expect(idsOf(upTo(FLOW, "d"))).toEqual(["a", "loop", "b", "c", "one", "d", "e", "failure"]);
  expect(aroundOf(FLOW, "e")).toEqual([{ step: "one", list: 1 }]);
});

test("places lead to the innermost step", () => {
  expect(stepAt(FLOW, "/modules/1/value/modules/0/value/input_transforms/x")).toBe("b");
  expect(stepAt(FLOW, "/modules/2/value/branches/0")).toBe("one");
  expect(stepAt(FLOW, "/failure_module/value")).toBe("failure");
  expect(stepAt(FLOW, "")).toBeUndefined();
  expect(stepAt(FLOW, "/modules/99/id")).toBeUndefined();
});

test("numbers keep their digits", () => {
  const text = '{"a": 9007199254740993, "b": 1.10, "c": 5, "d": undefined}'.replace(', "d": undefined', "");
  expect(readValue(text)).toMatchObject({ c: 5 });
  expect(JSON.stringify(JSON.parse(writeValue(readValue(text))) as unknown)).toBe(JSON.stringify(JSON.parse(text)));
  expect(writeValue(readValue(text))).toContain("9007199254740993");
  expect(writeValue(readValue(text))).toContain("1.10");
  expect(writeValue({ a: undefined, b: [undefined] })).toBe('{\n  "b": [\n    null\n  ]\n}');
});
