/** Which tags of waiting jobs nobody serves. */
import type { Queued, Worker } from "./queries";

type Waiting = Pick<Queued, "tag" | "running" | "suspend">;

/** Tags, in order, whose jobs wait for a worker that is not there. A worker that goes takes nothing any more. */
export function unserved(queue: readonly Waiting[], workers: readonly Pick<Worker, "custom_tags" | "draining">[]): string[] {
  const served = new Set(workers.filter((each) => !each.draining).flatMap((each) => each.custom_tags));
  const waiting = queue.filter((each) => !each.running && !each.suspend).map((each) => each.tag);
  return [...new Set(waiting)].filter((tag) => !served.has(tag)).sort();
}
