/** Who is in the workspace, and what they are. */
import { queryOptions } from "@tanstack/react-query";

import { api, ApiError, data, request, workspaceUrl } from "@/api/client";

const JSON_BODY = { "Content-Type": "application/json" };

export type Role = "admin" | "developer" | "operator";

export const memberKeys = { all: (workspace: string) => ["members", workspace] as const };

export const membersQuery = (workspace: string) =>
  queryOptions({ queryKey: [...memberKeys.all(workspace), "list"], queryFn: () => data(api.GET("/api/w/{workspace}/users/list", { params: { path: { workspace } } })) });

export type Member = Awaited<ReturnType<NonNullable<ReturnType<typeof membersQuery>["queryFn"]>>>[number];

export const roleOf = (member: Member): Role => (member.is_admin ? "admin" : member.operator ? "operator" : "developer");

/** Makes an account a member; false where there is no such account. */
export async function addMember(workspace: string, email: string, role: Role, username: string): Promise<boolean> {
  try {
    await request(workspaceUrl(workspace, "workspaces/add_user"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ email, role, ...(username ? { username } : {}) }) });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === "not_found") return false;
    throw error;
  }
}

/** For superadmins. */
export async function createAccount(email: string, name: string, password: string): Promise<void> {
  await request("/api/users/create", { method: "POST", headers: JSON_BODY, body: JSON.stringify({ email, name, password }) });
}

export async function updateMember(workspace: string, username: string, change: { role?: Role; disabled?: boolean }): Promise<void> {
  await request(workspaceUrl(workspace, "users/update", username), { method: "POST", headers: JSON_BODY, body: JSON.stringify(change) });
}

export async function removeMember(workspace: string, username: string): Promise<void> {
  await request(workspaceUrl(workspace, "users/delete", username), { method: "DELETE" });
}

export async function setInGroup(workspace: string, group: string, username: string, isIn: boolean): Promise<void> {
  await request(workspaceUrl(workspace, isIn ? "groups/adduser" : "groups/removeuser", group), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ username }) });
}

export const groupNamesQuery = (workspace: string) =>
  queryOptions({ queryKey: ["groups", workspace, "names"], staleTime: 30_000, queryFn: () => data(api.GET("/api/w/{workspace}/groups/listnames", { params: { path: { workspace } } })) });
