/** Folders: whose they are, who may do what in them, how much is in them. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

import type { Right } from "./rights";

const JSON_BODY = { "Content-Type": "application/json" };

export const folderKeys = { all: (workspace: string) => ["folders", workspace] as const };

export const foldersQuery = (workspace: string) =>
  queryOptions({
    queryKey: [...folderKeys.all(workspace), "list"],
    queryFn: () => data(api.GET("/api/w/{workspace}/folders/list", { params: { path: { workspace }, query: { per_page: 1000 } } })),
  });

export type Folder = Awaited<ReturnType<NonNullable<ReturnType<typeof foldersQuery>["queryFn"]>>>[number];

export const contentsQuery = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [...folderKeys.all(workspace), "contents", name],
    queryFn: () => data(api.GET("/api/w/{workspace}/folders/getusage/{name}", { params: { path: { workspace, name } } })),
  });

async function post(workspace: string, what: string, name: string, body: unknown): Promise<void> {
  await request(workspaceUrl(workspace, what, name), { method: "POST", headers: JSON_BODY, body: JSON.stringify(body) });
}

export async function createFolder(workspace: string, name: string, summary: string): Promise<void> {
  await request(workspaceUrl(workspace, "folders/create"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ name, summary }) });
}

export const describe = (workspace: string, name: string, change: { summary?: string; display_name?: string }) => post(workspace, "folders/update", name, change);

/** Gives `owner` exactly this right; each change is one of the server's own, so that two people do not undo each other. */
export async function setRight(workspace: string, folder: Folder, owner: string, right: Right | null): Promise<void> {
  const wasOwner = folder.owners.includes(owner);
  const write = right === "writer";
  if (right === "owner") return post(workspace, "folders/addowner", folder.name, { owner });
  if (right === null) {
    if (owner in folder.extra_perms) await post(workspace, "acls/remove/folder", folder.name, { owner });
    if (wasOwner) await post(workspace, "folders/removeowner", folder.name, { owner });
    return;
  }
  await (wasOwner ? post(workspace, "folders/removeowner", folder.name, { owner, write }) : post(workspace, "acls/add/folder", folder.name, { owner, write }));
}

export async function deleteFolder(workspace: string, name: string): Promise<void> {
  await request(workspaceUrl(workspace, "folders/delete", name), { method: "DELETE" });
}
