import { expect, test } from "vitest";

import { unserved } from "./tags";

const WAITS = { running: false, suspend: 0 };

test("a tag is served by workers that stay, and asked for by jobs that wait", () => {
  const queue = [
    { ...WAITS, tag: "python3" },
    { ...WAITS, tag: "gpu" },
    { ...WAITS, tag: "gpu" },
    { ...WAITS, tag: "bash" },
    { tag: "gone", running: true },
    { tag: "asleep", running: false, suspend: 1 },
  ];
  const workers = [
    { custom_tags: ["python3"], draining: false },
    { custom_tags: ["bash"], draining: true },
  ];
  expect(unserved(queue, workers)).toEqual(["bash", "gpu"]);
});
