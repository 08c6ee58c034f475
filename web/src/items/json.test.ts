import { describe, expect, it } from "vitest";

import { parse, write } from "@/results/shape";

import { merge, misfit, read, same, type Side } from "./json";

function merged(base: string, mine: string, theirs: string, choices: Record<string, Side> = {}) {
  const { value, conflicts } = merge(parse(base), parse(mine), parse(theirs), choices);
  return [JSON.parse(write(value)) as unknown, conflicts.map((each) => each.pointer)];
}

describe("merging", () => {
  it("takes what only one side has changed", () => {
    expect(merged('{"a":1,"b":2,"c":3}', '{"a":9,"b":2,"c":3}', '{"a":1,"b":2,"d":4}')).toEqual([{ a: 9, b: 2, d: 4 }, []]);
  });
  it("finds what both have changed, in the depth too", () => {
    expect(merged('{"x":{"a/b":1}}', '{"x":{"a/b":2}}', '{"x":{"a/b":3}}')).toEqual([{ x: { "a/b": 2 } }, ["/x/a~1b"]]);
    expect(merged('{"x":{"a":1}}', '{"x":{"a":2}}', '{"x":{"a":3}}', { "/x/a": "theirs" })).toEqual([{ x: { a: 3 } }, ["/x/a"]]);
  });
  it("knows a removal against a change", () => {
    expect(merged('{"a":1}', "{}", '{"a":2}')).toEqual([{}, ["/a"]]);
  });
  it("tells numbers apart by their digits", () => {
    expect(merged('{"a":1.0}', '{"a":1.00}', '{"a":1.0}')[1]).toEqual([]);
    expect(same(parse("1.0"), parse("1.00"))).toBe(false);
    expect(same(parse('{"a":1,"b":[2]}'), parse('{"b":[2],"a":1}'))).toBe(true);
  });
});

describe("a value in a form", () => {
  it("is refused where it would be changed", () => {
    expect(misfit(parse('{"port":5432,"host":"h"}'))).toBe("");
    expect(misfit(parse('{"port":9007199254740993}'))).toContain("9007199254740993");
    expect(misfit(parse('{"a":[1.10]}'))).toContain("1.10");
    expect(misfit(parse('{"b":1,"7":2}'))).toContain('"7"');
  });
  it("says what is no JSON", () => {
    expect(read('{"a":').fault).not.toBe("");
    expect(read('{"a" 1}').fault).not.toBe("");
    expect(read('{"a":1}').fault).toBe("");
  });
});
