/** What was done, to be undone and done again. Changes of the same kind that follow each other closely are one. */
export interface History<T> {
  past: readonly T[];
  now: T;
  future: readonly T[];
  /** What the last change was of, and when it was made. */
  mark: string;
  at: number;
}

const CLOSE_MS = 1500;
const MOST = 200;

export function begin<T>(now: T): History<T> {
  return { past: [], now, future: [], mark: "", at: 0 };
}

/** `mark`: what is changed, such as one text; "" for a change of its own. */
export function changed<T>(history: History<T>, now: T, mark: string, at: number): History<T> {
  if (Object.is(now, history.now)) return history;
  const isMore = mark !== "" && mark === history.mark && at - history.at < CLOSE_MS;
  return { past: isMore ? history.past : [...history.past, history.now].slice(-MOST), now, future: [], mark, at };
}

export function undone<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], mark: "", at: 0 };
}

export function redone<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.now], now: next, future, mark: "", at: 0 };
}
