import { expect, it } from "vitest";

import { newPassword } from "./password";

it("makes passwords that are long, plain, and never the same", () => {
  const made = Array.from({ length: 200 }, newPassword);
  expect(new Set(made).size).toBe(200);
  expect(made.every((each) => /^[a-km-zA-HJ-NP-Z2-9]{20}$/.test(each))).toBe(true);
});
