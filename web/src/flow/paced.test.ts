import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { paced } from "./paced";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("work is done at once, and again only when it has ended and a while is over", async () => {
  const ends: (() => void)[] = [];
  const work = vi.fn(() => new Promise<void>((done) => ends.push(done)));
  const { call } = paced(100, work);
  call();
  call();
  call();
  expect(work).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(work).toHaveBeenCalledTimes(1);
  ends[0]!();
  await vi.advanceTimersByTimeAsync(99);
  expect(work).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(2);
  ends[1]!();
  await vi.advanceTimersByTimeAsync(1000);
  expect(work).toHaveBeenCalledTimes(2);
});

test("what fails is tried again when it is asked for again, and what was asked for before the end is done", async () => {
  const work = vi.fn(() => Promise.reject(new Error("no")));
  const { call, end } = paced(100, work);
  call();
  await vi.advanceTimersByTimeAsync(0);
  call();
  end();
  await vi.advanceTimersByTimeAsync(100);
  expect(work).toHaveBeenCalledTimes(2);
});
