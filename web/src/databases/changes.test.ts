import { expect, it } from "vitest";

import { parse, type Json } from "@/results/shape";

import { changeOf, identityOf, withCell, withInsert, withRemoval, type Queue } from "./changes";
import { readConditions, typedValue, writeConditions } from "./conditions";

const WHERE = { schema: "public", table: "orders" };
const PAGE = { columns: [{ name: "id" }, { name: "total" }], rows: parse('[[1, 1.10], [9007199254740993, null]]') as Json[][], versions: ["7", "8"], row_names: null };

it("tells rows apart by their keys, with every digit, or by their names", () => {
  expect(JSON.stringify(identityOf(PAGE, 0, ["id"]))).toContain('"version":"7"');
  const large = { ...PAGE, rows: parse("[[9007199254740992, 1], [9007199254740993, 1]]") as Json[][] };
  const [one, other] = [identityOf(large, 0, ["id"])!, identityOf(large, 1, ["id"])!];
  const queue = withRemoval([], WHERE, one);
  expect([changeOf(queue, one)?.kind, changeOf(queue, other)]).toEqual(["delete", undefined]);
  expect(identityOf(PAGE, 0, [])).toBeNull();
  expect(identityOf({ ...PAGE, row_names: ["(0,1)", "(0,2)"] }, 1, [])?.row).toBe("(0,2)");
});

it("keeps one change a row, and none where a cell is as it was", () => {
  const row = identityOf(PAGE, 0, ["id"])!;
  const was = PAGE.rows[0]![1]!;
  let queue: Queue = withCell([], WHERE, row, { column: "total", value: parse("2"), was });
  queue = withCell(queue, WHERE, row, { column: "note", value: "x", was: null });
  expect([queue.length, Object.keys(queue[0]!.values)]).toEqual([1, ["total", "note"]]);
  queue = withCell(queue, WHERE, row, { column: "total", value: parse("1.10"), was });
  queue = withCell(queue, WHERE, row, { column: "note", value: null, was: null });
  expect(queue).toEqual([]);
});

it("takes a removal back, and leaves new rows alone", () => {
  const row = identityOf(PAGE, 1, ["id"])!;
  const queue = withRemoval(withInsert([], WHERE, { id: "3" }), WHERE, row);
  expect(queue.map((each) => each.kind)).toEqual(["insert", "delete"]);
  expect(withRemoval(queue, WHERE, row).map((each) => each.kind)).toEqual(["insert"]);
});

it("takes what is typed as the column's kind", () => {
  expect([typedValue("9007199254740993", "integer"), typedValue("1.10", "decimal"), typedValue("TRUE", "bool"), typedValue('{"a":1.10}', "json")]).toEqual(["9007199254740993", "1.10", "true", '{"a":1.10}']);
  expect([typedValue("01", "integer"), typedValue("x", "json"), typedValue(" y ", "text")]).toEqual(['"01"', '"x"', '" y "']);
});

it("keeps conditions in the address, and nothing that is none", () => {
  const conditions = [{ column: "id", operator: ">=" as const, value: "9007199254740993" }];
  expect(readConditions(writeConditions(conditions))).toEqual(conditions);
  for (const wrong of [undefined, "", "{", "{}", '[["a","like","1"]]', '[["a"]]']) expect(readConditions(wrong)).toEqual([]);
});
