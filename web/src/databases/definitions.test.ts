import { describe, expect, it } from "vitest";

import { columnSteps, lackOf, NEW_COLUMN } from "./definitions";

const where = { schema: "s", table: "t" };
const was = { name: "a", type: "int", nullable: true, default: "" };

describe("columnSteps", () => {
  it("takes a step for each difference, by the old name until the last", () => {
    expect(columnSteps(where, was, { name: "b", type: "bigint", nullable: false, default: "0" })).toEqual([
      { kind: "change_type", ...where, column: "a", type: "bigint" },
      { kind: "set_default", ...where, column: "a", default: "0" },
      { kind: "set_nullable", ...where, column: "a", nullable: false },
      { kind: "rename_column", ...where, column: "a", to: "b" },
    ]);
  });

  it("takes none where nothing differs", () => {
    expect(columnSteps(where, was, { ...was })).toEqual([]);
  });
});

describe("lackOf", () => {
  it("names what is missing or there twice", () => {
    expect(lackOf(NEW_COLUMN, [])).toContain("name");
    expect(lackOf({ ...NEW_COLUMN, name: "a" }, [])).toContain("type");
    expect(lackOf(was, [was, { ...was }])).toContain("Two");
    expect(lackOf(was, [was])).toBe("");
  });
});
