import { expect, test } from "vitest";

import { begin, changed, redone, undone } from "./history";

test("what is typed in one go is undone in one go", () => {
  let history = begin("");
  for (const [text, at] of [["a", 100], ["ab", 200], ["abc", 300]] as const) history = changed(history, text, "summary", at);
  history = changed(history, "abc, later", "summary", 5000);
  history = changed(history, "step added", "", 5100);
  expect(undone(history).now).toBe("abc, later");
  expect(undone(undone(history)).now).toBe("abc");
  const first = undone(undone(undone(history)));
  expect(first.now).toBe("");
  expect(undone(first)).toBe(first);
  expect(redone(redone(first)).now).toBe("abc, later");
});

test("a change after an undo forgets what was undone, and nothing changes nothing", () => {
  const history = changed(changed(begin(1), 2, "", 0), 3, "", 0);
  const other = changed(undone(history), 4, "", 0);
  expect(redone(other)).toBe(other);
  expect(other.past).toEqual([1, 2]);
  expect(changed(history, 3, "", 0)).toBe(history);
});
