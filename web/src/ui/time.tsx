/** Times in the reader's own zone, the exact one on hover. */
import { useSyncExternalStore } from "react";

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];

export function relative(at: Date, now: Date): string {
  let amount = (at.getTime() - now.getTime()) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) return RELATIVE.format(Math.round(amount), unit);
    amount /= size;
  }
  return EXACT.format(at);
}

export function exact(at: Date): string {
  return EXACT.format(at);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** One clock for all that is shown, so that what is older never seems newer. */
let now = new Date();
const readers = new Set<() => void>();

function tick(): void {
  now = new Date();
  readers.forEach((tell) => tell());
}

let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(tell: () => void): () => void {
  readers.add(tell);
  if (Date.now() - now.getTime() > 500) tick();
  timer ??= setInterval(tick, 15_000);
  return () => {
    readers.delete(tell);
    if (readers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function Ago({ at }: { at: string }) {
  const date = new Date(at);
  const seen = useSyncExternalStore(subscribe, () => now);
  return (
    <time dateTime={at} title={exact(date)} className="whitespace-nowrap">
      {relative(date, seen)}
    </time>
  );
}
