import { describe, expect, it } from "vitest";

import { kindOf, placeOf } from "./words";

describe("where what a record is about is found", () => {
  it.each([
    ["variables.update", "u/ann/key", "variables/p/u/ann/key"],
    ["folder.update", "shop", "folders/shop"],
    ["variables.delete", "u/ann/key", null],
    ["users.login", "ann@x.org", null],
    ["scripts.create", "not a path", null],
    ["resources.create", "", null],
  ])("%s of %s", (operation, resource, place) => expect(placeOf(operation, resource)).toBe(place));
});

it("tells kinds that it does not know as they are", () => expect(kindOf("Odd")).toEqual({ word: "odd", tone: "neutral" }));
