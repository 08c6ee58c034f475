/** Who is signed in, and into which workspace; nobody else signs in or out. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request } from "@/api/client";

export const sessionKeys = { who: ["who"] as const, workspaces: ["workspaces"] as const, member: (workspace: string) => ["member", workspace] as const };

export const whoQuery = queryOptions({ queryKey: sessionKeys.who, queryFn: () => data(api.GET("/api/users/whoami")), retry: false, staleTime: 60_000 });

export const workspacesQuery = queryOptions({ queryKey: sessionKeys.workspaces, queryFn: () => data(api.GET("/api/workspaces/list")), staleTime: 60_000 });

export const memberQuery = (workspace: string) =>
  queryOptions({
    queryKey: sessionKeys.member(workspace),
    queryFn: () => data(api.GET("/api/w/{workspace}/users/whoami", { params: { path: { workspace } } })),
    staleTime: 60_000,
  });

export async function signIn(email: string, password: string): Promise<void> {
  await request("/api/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email, password }) });
}

export async function signOut(): Promise<void> {
  await request("/api/auth/logout", { method: "POST" });
}
