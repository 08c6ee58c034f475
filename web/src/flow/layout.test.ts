import { expect, test } from "vitest";

import { INPUT, layOut, RESULT, type Box, type Picture } from "./layout";
import type { FlowValue, Step } from "./model";

const leaf = (id: string): Step => ({ id, value: { type: "identity" } });
const FLOW: FlowValue = {
  modules: [
    leaf("a"),
    { id: "all", value: { type: "branchall", branches: [{ modules: [leaf("b"), { id: "loop", value: { type: "forloopflow", iterator: { type: "static", value: [1] }, modules: [leaf("c")] } }] }, { modules: [] }] } },
    { id: "one", value: { type: "branchone", branches: [{ expr: "true", modules: [leaf("d")] }], default: [leaf("e")] } },
  ],
  failure_module: leaf("failure"),
};

const overlaps = (one: Box, other: Box) => one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;

function check(picture: Picture) {
  const solid = picture.parts.filter((each) => each.kind !== "frame" && each.kind !== "join");
  for (const one of solid) for (const other of solid) expect(one !== other && overlaps(one, other), `${one.id} lies over ${other.id}`).toBe(false);
  for (const part of picture.parts) {
    expect(part.x, part.id).toBeGreaterThanOrEqual(0);
    expect(part.x + part.width, part.id).toBeLessThanOrEqual(picture.width);
    expect(part.y + part.height, part.id).toBeLessThanOrEqual(picture.height);
  }
  const ids = new Set(picture.parts.map((each) => each.id));
  expect(ids.size).toBe(picture.parts.length);
  for (const line of picture.lines) expect(ids.has(line.from) && ids.has(line.to), line.id).toBe(true);
  expect(new Set(picture.lines.map((each) => each.id)).size).toBe(picture.lines.length);
}

test("nothing lies over anything else, and every line has two ends", () => {
  check(layOut(FLOW, true));
  check(layOut(FLOW, false));
  check(layOut({ modules: [] }, true));
  check(layOut({ modules: [{ id: "x", value: { type: "branchall", branches: [] } }] }, true));
});

test("every list has a place before, between and behind its steps", () => {
  const slots = layOut(FLOW, true).parts.flatMap((each) => (each.kind === "slot" ? [each.slot] : []));
  const of = (step: string | null, list = 0) => slots.filter((each) => each.step === step && each.list === list).map((each) => each.index);
  expect(of(null)).toEqual([0, 1, 2, 3]);
  expect(of("all", 0)).toEqual([0, 1, 2]);
  expect(of("all", 1)).toEqual([0]);
  expect(of("loop")).toEqual([0, 1]);
  expect(layOut(FLOW, false).parts.some((each) => each.kind === "slot")).toBe(false);
});

test("lines go from the input through every step to the result", () => {
  const { lines } = layOut(FLOW, false);
  const reached = new Set([INPUT]);
  for (let size = 0; size !== reached.size; ) {
    size = reached.size;
    for (const line of lines) if (reached.has(line.from)) reached.add(line.to);
  }
  for (const id of ["a", "all", "b", "loop", "c", "one", "d", "e", RESULT, "failure"]) expect(reached.has(id), id).toBe(true);
});
