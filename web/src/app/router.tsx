/** Every page of the app and its URL. A page is loaded when it is first opened. */
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";

import { Empty, Failure } from "@/ui/states";

import { sessionKeys, whoQuery, workspacesQuery } from "./session";
import { Shell } from "./shell";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: () => <Empty title="There is no such page">Check the address, or go back to the start with Ctrl K.</Empty>,
  errorComponent: ({ error }) => <Failure error={error} what="This page could not be shown" again={() => location.reload()} />,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string } => (typeof search.next === "string" ? { next: search.next } : {}),
  component: lazyRouteComponent(() => import("@/signin/page"), "SignInPage"),
});

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async ({ context }) => {
    const found = await context.queries.fetchQuery(workspacesQuery);
    const kept = localStorage.getItem("tidemill.workspace");
    const usual = found.find((each) => each.id === kept) ?? found.find((each) => each.id !== "admins") ?? found[0];
    if (usual) throw redirect({ to: "/w/$workspace", params: { workspace: usual.id } });
  },
  component: () => <Empty title="You are not a member of any workspace">Ask an admin to add you to one.</Empty>,
});

/** Beside the workspace and not in it: who has the link needs no login. */
const approval = createRoute({
  getParentRoute: () => root,
  path: "/w/$workspace/approve/$job/$resumeId/$signature",
  validateSearch: (search: Record<string, unknown>): { approver?: string } => (search.approver === undefined || search.approver === "" ? {} : { approver: String(search.approver) }),
  component: lazyRouteComponent(() => import("@/approvals/page"), "ApprovalPage"),
});

const workspace = createRoute({
  getParentRoute: () => root,
  path: "/w/$workspace",
  beforeLoad: async ({ context, params }) => {
    await context.queries.ensureQueryData(whoQuery);
    localStorage.setItem("tidemill.workspace", params.workspace);
    void context.queries.invalidateQueries({ queryKey: sessionKeys.member(params.workspace), refetchType: "none" });
  },
  component: Shell,
});

const home = createRoute({ getParentRoute: () => workspace, path: "/", component: lazyRouteComponent(() => import("@/home/page"), "HomePage") });

export interface ItemsSearch {
  q?: string;
  owner?: string;
  type?: string;
}

const itemsSearch = (search: Record<string, unknown>): ItemsSearch => texts(search, "q", "owner", "type");

const scripts = createRoute({ getParentRoute: () => workspace, path: "/scripts", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/scripts/list-page"), "ScriptsPage") });

const newScript = createRoute({
  getParentRoute: () => workspace,
  path: "/scripts/new",
  validateSearch: (search: Record<string, unknown>): { language?: string; example?: boolean; object?: string } => ({
    ...(typeof search.language === "string" ? { language: search.language } : {}),
    ...(search.example ? { example: true } : {}),
    ...(typeof search.object === "string" ? { object: search.object } : {}),
  }),
  component: lazyRouteComponent(() => import("@/scripts/editor-page"), "NewScriptPage"),
});

const script = createRoute({ getParentRoute: () => workspace, path: "/scripts/p/$", component: lazyRouteComponent(() => import("@/scripts/script-page"), "ScriptPage") });

const editScript = createRoute({
  getParentRoute: () => workspace,
  path: "/scripts/edit/$",
  /** `version`: the hash of an older version to begin with. */
  validateSearch: (search: Record<string, unknown>): { version?: string } => numbersToo(search, "version"),
  component: lazyRouteComponent(() => import("@/scripts/editor-page"), "EditScriptPage"),
});

/** What is looked for among the flows, and in which order they stand. */
export interface FlowsSearch {
  q?: string;
  owner?: string;
  sort?: string;
  archived?: string;
}

const flows = createRoute({
  getParentRoute: () => workspace,
  path: "/flows",
  validateSearch: (search: Record<string, unknown>): FlowsSearch => texts(search, "q", "owner", "sort", "archived"),
  component: lazyRouteComponent(() => import("@/flows/list-page"), "FlowsPage"),
});

const newFlow = createRoute({
  getParentRoute: () => workspace,
  path: "/flows/new",
  /** `script`: the path of a script that is to be its first step. */
  validateSearch: (search: Record<string, unknown>): { script?: string } => texts(search, "script"),
  component: lazyRouteComponent(() => import("@/flows/editor-page"), "NewFlowPage"),
});

const flow = createRoute({ getParentRoute: () => workspace, path: "/flows/p/$", component: lazyRouteComponent(() => import("@/flows/flow-page"), "FlowPage") });

const editFlow = createRoute({ getParentRoute: () => workspace, path: "/flows/edit/$", component: lazyRouteComponent(() => import("@/flows/editor-page"), "EditFlowPage") });

/** Which runs are shown; `from` and `to` in the reader's own zone, `args` and `result` as JSON that they contain. */
export interface RunsSearch {
  path?: string;
  state?: "queued" | "running" | "suspended" | "success" | "failure" | "canceled" | "skipped";
  by?: string;
  kind?: "scripts" | "flows" | "dependencies" | "all";
  worker?: string;
  tag?: string;
  schedule?: string;
  label?: string;
  args?: string;
  result?: string;
  from?: string;
  to?: string;
}

/** The router reads what looks like JSON; these are texts of JSON. */
function jsonTexts(search: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return { ...search, ...Object.fromEntries(names.filter((name) => search[name] !== undefined && typeof search[name] !== "string").map((name) => [name, JSON.stringify(search[name])])) };
}

const runs = createRoute({
  getParentRoute: () => workspace,
  path: "/runs",
  validateSearch: (search: Record<string, unknown>): RunsSearch => texts(jsonTexts(search, "args", "result"), "path", "state", "by", "kind", "worker", "tag", "schedule", "label", "args", "result", "from", "to") as RunsSearch,
  component: lazyRouteComponent(() => import("@/runs/list-page"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => workspace,
  path: "/runs/$id",
  /** `step`: which step of a flow is looked at. */
  validateSearch: (search: Record<string, unknown>): { step?: string } => numbersToo(search, "step"),
  component: lazyRouteComponent(() => import("@/runs/run-page"), "RunPage"),
});

/** The parameters of `names` that are texts and not empty. */
function texts<Name extends string>(search: Record<string, unknown>, ...names: Name[]): Partial<Record<Name, string>> {
  return Object.fromEntries(names.filter((name) => typeof search[name] === "string" && search[name]).map((name) => [name, search[name]])) as Partial<Record<Name, string>>;
}

/** As `texts`; a text of digits comes from the address as a number. */
function numbersToo<Name extends string>(search: Record<string, unknown>, ...names: Name[]): Partial<Record<Name, string>> {
  return texts(Object.fromEntries(Object.entries(search).map(([name, value]) => [name, typeof value === "number" ? String(value) : value])), ...names);
}

const resources = createRoute({ getParentRoute: () => workspace, path: "/resources", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/resources/list-page"), "ResourcesPage") });

const newResource = createRoute({
  getParentRoute: () => workspace,
  path: "/resources/new",
  validateSearch: (search: Record<string, unknown>): { type?: string } => texts(search, "type"),
  component: lazyRouteComponent(() => import("@/resources/new-page"), "NewResourcePage"),
});

const resource = createRoute({ getParentRoute: () => workspace, path: "/resources/p/$", component: lazyRouteComponent(() => import("@/resources/resource-page"), "ResourcePage") });

const variables = createRoute({ getParentRoute: () => workspace, path: "/variables", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/variables/list-page"), "VariablesPage") });

const newVariable = createRoute({ getParentRoute: () => workspace, path: "/variables/new", component: lazyRouteComponent(() => import("@/variables/variable-page"), "NewVariablePage") });

const variable = createRoute({ getParentRoute: () => workspace, path: "/variables/p/$", component: lazyRouteComponent(() => import("@/variables/variable-page"), "VariablePage") });

const states = createRoute({ getParentRoute: () => workspace, path: "/states", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/states/list-page"), "StatesPage") });

const state = createRoute({ getParentRoute: () => workspace, path: "/states/p/$", component: lazyRouteComponent(() => import("@/states/state-page"), "StatePage") });

const schedules = createRoute({ getParentRoute: () => workspace, path: "/schedules", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/schedules/list-page"), "SchedulesPage") });

const newSchedule = createRoute({
  getParentRoute: () => workspace,
  path: "/schedules/new",
  /** `target`: what it is to run, as `script/<path>` or `flow/<path>`. */
  validateSearch: (search: Record<string, unknown>): { target?: string } => texts(search, "target"),
  component: lazyRouteComponent(() => import("@/schedules/schedule-page"), "NewSchedulePage"),
});

const schedule = createRoute({ getParentRoute: () => workspace, path: "/schedules/p/$", component: lazyRouteComponent(() => import("@/schedules/schedule-page"), "SchedulePage") });

const storages = createRoute({ getParentRoute: () => workspace, path: "/storages", component: lazyRouteComponent(() => import("@/objects/storages-page"), "StoragesPage") });

/** Where one is in a storage: the folder, the object that is shown, what was looked for. */
export interface BrowserSearch {
  prefix?: string;
  key?: string;
  q?: string;
}

const storage = createRoute({
  getParentRoute: () => workspace,
  path: "/storages/$storage",
  validateSearch: (search: Record<string, unknown>): BrowserSearch => texts(search, "prefix", "key", "q"),
  component: lazyRouteComponent(() => import("@/objects/browser-page"), "BrowserPage"),
});

const databases = createRoute({ getParentRoute: () => workspace, path: "/databases", validateSearch: itemsSearch, component: lazyRouteComponent(() => import("@/databases/list-page"), "DatabasesPage") });

/** Which table is shown, how it is sorted (`-` before the column: downwards) and filtered (`query`: in the database's own words); or the console. */
export interface DatabaseSearch {
  schema?: string;
  table?: string;
  view?: string;
  sort?: string;
  where?: string;
  query?: string;
}

const database = createRoute({
  getParentRoute: () => workspace,
  path: "/databases/p/$",
  validateSearch: (search: Record<string, unknown>): DatabaseSearch => texts(search, "schema", "table", "view", "sort", "where", "query"),
  component: lazyRouteComponent(() => import("@/databases/database-page"), "DatabasePage"),
});

const workers = createRoute({ getParentRoute: () => workspace, path: "/workers", component: lazyRouteComponent(() => import("@/workers/page"), "WorkersPage") });

/** Which records of the audit log are shown (`from` and `to` in the reader's own zone), and the one beside. */
export interface AuditSearch {
  user?: string;
  operation?: string;
  kind?: string;
  resource?: string;
  from?: string;
  to?: string;
  all?: string;
  id?: string;
}

const audit = createRoute({
  getParentRoute: () => workspace,
  path: "/audit",
  validateSearch: (search: Record<string, unknown>): AuditSearch => numbersToo(search, "user", "operation", "kind", "resource", "from", "to", "all", "id"),
  component: lazyRouteComponent(() => import("@/audit/page"), "AuditPage"),
});

export interface MembersSearch {
  q?: string;
  role?: string;
}

const membersSearch = (search: Record<string, unknown>): MembersSearch => texts(search, "q", "role");
const membersPage = lazyRouteComponent(() => import("@/members/page"), "MembersPage");
const members = createRoute({ getParentRoute: () => workspace, path: "/members", validateSearch: membersSearch, component: membersPage });
const member = createRoute({ getParentRoute: () => members, path: "/$username" });

const groupsPage = lazyRouteComponent(() => import("@/groups/page"), "GroupsPage");
const groups = createRoute({ getParentRoute: () => workspace, path: "/groups", component: groupsPage });
const group = createRoute({ getParentRoute: () => groups, path: "/$name" });

const foldersPage = lazyRouteComponent(() => import("@/folders/page"), "FoldersPage");
const folders = createRoute({ getParentRoute: () => workspace, path: "/folders", validateSearch: itemsSearch, component: foldersPage });
const folder = createRoute({ getParentRoute: () => folders, path: "/$name" });

const settings = createRoute({
  getParentRoute: () => workspace,
  path: "/settings",
  beforeLoad: ({ params, location }) => {
    if (/\/settings\/?$/.test(location.pathname)) throw redirect({ to: "/w/$workspace/settings/$section", params: { workspace: params.workspace, section: "account" } });
  },
  component: lazyRouteComponent(() => import("@/settings/page"), "SettingsPage"),
});
const settingsSection = createRoute({ getParentRoute: () => settings, path: "/$section" });

const imports = createRoute({ getParentRoute: () => workspace, path: "/import", component: lazyRouteComponent(() => import("@/imports/page"), "ImportPage") });

const inWorkspace = [
  ...[flows, newFlow, flow, editFlow],
  ...[home, scripts, newScript, script, editScript, runs, run],
  ...[schedules, newSchedule, schedule, workers],
  ...[resources, newResource, resource, variables, newVariable, variable, states, state],
  ...[storages, storage, databases, database],
  ...[members.addChildren([member]), groups.addChildren([group]), folders.addChildren([folder]), audit, settings.addChildren([settingsSection]), imports],
] as const;

const pages = root.addChildren([signIn, start, approval, workspace.addChildren(inWorkspace)]);

export function makeRouter(queries: QueryClient) {
  return createRouter({ routeTree: pages, context: { queries }, defaultPreload: "intent", defaultPreloadStaleTime: 0, scrollRestoration: true });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
