import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { itemKeys } from "@/items/queries";
import { parse, write, type Json } from "@/results/shape";

const PAGE = 1000;
const JSON_BODY = { "Content-Type": "application/json" };

export const resourcesQuery = (workspace: string) =>
  queryOptions({
    queryKey: [...itemKeys.all(workspace, "resources"), "list"],
    queryFn: async () => {
      const read = (page: number) => data(api.GET("/api/w/{workspace}/resources/list", { params: { path: { workspace }, query: { resource_type_exclude: "state", per_page: PAGE, page } } }));
      const found = await read(1);
      for (let page = 2; found.length === PAGE * (page - 1); page++) found.push(...(await read(page)));
      return found;
    },
  });

export interface ResourceType {
  name: string;
  display_name?: string;
  description: string;
  category?: string;
  schema: Schema;
}

export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  default?: unknown;
  password?: boolean;
  order?: string[];
  required?: string[];
}

export const typesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["resource-types", workspace],
    staleTime: 60_000,
    queryFn: async () => (await data(api.GET("/api/w/{workspace}/resources/type/list", { params: { path: { workspace } } }))) as ResourceType[],
  });

/** What a connection URL stands for: a type, and its value as JSON text. */
export async function readUrl(workspace: string, url: string): Promise<{ type: string; text: string }> {
  const answer = await request(workspaceUrl(workspace, "resources/from_url"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ url }) });
  const found = parse(await answer.text()) as { resource_type: string; value: Json };
  return { type: found.resource_type, text: write(found.value) };
}

export interface Tested {
  success: boolean;
  message: string;
}

/** Tries a connection with a value that need not be stored. */
export async function test(workspace: string, type: string, text: string): Promise<Tested> {
  const answer = await request(workspaceUrl(workspace, "resources/test_value"), { method: "POST", headers: JSON_BODY, body: `{"resource_type":${JSON.stringify(type)},"value":${text}}` });
  return (await answer.json()) as Tested;
}

export async function isTaken(workspace: string, path: string): Promise<boolean> {
  return data(api.GET("/api/w/{workspace}/resources/exists/{path}", { params: { path: { workspace, path } } }));
}

export async function isVariableTaken(workspace: string, path: string): Promise<boolean> {
  return data(api.GET("/api/w/{workspace}/variables/exists/{path}", { params: { path: { workspace, path } } }));
}
