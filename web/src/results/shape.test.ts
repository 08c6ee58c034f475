import { expect, test } from "vitest";

import { asTable, csvOf, Digits, firstItems, parse, shapeOf, write } from "./shape";

test("numbers keep the digits that they were written with", () => {
  const text = '{\n  "big": 9007199254740993,\n  "price": 1.10,\n  "list": [\n    1e400,\n    -0.0\n  ]\n}';
  expect(write(parse(text))).toBe(text);
});

test("texts with escapes, quotes and braces come back", () => {
  const value = { 'a"b': "\\ } ] \u2028 \n", nested: [[], {}], no: false };
  expect(JSON.parse(write(parse(JSON.stringify(value))))).toEqual(value);
});

test("a member called __proto__ is a member like any other", () => {
  expect(write(parse('{"__proto__":{"x":true}}'), 0).replaceAll("\n", "")).toBe('{"__proto__": {"x": true}}');
});

test("a list of objects is a table with every column that occurs", () => {
  const table = asTable(parse('[{"a":1},{"b":"x"}]'));
  expect(table?.columns).toEqual(["a", "b"]);
  expect(table?.rows[0]?.[0]).toEqual(new Digits("1"));
  expect(table?.rows[1]).toEqual([null, "x"]);
});

test("a first row of strings fixes the order of the columns", () => {
  expect(asTable(parse('[["b","a"],{"a":1,"b":2}]'))?.columns).toEqual(["b", "a"]);
});

test.each([
  ['{"error":{"name":"E","message":"m","stack":"s"}}', "error"],
  ['{"s3":"a/b.csv"}', "object"],
  ['{"html":"<b>x</b>"}', "html"],
  ['{"md":"# x"}', "markdown"],
  ['{"png":"aGk="}', "image"],
  ['{"file":{"content":"aGk=","filename":"x.txt"}}', "file"],
  ['{"render_all":[1,2]}', "several"],
  ['{"pdf":"aGk="}', "pdf"],
  ['{"map":{"markers":[{"lat":53.2,"lon":7.4}]}}', "map"],
  ['{"$schema":"https://vega.github.io/schema/vega-lite/v5.json","mark":"bar"}', "plot"],
  ['{"$schema":"https://example.com/vega-lite/v5.json","mark":"bar"}', "json"],
  ['{"data":[{"x":[1],"y":[2],"type":"bar"}],"layout":{}}', "plot"],
  ['{"data":[{"x":1}],"layout":{},"rows":3}', "json"],
  ['{"data":[1],"layout":{}}', "json"],
  ['"text"', "text"],
  ['{"a":1}', "json"],
])("%s is shown as %s", (text, kind) => {
  expect(shapeOf(parse(text)).kind).toBe(kind);
});

test("CSV quotes what would break a row", () => {
  expect(csvOf({ columns: ["a", "b"], rows: [['x"y', "1,2"]] })).toBe('a,b\r\n"x""y","1,2"');
});

test("a list that breaks off is shown up to its last whole item", () => {
  expect(firstItems('[{"a": "x,]"}, [1, 2], 3.10, {"b": ')).toEqual(parse('[{"a": "x,]"}, [1, 2], 3.10]'));
  expect(firstItems('[{"a": "\\\\"}, "br')).toEqual(parse('[{"a": "\\\\"}]'));
  expect(firstItems('[{"a": 1')).toBeNull();
  expect(firstItems('{"a": [1, 2, ')).toBeNull();
});

test("markers of a map keep what they say, and those without a place are left out", () => {
  const shape = shapeOf(parse('{"map":{"lat":53,"markers":[{"lat":53.2,"lon":7.4,"title":"Leer","color":"red"},{"title":"nowhere"}]}}'));
  expect(shape.kind === "map" && shape.map).toEqual({ lat: 53, lon: undefined, zoom: undefined, markers: [{ lat: 53.2, lon: 7.4, title: "Leer", radius: 5, color: "red", stroke: 1 }] });
});
