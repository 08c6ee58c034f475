/** Patterns in words, and moments on the clocks of a time zone. */
import cronstrue from "cronstrue";

/** What a pattern says; "" where there are no words for it: whether it can be read is the server's to say. */
export function wordsOf(cron: string): string {
  if (!/^\S+(\s+\S+){4,5}$/.test(cron.trim())) return "";
  try {
    return cronstrue.toString(cron, { use24HourTimeFormat: true, throwExceptionOnParseError: true });
  } catch (error) {
    if (typeof error === "string") return ""; // how cronstrue says that it has no words
    throw error;
  }
}

export function knowsZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A moment as a clock in `timezone` shows it, with seconds where they are not 0. */
export function onClock(moment: Date, timezone: string): string {
  const seconds = moment.getUTCSeconds() ? { second: "2-digit" as const } : {};
  return new Intl.DateTimeFormat(undefined, { timeZone: timezone, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", ...seconds }).format(moment);
}

export const PATTERNS: [string, string][] = [
  ["0 */15 * * * *", "Every 15 minutes"],
  ["0 0 * * * *", "Every hour"],
  ["0 0 9 * * *", "Every day at 9:00"],
  ["0 0 9 * * mon-fri", "On weekdays at 9:00"],
  ["0 0 9 * * mon", "On Mondays at 9:00"],
  ["0 0 6 1 * *", "On the first of each month"],
  ["0 0 18 L * *", "On the last day of each month"],
];
