import { expect, test } from "vitest";

import { spansOf } from "./ansi";

test("colours become classes and end where they are reset", () => {
  expect(spansOf("a\u001b[1;31mred\u001b[0mb")).toEqual([
    { text: "a", classes: "" },
    { text: "red", classes: "font-semibold ansi-red" },
    { text: "b", classes: "" },
  ]);
});

test("links, titles and cursor movements leave no trace", () => {
  expect(spansOf("\u001b]8;;javascript:alert(1)\u0007text\u001b]8;;\u0007\u001b[2K")).toEqual([{ text: "text", classes: "" }]);
});
