import { expect, test } from "vitest";

import type { Property, Schema } from "@/flow/model";

import { asKind, KIND_NAMES, kindOf, nameFault, namesOf, renamed, requiring, shifted, withoutProperty, withProperty, type Kind } from "./arguments";
import { memberOf, put } from "./paths";

const SCHEMA: Schema = { type: "object", properties: { b: { type: "string" }, a: { type: "integer" }, c: {} }, required: ["a"], order: ["a", "gone", "b"] };

test("every kind is read as what was made of it", () => {
  for (const kind of Object.keys(KIND_NAMES).filter((each) => each !== "other") as Kind[]) expect(kindOf(asKind({ description: "d" }, kind))).toBe(kind);
  const odd: Property = { type: "object", properties: { x: { type: "string" } } };
  expect(kindOf(odd)).toBe("other");
  expect(asKind(odd, "other")).toBe(odd);
  expect(asKind({ type: "string", description: "kept" }, "integer")).toEqual({ type: "integer", description: "kept" });
});

test("names stay in the order of the form", () => {
  expect(namesOf(SCHEMA)).toEqual(["a", "b", "c"]);
  expect(namesOf(shifted(SCHEMA, "a", 1))).toEqual(["b", "a", "c"]);
  expect(shifted(SCHEMA, "a", -1)).toBe(SCHEMA);
  const other = renamed(SCHEMA, "a", "z");
  expect([namesOf(other), other.required]).toEqual([["z", "b", "c"], ["z"]]);
  expect(withoutProperty(SCHEMA, "a")).toMatchObject({ required: [], order: ["b", "c"] });
  expect(namesOf(withProperty(SCHEMA, "n", {}))).toEqual(["a", "b", "c", "n"]);
  expect(requiring(SCHEMA, "b", true).required).toEqual(["a", "b"]);
});

test("names that expressions cannot use are told of", () => {
  expect(nameFault(SCHEMA, "a", "a")).toBe("");
  for (const name of ["", "a b", "1a", "iter", "b"]) expect(nameFault(SCHEMA, name, "a")).not.toBe("");
});

test("members are named as JavaScript has it", () => {
  expect(memberOf("results.a", "b")).toBe("results.a.b");
  expect(memberOf("results.a", "b-c")).toBe('results.a["b-c"]');
  expect(memberOf("x", 0)).toBe("x[0]");
  expect(put("1 + 2", 4, 5, "results.a")).toEqual({ text: "1 + results.a", cursor: 13 });
});
