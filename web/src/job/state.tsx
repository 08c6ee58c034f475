import { Badge, type Tone } from "@/ui/badge";

import type { Job } from "./queries";

const TONES: Record<string, Tone> = { success: "good", failure: "bad", canceled: "warn", skipped: "neutral", running: "accent", queued: "neutral", scheduled: "neutral" };

type JobLike = Pick<Job, "type" | "canceled"> & { success?: boolean; is_skipped?: boolean; running?: boolean; scheduled_for?: string };

/** One word for where a job stands. */
export function stateOf(job: JobLike): string {
  if (job.type === "CompletedJob") {
    if (job.canceled) return "canceled";
    if (job.is_skipped) return "skipped";
    return job.success ? "success" : "failure";
  }
  if (job.running) return "running";
  return job.scheduled_for && new Date(job.scheduled_for).getTime() > Date.now() + 1000 ? "scheduled" : "queued";
}

export function StateBadge({ state }: { state: string }) {
  return <Badge tone={TONES[state] ?? "neutral"}>{state}</Badge>;
}
