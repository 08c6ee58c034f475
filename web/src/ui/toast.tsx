/** Short words on what just happened; they go by themselves, and screen readers hear them. */
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";

import { IconButton } from "./button";
import { cls } from "./class";

interface Toast {
  id: number;
  tone: "good" | "bad";
  text: string;
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(now: readonly Toast[]): void {
  toasts = now;
  listeners.forEach((tell) => tell());
}

export function toast(tone: Toast["tone"], text: string): void {
  const id = nextId++;
  set([...toasts.slice(-3), { id, tone, text }]);
  setTimeout(() => dismiss(id), tone === "bad" ? 9000 : 3500);
}

function dismiss(id: number): void {
  set(toasts.filter((each) => each.id !== id));
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => toasts,
  );
  return (
    <div aria-live="polite" className="pointer-events-none fixed right-4 bottom-4 z-[60] flex w-96 max-w-[calc(100vw-2rem)] flex-col gap-2">
      {shown.map((each) => (
        <div key={each.id} className={cls("pointer-events-auto flex items-start gap-2 rounded-md border bg-panel p-3 shadow-lg", each.tone === "bad" ? "border-bad" : "border-line-strong")}>
          <p className="min-w-0 flex-1 break-words">{each.text}</p>
          <IconButton label="Dismiss" onClick={() => dismiss(each.id)}>
            <X size={14} aria-hidden />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
