import { expect, test } from "vitest";

import { membersOf, reached, suggestionsOf, writtenAt, type Known } from "./suggest";

/** What is written at the `|`. */
function at(marked: string) {
  return writtenAt(marked.replace("|", ""), marked.indexOf("|"));
}

/** The texts after each suggestion was taken. */
function taken(marked: string, known: Known[]): string[] {
  const cursor = marked.indexOf("|");
  const text = marked.replace("|", "");
  return suggestionsOf(text, cursor, writtenAt(text, cursor)!, known).map((each) => text.slice(0, each.from) + each.text + text.slice(cursor));
}

test.each([
  ["|", [], ""],
  ["flow|", [], "flow"],
  ["1 + flow|", [], "flow"],
  ["results.|", ["results"], ""],
  ["results.a.ro|", ["results", "a"], "ro"],
  ["results.a?.|", ["results", "a"], ""],
  ["results.a?.ro|", ["results", "a"], "ro"],
  ["results.a.rows[0].|", ["results", "a", "rows", 0], ""],
  ['results["a b"].|', ["results", "a b"], ""],
  ["f(results.a.|)", ["results", "a"], ""],
  ["{ a: flow_input.|", ["flow_input"], ""],
  ["`${flow_input.|", ["flow_input"], ""],
  ["'x' + results.|", ["results"], ""],
])("%s is read", (marked, path, typed) => {
  expect(at(marked)).toMatchObject({ kind: "name", path, typed });
});

test.each(["5|", "1.|", "'flow|", '"a.|', "`flow_input.|", "f().|", "results.a[0]|", "'it\\'s flow|"])("%s is no name", (marked) => {
  expect(at(marked)).toBeUndefined();
});

test("an index is asked for in brackets", () => {
  expect(at("results.a[|")).toMatchObject({ path: ["results", "a"], typed: "", isIndex: true });
  expect(taken("results.a[|", membersOf([7, 8]))).toEqual(["results.a[0]", "results.a[1]"]);
});

test("members go in as they have to be written", () => {
  const known = membersOf({ rows: [], "a b": 1, Raw: 2 });
  expect(taken("results.a.|", known)).toEqual(["results.a.rows", 'results.a["a b"]', "results.a.Raw"]);
  expect(taken("results.a?.r|", known)).toEqual(["results.a?.rows", "results.a?.Raw"]);
  expect(taken("results.a.|", membersOf([1]))).toEqual(["results.a[0]", "results.a.length"]);
});

test("what begins so comes before what holds it, and what is written already is not offered", () => {
  const known: Known[] = [{ name: "my_order" }, { name: "order" }];
  expect(taken("flow_input.or|", known)).toEqual(["flow_input.order", "flow_input.my_order"]);
  expect(taken("flow_input.my_order|", known)).toEqual([]);
});

test("paths of variables and resources are closed", () => {
  const known: Known[] = [{ name: "f/shop/key" }, { name: "u/ann/key" }];
  expect(at("variable('f/|")).toEqual({ kind: "stored", of: "variable", typed: "f/", from: 10 });
  expect(taken("variable('f/sh|", known)).toEqual(["variable('f/shop/key')"]);
  expect(taken('resource("f/|")', known)).toEqual(['resource("f/shop/key")']);
  expect(taken("vari|", [{ name: "variable", isCall: true }])).toEqual(["variable('"]);
});

test("paths lead into values", () => {
  expect(reached({ a: [{ b: 1 }] }, ["a", 0, "b"])).toBe(1);
  expect(reached({ a: 1 }, ["a", "b"])).toBeUndefined();
  expect(reached({}, ["constructor"])).toBeUndefined();
});
