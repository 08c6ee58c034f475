/** A schedule as its form has it: texts as they are typed, what is wrong with them, and what of them is sent. */
import type { Schedule } from "./queries";

export type Repeats = "none" | "constant" | "exponential" | "kept";

export interface Draft {
  cron: string;
  timezone: string;
  /** `script/<path>` or `flow/<path>`; "" where nothing is chosen yet. */
  target: string;
  /** JSON text. */
  args: string;
  enabled: boolean;
  summary: string;
  /** In the reader's zone, as `datetime-local` has it; "" for not paused. */
  pausedUntil: string;
  noOverlap: boolean;
  catchUpS: string;
  dynamicSkip: string;
  tag: string;
  repeats: Repeats;
  attempts: string;
  waitS: string;
  factor: string;
  onFailure: string;
  failureTimes: string;
  failureExact: boolean;
  onRecovery: string;
  recoveryTimes: string;
  onSuccess: string;
}

export function emptyDraft(timezone: string, target: string): Draft {
  return {
    cron: "0 0 9 * * *",
    timezone,
    target,
    args: "{}",
    enabled: true,
    summary: "",
    pausedUntil: "",
    noOverlap: false,
    catchUpS: "0",
    dynamicSkip: "",
    tag: "",
    ...NO_REPEATS,
    onFailure: "",
    failureTimes: "1",
    failureExact: false,
    onRecovery: "",
    recoveryTimes: "1",
    onSuccess: "",
  };
}

const NO_REPEATS = { repeats: "none" as Repeats, attempts: "3", waitS: "10", factor: "1" };

export function draftOf(one: Schedule): Draft {
  return {
    cron: one.schedule,
    timezone: one.timezone,
    target: `${one.is_flow ? "flow" : "script"}/${one.script_path}`,
    args: one.argsText,
    enabled: one.enabled,
    summary: one.summary ?? "",
    pausedUntil: one.paused_until ? localOf(new Date(one.paused_until)) : "",
    noOverlap: one.no_flow_overlap,
    catchUpS: String(one.catch_up_s),
    dynamicSkip: named(one.dynamic_skip),
    tag: one.tag ?? "",
    ...repeatsOf(one.retry),
    onFailure: named(one.on_failure),
    failureTimes: String(one.on_failure_times),
    failureExact: one.on_failure_exact,
    onRecovery: named(one.on_recovery),
    recoveryTimes: String(one.on_recovery_times),
    onSuccess: named(one.on_success),
  };
}

/** Without a kind it is a script. */
function named(target: string | null): string {
  return !target || /^(script|flow)\//.test(target) ? (target ?? "") : `script/${target}`;
}

interface Policy {
  constant?: { attempts?: number; seconds?: number } | null;
  exponential?: { attempts?: number; seconds?: number; multiplier?: number; random_factor?: number | null } | null;
}

/** What the form cannot show stays as it is: `kept`. */
function repeatsOf(retry: unknown): typeof NO_REPEATS {
  if (!retry) return NO_REPEATS;
  const { constant, exponential } = retry as Policy;
  if (constant?.attempts && !exponential?.attempts) return { ...NO_REPEATS, repeats: "constant", attempts: String(constant.attempts), waitS: String(constant.seconds ?? 0) };
  if (exponential?.attempts && !constant?.attempts && !exponential.random_factor)
    return { repeats: "exponential", attempts: String(exponential.attempts), waitS: String(exponential.seconds ?? 0), factor: String(exponential.multiplier ?? 1) };
  return { ...NO_REPEATS, repeats: "kept" };
}

function localOf(moment: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day}T${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

export type Faults = Partial<Record<keyof Draft, string>>;

/** What can be told without the server; it checks the pattern and all else. */
export function faultsOf(draft: Draft): Faults {
  const found: Faults = {};
  const whole = (field: keyof Draft, least: number) => {
    const text = String(draft[field]);
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) found[field] = `It must be a whole number from ${least} on.`;
  };
  if (!draft.cron.trim()) found.cron = "Say when it comes.";
  if (!draft.timezone.trim()) found.timezone = "Name a time zone, such as Europe/Paris or UTC.";
  if (!draft.target) found.target = "Pick what it runs.";
  whole("catchUpS", 0);
  if (draft.repeats === "constant" || draft.repeats === "exponential") {
    whole("attempts", 1);
    whole("waitS", 0);
  }
  if (draft.repeats === "exponential") whole("factor", 1);
  if (draft.onFailure) whole("failureTimes", 1);
  if (draft.onRecovery) whole("recoveryTimes", 1);
  return found;
}

/** The members of a body as JSON texts, by their names on the wire. */
function membersOf(draft: Draft): Record<string, string> {
  const slash = draft.target.indexOf("/");
  const values = {
    schedule: draft.cron.trim(),
    timezone: draft.timezone.trim(),
    script_path: draft.target.slice(slash + 1),
    is_flow: draft.target.startsWith("flow/"),
    enabled: draft.enabled,
    summary: draft.summary || null,
    paused_until: draft.pausedUntil ? new Date(draft.pausedUntil).toISOString() : null,
    no_flow_overlap: draft.noOverlap,
    catch_up_s: Number(draft.catchUpS),
    dynamic_skip: draft.dynamicSkip || null,
    tag: draft.tag.trim() || null,
    on_failure: draft.onFailure || null,
    ...(draft.onFailure ? { on_failure_times: Number(draft.failureTimes), on_failure_exact: draft.failureExact } : {}),
    on_recovery: draft.onRecovery || null,
    ...(draft.onRecovery ? { on_recovery_times: Number(draft.recoveryTimes) } : {}),
    on_success: draft.onSuccess || null,
    ...(draft.repeats === "kept" ? {} : { retry: retryOf(draft) }),
  };
  return { ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)])), args: draft.args };
}

function retryOf(draft: Draft): Policy | null {
  const times = { attempts: Number(draft.attempts), seconds: Number(draft.waitS) };
  if (draft.repeats === "constant") return { constant: times };
  return draft.repeats === "exponential" ? { exponential: { ...times, multiplier: Number(draft.factor) } } : null;
}

function bodyOf(members: Record<string, string>): string {
  const written = Object.entries(members).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  return `{${written.join(",")}}`;
}

/** What is not set is not sent: a workspace may have handlers for schedules that name none. */
export function creation(path: string, draft: Draft): string {
  const set = Object.entries(membersOf(draft)).filter(([, text]) => text !== "null");
  return bodyOf({ path: JSON.stringify(path), ...Object.fromEntries(set) });
}

/** Only what differs is sent, so that what the form does not know stays; "" where nothing does. */
export function changeOf(draft: Draft, begun: Draft): string {
  const before = membersOf(begun);
  const changed = Object.entries(membersOf(draft)).filter(([name, text]) => before[name] !== text);
  return changed.length ? bodyOf(Object.fromEntries(changed)) : "";
}
