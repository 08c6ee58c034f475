import { describe, expect, it } from "vitest";

import { pathsFault, scopesOf } from "./scopes";

describe("scopes", () => {
  it("are in the order of the table, narrowed where things have paths", () => {
    expect(scopesOf(new Set(["audit:read", "jobs:run", "variables:read"]), " f/shop/*, f/board/report ")).toEqual(["jobs:run:f/shop/*,f/board/report", "variables:read:f/shop/*,f/board/report", "audit:read"]);
    expect(scopesOf(new Set(["jobs:run"]), "")).toEqual(["jobs:run"]);
  });
  it.each(["f/shop/*", "u/ann/report", "f/a/b/c", "u/*", "*", ""])("take %j as a path", (text) => expect(pathsFault(text)).toBe(""));
  it.each(["shop", "/f/shop", "f/shop/", "f/*/x", "g/ops/*", "f/a:b"])("refuse %j", (text) => expect(pathsFault(text)).toContain(text));
});
