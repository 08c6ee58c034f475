/** Whom a single item is shared with, and whom there is to share with. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

/** What can be shared, by the API's names. */
export type Shareable = "script" | "flow" | "variable" | "resource" | "schedule";

const JSON_BODY = { "Content-Type": "application/json" };

export const sharesQuery = (workspace: string, kind: Shareable, path: string) =>
  queryOptions({
    queryKey: ["shares", workspace, kind, path],
    queryFn: () => data(api.GET("/api/w/{workspace}/acls/get/{kind}/{path}", { params: { path: { workspace, kind, path } } })),
  });

/** Whom something can be shared with: `u/<member>` and `g/<group>`. */
export const ownersQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["owners", workspace],
    staleTime: 60_000,
    queryFn: async () => {
      const params = { path: { workspace } };
      const [members, groups] = await Promise.all([data(api.GET("/api/w/{workspace}/users/list_usernames", { params })), data(api.GET("/api/w/{workspace}/groups/listnames", { params }))]);
      return [...groups.map((each) => `g/${each}`), ...members.map((each) => `u/${each}`)];
    },
  });

/** Who may do what in the folder of a path. */
export const folderOfQuery = (workspace: string, name: string) =>
  queryOptions({
    queryKey: ["folders", workspace, "one", name],
    retry: false,
    queryFn: () => data(api.GET("/api/w/{workspace}/folders/get/{name}", { params: { path: { workspace, name } } })),
  });

export async function share(workspace: string, kind: Shareable, path: string, owner: string, write: boolean): Promise<void> {
  await request(workspaceUrl(workspace, "acls/add", kind, path), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ owner, write }) });
}

export async function unshare(workspace: string, kind: Shareable, path: string, owner: string): Promise<void> {
  await request(workspaceUrl(workspace, "acls/remove", kind, path), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ owner }) });
}
