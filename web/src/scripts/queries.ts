import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

export const scriptKeys = {
  list: (workspace: string) => ["scripts", workspace] as const,
  one: (workspace: string, path: string) => ["scripts", workspace, "one", path] as const,
  history: (workspace: string, path: string) => ["scripts", workspace, "history", path] as const,
  version: (workspace: string, hash: string) => ["scripts", workspace, "version", hash] as const,
};

export const scriptsQuery = (workspace: string) =>
  queryOptions({
    queryKey: scriptKeys.list(workspace),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/list", { params: { path: { workspace }, query: { per_page: 1000, without_description: true, include_without_main: true } } })),
  });

export const scriptQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: scriptKeys.one(workspace, path),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/get/p/{path}", { params: { path: { workspace, path } } })),
  });

export const historyQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: scriptKeys.history(workspace, path),
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/history/p/{path}", { params: { path: { workspace, path } } })),
  });

export const versionQuery = (workspace: string, hash: string) =>
  queryOptions({
    queryKey: scriptKeys.version(workspace, hash),
    staleTime: Infinity,
    queryFn: () => data(api.GET("/api/w/{workspace}/scripts/get/h/{hash}", { params: { path: { workspace, hash } } })),
  });

export interface Inferred {
  schema: Record<string, unknown>;
  description?: string;
}

/** The form that a source asks for, by parsing only. */
export const inferQuery = (workspace: string, language: string, content: string) =>
  queryOptions({
    queryKey: ["infer", workspace, language, content],
    staleTime: Infinity,
    retry: false,
    queryFn: async (): Promise<Inferred> => {
      const answer = await request(workspaceUrl(workspace, "scripts/infer_schema"), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ language, content }) });
      return (await answer.json()) as Inferred;
    },
  });

export interface Draft {
  path: string;
  summary: string;
  content: string;
  language: string;
  parent_hash?: string;
  deployment_message?: string;
}

/** Deploys a version; gives its hash. */
export async function deploy(workspace: string, draft: Draft): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "scripts/create"), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ description: "", schema: null, ...draft }) });
  return answer.text();
}

export async function archive(workspace: string, path: string): Promise<void> {
  await request(workspaceUrl(workspace, "scripts/archive/p", path), { method: "POST" });
}
