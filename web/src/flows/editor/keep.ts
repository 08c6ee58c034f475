/** Drafts that are not deployed, kept in this browser: of each person, workspace and flow one. */
import type { Flow } from "@/flow/model";
import { readValue, writeValue } from "@/results/value";

export interface Kept {
  flow: Flow;
  path: string;
  /** The version that it began with; none of a new flow. */
  base: number | undefined;
  at: string;
}

const keyOf = (workspace: string, name: string) => `tidemill.flow.${workspace}.${name}`;

export function kept(workspace: string, name: string): Kept | undefined {
  try {
    const text = localStorage.getItem(keyOf(workspace, name));
    return text === null ? undefined : (readValue(text) as unknown as Kept);
  } catch {
    return undefined;
  }
}

/** Whether it could be kept. */
export function keep(workspace: string, name: string, draft: Kept): boolean {
  try {
    localStorage.setItem(keyOf(workspace, name), writeValue(draft));
    return true;
  } catch {
    return false;
  }
}

export function forget(workspace: string, name: string): void {
  localStorage.removeItem(keyOf(workspace, name));
}
