import { expect, it } from "vitest";

import { addressOf, duckdbQuery, folderOf, movedKey, nameOf, readAddress } from "./address";

it("writes and reads addresses without changing the key", () => {
  for (const key of ["a", "a//b", "a/../b", "a/", "ü b?#%.csv", ""]) {
    expect(readAddress(addressOf({ storage: "lake", key }))).toEqual({ storage: "lake", key });
    expect(readAddress(addressOf({ storage: "_default_", key }))).toEqual({ storage: "_default_", key });
  }
  expect(readAddress("https://example.com/a")).toBeNull();
});

it("takes keys apart at their slashes", () => {
  expect(["a/b/c.txt", "a/b/", "c.txt"].map(folderOf)).toEqual(["a/b/", "a/b/", ""]);
  expect(["a/b/c.txt", "a/b/", "c.txt"].map(nameOf)).toEqual(["c.txt", "b/", "c.txt"]);
});

it("moves keys with what is below the folder that they are moved from", () => {
  expect(movedKey("in/day/a.csv", "in/", "out")).toBe("out/day/a.csv");
  expect(movedKey("in/a.csv", "in/", "")).toBe("a.csv");
});

it("queries by the kind of the file, with quotes doubled", () => {
  expect(duckdbQuery({ storage: "_default_", key: "u/it's.parquet" })).toBe("select * from read_parquet('s3:///u/it''s.parquet') limit 100\n");
  expect(duckdbQuery({ storage: "lake", key: "a.CSV.gz" })).toContain("read_csv('s3://lake/a.CSV.gz')");
});
