/** How a step looks by what it is, and by how it stands. */
import { ArrowDown, CircleCheck, CircleDashed, CircleX, Clock, Code2, DatabaseZap, FileCode2, FlaskConical, GitBranch, GitFork, Hand, LoaderCircle, Repeat, RotateCw, SkipForward, Timer, TriangleAlert, Workflow, type LucideIcon } from "lucide-react";

import { cls } from "@/ui/class";

import { FAILURE, PREPROCESSOR, type Step } from "./model";

export type StepState = "waiting" | "running" | "asks" | "success" | "failure" | "skipped" | "canceled";

export const STATE_WORDS: Record<StepState, string> = { waiting: "not begun", running: "running", asks: "waits for an answer", success: "succeeded", failure: "failed", skipped: "skipped", canceled: "canceled" };

const STATES: Record<StepState, { icon: LucideIcon; ink: string; edge: string }> = {
  waiting: { icon: CircleDashed, ink: "text-muted", edge: "border-line-strong" },
  running: { icon: LoaderCircle, ink: "text-accent", edge: "border-accent" },
  asks: { icon: Hand, ink: "text-warn", edge: "border-warn" },
  success: { icon: CircleCheck, ink: "text-good", edge: "border-good" },
  failure: { icon: CircleX, ink: "text-bad", edge: "border-bad" },
  skipped: { icon: SkipForward, ink: "text-muted", edge: "border-line-strong" },
  canceled: { icon: CircleX, ink: "text-warn", edge: "border-warn" },
};

export function edgeOf(state: StepState): string {
  return STATES[state].edge;
}

export function StateIcon({ state, size = 15 }: { state: StepState; size?: number }) {
  const { icon: Icon, ink } = STATES[state];
  return <Icon size={size} role="img" aria-label={STATE_WORDS[state]} className={cls("shrink-0", ink, state === "running" && "animate-spin")} />;
}

const KINDS: Record<string, LucideIcon> = { rawscript: Code2, script: FileCode2, flow: Workflow, forloopflow: Repeat, whileloopflow: RotateCw, branchone: GitBranch, branchall: GitFork, identity: ArrowDown };

export function KindIcon({ step, size = 16 }: { step: Step; size?: number }) {
  const Icon = step.id === FAILURE ? TriangleAlert : step.id === PREPROCESSOR ? FlaskConical : step.value.type === "rawscript" && step.suspend ? Hand : (KINDS[step.value.type] ?? Code2);
  return <Icon size={size} aria-hidden className="shrink-0" />;
}

/** What is set on a step, as small signs with words. */
export function signsOf(step: Step): { icon: LucideIcon; words: string }[] {
  const found: { icon: LucideIcon; words: string }[] = [];
  const add = (has: unknown, icon: LucideIcon, words: string) => has && found.push({ icon, words });
  add(step.suspend && step.value.type !== "rawscript", Hand, "waits for approvals after it");
  add(step.retry?.constant?.attempts ?? step.retry?.exponential?.attempts, RotateCw, "is repeated when it fails");
  add(step.skip_if?.expr, SkipForward, "is skipped under a condition");
  add(step.sleep, Clock, "waits before it");
  add(step.timeout, Timer, "has a time limit");
  add(step.cache_ttl, DatabaseZap, "its result is kept for a while");
  add(step.mock?.enabled, FlaskConical, "gives a value instead of being run");
  return found;
}
