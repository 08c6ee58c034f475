/** What a token may be good for, as the API writes it. */

export interface Domain {
  name: string;
  label: string;
  actions: readonly ("read" | "write" | "run")[];
  /** Whether its things lie at paths, so that a scope can be narrowed to some. */
  hasPaths: boolean;
}

export const DOMAINS: readonly Domain[] = [
  { name: "jobs", label: "Runs", actions: ["read", "write", "run"], hasPaths: true },
  { name: "scripts", label: "Scripts", actions: ["read", "write"], hasPaths: true },
  { name: "flows", label: "Flows", actions: ["read", "write"], hasPaths: true },
  { name: "schedules", label: "Schedules", actions: ["read", "write"], hasPaths: true },
  { name: "variables", label: "Variables and secrets", actions: ["read", "write"], hasPaths: true },
  { name: "resources", label: "Resources and states", actions: ["read", "write"], hasPaths: true },
  { name: "job_helpers", label: "Objects in storages", actions: ["read", "write"], hasPaths: false },
  { name: "folders", label: "Folders", actions: ["read", "write"], hasPaths: false },
  { name: "groups", label: "Groups", actions: ["read", "write"], hasPaths: false },
  { name: "users", label: "Members and accounts", actions: ["read", "write"], hasPaths: false },
  { name: "acls", label: "Shares", actions: ["read", "write"], hasPaths: false },
  { name: "workspaces", label: "Workspace settings", actions: ["read", "write"], hasPaths: false },
  { name: "audit", label: "Audit log", actions: ["read"], hasPaths: false },
  { name: "workers", label: "Workers", actions: ["read"], hasPaths: false },
  { name: "oidc", label: "Identity tokens", actions: ["write"], hasPaths: false },
];

/** The paths in a text, by commas, blanks or lines. */
export function pathsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What is wrong with the paths, in words; "" for nothing. */
export function pathsFault(text: string): string {
  const wrong = pathsOf(text).find((each) => !/^(\*|[uf]\/[^/:*]+(\/[^/:*]+)*(\/\*)?|[uf]\/\*)$/.test(each));
  return wrong === undefined ? "" : `“${wrong}” is no path: write f/shop/* for all below a folder, or f/shop/report for one.`;
}

/** The scopes for what was chosen (`domain:action`), narrowed to paths where they can be. */
export function scopesOf(chosen: ReadonlySet<string>, paths: string): string[] {
  const only = pathsOf(paths).join(",");
  return DOMAINS.flatMap(({ name, actions, hasPaths }) => actions.map((action) => `${name}:${action}`).filter((each) => chosen.has(each)).map((each) => (hasPaths && only ? `${each}:${only}` : each)));
}
