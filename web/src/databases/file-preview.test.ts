import { describe, expect, it } from "vitest";

import { formatOf, mappingOf, PREVIEW_BYTES, previewOf } from "./file-preview";

describe("previewOf", () => {
  it("reads CSV with quotes, and tells null from an empty text", () => {
    expect(previewOf("csv", 'id,name\n1,"a, ""b"""\n2,\n3,""\n')).toEqual({ names: ["id", "name"], rows: [["1", 'a, "b"'], ["2", null], ["3", ""]], fault: "" });
  });

  it("reads JSON Lines whose objects have other members", () => {
    expect(previewOf("json", '{"id": 1}\n{"id": 2, "tags": ["x"]}\n')).toEqual({ names: ["id", "tags"], rows: [["1", null], ["2", '["x"]']], fault: "" });
  });

  it("says what is wrong", () => {
    expect(previewOf("csv", "id,name\n1\n")?.fault).toContain("Record 1");
    expect(previewOf("csv", ",\n")?.fault).toContain("name each column");
    expect(previewOf("json", "[1]\n")?.fault).toContain("Line 1");
    expect(previewOf("json", "")?.fault).toContain("no records");
  });

  it("leaves out a record that the beginning of a large file cuts", () => {
    const line = `${"x".repeat(1000)}\n`;
    const rows = previewOf("csv", ("a\n" + line.repeat(70)).slice(0, PREVIEW_BYTES))!.rows;
    expect(rows.every((row) => row[0]!.length === 1000)).toBe(true);
    expect(previewOf("parquet", "PAR1")).toBeNull();
  });
});

describe("mappingOf", () => {
  it("maps what has the same name, and nothing else", () => {
    expect(mappingOf(["ID", "note", "other"], ["id", "note"])).toEqual({ ID: "id", note: "note" });
    expect([formatOf("a.CSV"), formatOf("a.parquet"), formatOf("a.jsonl")]).toEqual(["csv", "parquet", "json"]);
  });
});
