import { expect, it } from "vitest";

import { rightsOf } from "./rights";

it("names everybody once, by the greatest right", () => {
  const perms = { owners: ["u/eva", "g/data"], extra_perms: { "u/eva": false, "g/ops": false, "u/ann": true, "g/all": false } };
  expect(rightsOf(perms).map((each) => `${each.whose} ${each.right}`)).toEqual(["g/data owner", "u/eva owner", "u/ann writer", "g/all reader", "g/ops reader"]);
});
