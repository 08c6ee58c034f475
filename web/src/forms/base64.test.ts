import { expect, test } from "vitest";

import { base64Of, sizeOf } from "./base64";

test.each([0, 1, 2, 3, 100_000])("%i bytes become text and keep their count", async (count) => {
  const bytes = Uint8Array.from({ length: count }, (_, index) => index % 256);
  const text = await base64Of(new Blob([bytes]));
  expect([...Uint8Array.from(atob(text), (each) => each.charCodeAt(0))]).toEqual([...bytes]);
  expect(sizeOf(text)).toBe(count);
});
