import { expect, test } from "vitest";

import { withHints } from "./hints";

const text = { type: "string" };

test("ways to enter a text stay while the text is there", () => {
  const inferred = { type: "object", properties: { when: text, secret: { ...text, default: "x" }, count: { type: "integer" }, day: { ...text, format: "date" } } };
  const before = { properties: { when: { ...text, format: "cron" }, secret: { ...text, password: true }, count: { ...text, format: "sql" }, day: { ...text, format: "sql" }, gone: { ...text, format: "sql" } } };
  expect(withHints(inferred, before)).toEqual({
    type: "object",
    properties: { ...inferred.properties, when: { ...text, format: "cron" }, secret: { ...text, default: "x", password: true } },
  });
});

test("what a signature says by itself is no hint", () => {
  const schema = { properties: { at: { ...text, format: "date-time" }, city: text } };
  expect(withHints({ properties: { at: text, city: text } }, schema)).toBeUndefined();
  expect(withHints({}, null)).toBeUndefined();
});
