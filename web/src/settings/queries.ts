/** One's own credentials, the workspace's settings, and the instance's. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

const JSON_BODY = { "Content-Type": "application/json" };

async function send(path: string, body?: unknown, method = "POST"): Promise<Response> {
  return request(path, { method, ...(body === undefined ? {} : { headers: JSON_BODY, body: JSON.stringify(body) }) });
}

export const settingsKeys = {
  tokens: ["tokens"] as const,
  accessKeys: (workspace: string) => ["access keys", workspace] as const,
  workspace: (workspace: string) => ["workspace settings", workspace] as const,
  accounts: ["accounts"] as const,
  workspaces: ["workspaces", "all"] as const,
  instance: ["instance"] as const,
};

// one's own

export const tokensQuery = queryOptions({ queryKey: settingsKeys.tokens, queryFn: () => data(api.GET("/api/users/tokens/list", { params: { query: { per_page: 1000 } } })) });
export type Token = Awaited<ReturnType<NonNullable<(typeof tokensQuery)["queryFn"]>>>[number];

export interface NewToken {
  label: string;
  expiration: string | null;
  scopes: string[] | null;
  workspace_id: string | null;
  read_only: boolean;
}

export async function createToken(wanted: NewToken): Promise<string> {
  return (await send("/api/users/tokens/create", wanted)).text();
}

export async function revokeToken(prefix: string): Promise<void> {
  await send(`/api/users/tokens/delete/${encodeURIComponent(prefix)}`, undefined, "DELETE");
}

export async function setOwnPassword(password: string): Promise<void> {
  await send("/api/users/setpassword", { password });
}

export async function leaveWorkspace(workspace: string): Promise<void> {
  await send(workspaceUrl(workspace, "workspaces/leave"));
}

export const accessKeysQuery = (workspace: string, isForAll: boolean) =>
  queryOptions({
    queryKey: [...settingsKeys.accessKeys(workspace), isForAll],
    queryFn: () => data(api.GET("/api/w/{workspace}/access_keys/list", { params: { path: { workspace }, query: { per_page: 1000, all_members: isForAll } } })),
  });
export type AccessKey = Awaited<ReturnType<NonNullable<ReturnType<typeof accessKeysQuery>["queryFn"]>>>[number];

export interface MadeKey {
  endpoint: string;
  port_endpoint: string | null;
  access_key: string;
  secret_key: string;
  region: string;
  bucket: string;
}

export async function createAccessKey(workspace: string, wanted: { label: string; read_only: boolean; expiration: string | null }): Promise<MadeKey> {
  return (await send(workspaceUrl(workspace, "access_keys/create"), wanted)).json() as Promise<MadeKey>;
}

export async function revokeAccessKey(workspace: string, key: string): Promise<void> {
  await send(workspaceUrl(workspace, "access_keys/delete", key), undefined, "DELETE");
}

// the workspace

export interface Handlers {
  [name: string]: unknown;
}

export const workspaceSettingsQuery = (workspace: string) =>
  queryOptions({
    queryKey: settingsKeys.workspace(workspace),
    queryFn: async () => (await data(api.GET("/api/w/{workspace}/workspaces/get_settings", { params: { path: { workspace } } }))) as { name: string; color?: string; schedule_handlers?: Handlers },
  });

export const renameWorkspace = (workspace: string, name: string) => send(workspaceUrl(workspace, "workspaces/change_workspace_name"), { new_name: name });
export const colourWorkspace = (workspace: string, color: string | null) => send(workspaceUrl(workspace, "workspaces/change_workspace_color"), { color });
export const archiveWorkspace = (workspace: string) => send(workspaceUrl(workspace, "workspaces/archive"));

export interface DefaultHandler {
  handler_type: "error" | "recovery" | "success";
  path: string | null;
  override_existing: boolean;
  number_of_occurence?: number;
}

export const setDefaultHandler = (workspace: string, handler: DefaultHandler) => send(workspaceUrl(workspace, "schedules/setdefaulthandler"), handler);

/** What can be run, as `script/<path>` and `flow/<path>`. */
export const targetsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["targets", workspace, "names"],
    staleTime: 15_000,
    queryFn: async () => {
      const params = { path: { workspace } };
      const [scripts, flows] = await Promise.all([data(api.GET("/api/w/{workspace}/scripts/list_paths", { params })), data(api.GET("/api/w/{workspace}/flows/list_paths", { params }))]);
      return [...scripts.map((each) => `script/${each}`), ...flows.map((each) => `flow/${each}`)].sort();
    },
  });

// the instance

export const accountsQuery = queryOptions({ queryKey: settingsKeys.accounts, queryFn: () => data(api.GET("/api/users/list_as_super_admin", { params: { query: { per_page: 1000 } } })) });
export type Account = Awaited<ReturnType<NonNullable<(typeof accountsQuery)["queryFn"]>>>[number];

export const createAccount = (email: string, name: string, password: string, isSuperadmin: boolean) => send("/api/users/create", { email, name, password, super_admin: isSuperadmin });
export const updateAccount = (email: string, change: { is_super_admin?: boolean; disabled?: boolean; name?: string }) => send(`/api/users/update/${encodeURIComponent(email)}`, change);
export const setPasswordOf = (email: string, password: string) => send(`/api/users/set_password_of/${encodeURIComponent(email)}`, { password });
export const deleteAccount = (email: string) => send(`/api/users/delete/${encodeURIComponent(email)}`, undefined, "DELETE");

export const allWorkspacesQuery = queryOptions({ queryKey: settingsKeys.workspaces, queryFn: () => data(api.GET("/api/workspaces/list_as_superadmin", { params: { query: { per_page: 1000 } } })) });
export type WorkspaceInfo = Awaited<ReturnType<NonNullable<(typeof allWorkspacesQuery)["queryFn"]>>>[number];

export const createWorkspace = (id: string, name: string) => send("/api/workspaces/create", { id, name });
export const unarchiveWorkspace = (id: string) => send(`/api/workspaces/unarchive/${encodeURIComponent(id)}`);
export const deleteWorkspace = (id: string) => send(`/api/workspaces/delete/${encodeURIComponent(id)}`, undefined, "DELETE");

export const keysQuery = queryOptions({ queryKey: [...settingsKeys.instance, "keys"], queryFn: () => data(api.GET("/api/settings/keys")) });
export const globalsQuery = queryOptions({
  queryKey: [...settingsKeys.instance, "settings"],
  queryFn: async () => Object.fromEntries((await data(api.GET("/api/settings/list_global"))).map((each) => [each.name, each.value as unknown])),
});

export const setGlobal = (name: string, value: unknown) => send(`/api/settings/global/${name}`, { value });
