/** What happened, in words; and where what it happened to is found. */
import type { Tone } from "@/ui/badge";

export const KINDS = ["Created", "Updated", "Delete", "Execute"] as const;

const WORDS: Record<string, { word: string; tone: Tone }> = {
  Created: { word: "created", tone: "good" },
  Updated: { word: "changed", tone: "accent" },
  Delete: { word: "deleted", tone: "bad" },
  Execute: { word: "done", tone: "neutral" },
};

export function kindOf(kind: string): { word: string; tone: Tone } {
  return WORDS[kind] ?? { word: kind.toLowerCase(), tone: "neutral" };
}

/** What can be asked for by name: whole nouns first. */
export const OPERATIONS = [
  ...["variables", "resources", "scripts", "flows", "schedules", "jobs", "folder", "group", "users", "workspaces", "storages", "settings", "access_keys"].map((noun) => `${noun}.*`),
  "variables.decrypt_secret",
  "workspaces.read_encryption_key",
  "users.login",
  "users.token.create",
  "users.impersonate",
];

/** The page of what a record is about, below the workspace; null where there is none (any more). */
export function placeOf(operation: string, resource: string): string | null {
  if (operation.endsWith(".delete") || resource === "") return null;
  const noun = operation.split(".")[0] ?? "";
  if (["variables", "resources", "scripts", "flows", "schedules"].includes(noun) && /^[uf]\//.test(resource)) return `${noun}/p/${resource}`;
  if (noun === "folder") return `folders/${resource}`;
  if (noun === "group") return `groups/${resource}`;
  return null;
}
