/** Light, dark, or as the system says; kept in this browser. */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "tidemill.theme";
const listeners = new Set<() => void>();
/** As the page shows it now; what the system says may be ahead of that for a moment. */
let dark = false;
const media = window.matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function isDark(): boolean {
  return theme() === "dark" || (theme() === "system" && media.matches);
}

function apply(): void {
  dark = isDark();
  document.documentElement.classList.toggle("dark", dark);
  listeners.forEach((tell) => tell());
}

export function setTheme(wanted: Theme): void {
  localStorage.setItem(KEY, wanted);
  apply();
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

/** Whether it is dark now, also where the system decides. */
export function useDark(): boolean {
  return useSyncExternalStore(subscribe, () => dark);
}

media.addEventListener("change", apply);
apply();
