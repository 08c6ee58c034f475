import { queryOptions } from "@tanstack/react-query";

import { api, data } from "@/api/client";
import { itemKeys } from "@/items/queries";

export const variablesQuery = (workspace: string) =>
  queryOptions({
    queryKey: [...itemKeys.all(workspace, "variables"), "list"],
    queryFn: () => data(api.GET("/api/w/{workspace}/variables/list", { params: { path: { workspace } } })),
  });

export type Variable = Awaited<ReturnType<NonNullable<ReturnType<typeof variablesQuery>["queryFn"]>>>[number];

/** A variable; the value of a secret is left where it is. */
export const variableQuery = (workspace: string, path: string) =>
  queryOptions({
    queryKey: itemKeys.one(workspace, "variables", path),
    retry: false,
    staleTime: Infinity, // while it is edited nothing changes under the hands
    queryFn: () => loadVariable(workspace, path),
  });

export async function loadVariable(workspace: string, path: string): Promise<Variable> {
  return data(api.GET("/api/w/{workspace}/variables/get/{path}", { params: { path: { workspace, path }, query: { decrypt_secret: false } } }));
}

/** The value of a secret; that it was read goes into the audit log. */
export async function reveal(workspace: string, path: string): Promise<string> {
  return data(api.GET("/api/w/{workspace}/variables/get_value/{path}", { params: { path: { workspace, path } } }));
}
