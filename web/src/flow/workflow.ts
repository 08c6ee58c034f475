/** What a workflow in code has come to, as bars of time. */
import type { Bar } from "./bars";

export interface WorkflowStep {
  name: string;
  kind: "task" | "step" | "sleep" | "approval";
  scheduled_for: string;
  started_at?: string;
  duration_ms?: number;
  success?: boolean;
  until?: string;
}

/** By the job of a task, or `_step/` and the key of what has none. */
export type WorkflowStatus = Record<string, WorkflowStep>;

export interface StepBar extends Bar {
  kind: WorkflowStep["kind"];
}

/** One bar for each step, in the order in which the workflow came to them. `hasEnded`: nothing goes on any more. */
export function barsOf(status: WorkflowStatus, hasEnded: boolean): StepBar[] {
  return Object.entries(status).map(([key, step]) => {
    const from = step.started_at === undefined ? undefined : new Date(step.started_at).getTime();
    const until = step.until === undefined ? undefined : new Date(step.until).getTime();
    const isDone = step.duration_ms !== undefined;
    const to = from === undefined ? undefined : isDone ? from + step.duration_ms! : hasEnded ? from : undefined;
    return { key, kind: step.kind, name: step.name, depth: 0, status: standing(step, isDone, hasEnded), from, to, note: !isDone && !hasEnded && until !== undefined ? `until ${clock(until)}` : undefined, job: step.kind === "task" ? key : undefined };
  });
}

/** Whether it waits for an answer. */
export function asks(status: WorkflowStatus): boolean {
  return Object.values(status).some((step) => step.kind === "approval" && step.duration_ms === undefined);
}

function standing(step: WorkflowStep, isDone: boolean, hasEnded: boolean): string {
  if (!isDone) return hasEnded ? "canceled" : step.kind === "sleep" || step.kind === "approval" ? "waiting" : step.started_at === undefined ? "queued" : "running";
  return step.success === false ? "failure" : "success";
}

function clock(at: number): string {
  const moment = new Date(at);
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }) : moment.toLocaleDateString();
}
