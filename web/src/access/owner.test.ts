import { expect, it } from "vitest";

import { ownerOf } from "./owner-field";

const KNOWN = ["g/all", "g/ops", "u/ann", "u/ops"];

it.each([
  ["u/ann", "u/ann"],
  [" ann ", "u/ann"],
  ["ops", "u/ops"],
  ["g/ops", "g/ops"],
  ["all", "g/all"],
  ["nobody", null],
  ["", null],
])("%j stands for %j", (text, owner) => expect(ownerOf(text, KNOWN)).toBe(owner));
