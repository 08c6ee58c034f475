/** Groups: who is in them, and who may change that. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

const JSON_BODY = { "Content-Type": "application/json" };

export const EVERYBODY = "all";

export const groupKeys = { all: (workspace: string) => ["groups", workspace] as const };

export const groupsQuery = (workspace: string) =>
  queryOptions({
    queryKey: [...groupKeys.all(workspace), "list"],
    queryFn: () => data(api.GET("/api/w/{workspace}/groups/list", { params: { path: { workspace }, query: { per_page: 1000 } } })),
  });

export type Group = Awaited<ReturnType<NonNullable<ReturnType<typeof groupsQuery>["queryFn"]>>>[number];

async function post(workspace: string, what: string, name: string, body: unknown): Promise<void> {
  await request(workspaceUrl(workspace, what, name), { method: "POST", headers: JSON_BODY, body: JSON.stringify(body) });
}

export async function createGroup(workspace: string, name: string, summary: string): Promise<void> {
  await request(workspaceUrl(workspace, "groups/create"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ name, summary }) });
}

export const describe = (workspace: string, name: string, summary: string) => post(workspace, "groups/update", name, { summary });
export const putIn = (workspace: string, name: string, username: string) => post(workspace, "groups/adduser", name, { username });
export const takeOut = (workspace: string, name: string, username: string) => post(workspace, "groups/removeuser", name, { username });
export const addManager = (workspace: string, name: string, owner: string) => post(workspace, "acls/add/group_", name, { owner, write: true });
export const removeManager = (workspace: string, name: string, owner: string) => post(workspace, "acls/remove/group_", name, { owner });

export async function deleteGroup(workspace: string, name: string): Promise<void> {
  await request(workspaceUrl(workspace, "groups/delete", name), { method: "DELETE" });
}
