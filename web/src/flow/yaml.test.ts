import { expect, test } from "vitest";

import { readValue, writeValue } from "@/results/value";

import type { Flow, FlowValue } from "./model";
import { linesOf, readYaml, writeYaml } from "./yaml";

const VALUE = readValue('{"modules": [{"id": "a", "value": {"type": "rawscript", "language": "python3", "content": "def main():\\n    return 1\\n", "input_transforms": {"n": {"type": "static", "value": 9007199254740993}, "m": {"type": "static", "value": 1.10}, "t": {"type": "static", "value": "12"}, "e": {"type": "static", "value": [1, -2.5, true, null, "yes"]}}}}]}') as unknown as FlowValue;
const FLOW: Flow = { summary: "A: b", description: "", value: VALUE, schema: { type: "object", properties: {} } };

test("a flow comes back from YAML as it was, with every digit", () => {
  const text = writeYaml(FLOW);
  expect(text).toContain("content: |");
  expect(text).toContain("value: 9007199254740993");
  expect(text).toContain("value: 1.10");
  const { flow } = readYaml(text);
  expect(writeValue(flow)).toBe(writeValue(FLOW));
});

test("faults are told with their line", () => {
  expect(readYaml("summary: x\nvalue:\n  modules:\n    - id: a\n     value: 1\n").faults[0]).toMatchObject({ line: expect.any(Number) });
  const text = "summary: x\nvalue:\n  modules:\n    - id: a\n      value: {type: identity}\n    - id: a\n      value:\n        type: nothing\n";
  expect(readYaml(text).faults).toEqual([
    { line: 6, message: "The id a is taken twice." },
    { line: 8, message: expect.stringContaining("is no kind of step") },
  ]);
  expect(readYaml("- 1").faults).toHaveLength(1);
  expect(readYaml("").faults).toHaveLength(1);
  expect(readYaml("value: {modules: [{id: l, value: {type: forloopflow}}]}").faults.map((each) => each.message)).toEqual(["modules must be a list of steps.", "The loop has no iterator."]);
});

test("places are found in the text", () => {
  const text = writeYaml(FLOW);
  const [line = 0, around = 0] = linesOf(text, ["/modules/0/value/input_transforms/n/value", "/modules/7/id"]);
  expect(text.split("\n")[line - 1]).toContain("9007199254740993");
  expect(around).toBeGreaterThan(1);
});
