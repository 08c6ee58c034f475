/** The changes that wait, by database: they stay while one looks at other tables and pages. */
import { useSyncExternalStore } from "react";

import type { Queue } from "./changes";

const EMPTY: Queue = [];
const MOST_STEPS = 200;
const steps = new Map<string, readonly Queue[]>();
const listeners = new Set<() => void>();

function put(name: string, now: readonly Queue[]): void {
  steps.set(name, now);
  listeners.forEach((tell) => tell());
}

export interface Waiting {
  queue: Queue;
  canUndo: boolean;
  set: (queue: Queue) => void;
  undo: () => void;
  /** Forgets what waits, and the way back to it. */
  clear: () => void;
}

export function useQueue(workspace: string, resource: string): Waiting {
  const name = `${workspace} ${resource}`;
  const past = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => steps.get(name),
  );
  return {
    queue: past?.at(-1) ?? EMPTY,
    canUndo: (past?.length ?? 0) > 0,
    set: (queue) => put(name, [...(steps.get(name) ?? []), queue].slice(-MOST_STEPS)),
    undo: () => put(name, (steps.get(name) ?? []).slice(0, -1)),
    clear: () => put(name, []),
  };
}

/** Closing the window asks first while something waits. */
window.addEventListener("beforeunload", (event) => {
  if ([...steps.values()].some((past) => past.at(-1)?.length)) event.preventDefault();
});
