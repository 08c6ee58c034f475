/** What is there already, and the calls that bring each kind in: those that every page uses, with the rights of who imports. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { moreOf } from "@/flow/model";
import { write, type Json } from "@/results/shape";

import type { Item, Kind } from "./items";

const JSON_BODY = { "Content-Type": "application/json" };
const MOST = { per_page: 1000 };

/** `kind path` of all that is there and may be seen. */
export const presentQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["imports", workspace, "present"],
    staleTime: 0,
    queryFn: async () => {
      const params = { path: { workspace } };
      const [folders, types, variables, resources, scripts, flows, schedules, owners] = await Promise.all([
        data(api.GET("/api/w/{workspace}/folders/listnames", { params: { ...params, query: MOST } })),
        data(api.GET("/api/w/{workspace}/resources/type/listnames", { params })),
        data(api.GET("/api/w/{workspace}/variables/list", { params })),
        data(api.GET("/api/w/{workspace}/resources/list", { params: { ...params, query: MOST } })),
        data(api.GET("/api/w/{workspace}/scripts/list_paths", { params })),
        data(api.GET("/api/w/{workspace}/flows/list_paths", { params })),
        data(api.GET("/api/w/{workspace}/schedules/list", { params: { ...params, query: MOST } })),
        Promise.all([data(api.GET("/api/w/{workspace}/users/list_usernames", { params })), data(api.GET("/api/w/{workspace}/groups/listnames", { params }))]),
      ]);
      const named = (kind: Kind, names: readonly string[]) => names.map((each) => `${kind} ${each}`);
      return {
        items: new Set([
          ...named("folder", folders),
          ...named("resource type", types),
          ...named("variable", variables.map((each) => each.path)),
          ...named("resource", resources.map((each) => each.path)),
          ...named("script", scripts),
          ...named("flow", flows),
          ...named("schedule", schedules.map((each) => each.path)),
        ]),
        owners: new Set([...owners[0].map((each) => `u/${each}`), ...owners[1].map((each) => `g/${each}`)]),
      };
    },
  });

/** The archive of a workspace of a running Windmill, fetched by the server. */
export async function fetchWindmill(workspace: string, from: { url: string; workspace: string; token: string }): Promise<Uint8Array> {
  const answer = await request(workspaceUrl(workspace, "imports/windmill"), { method: "POST", headers: JSON_BODY, body: JSON.stringify(from) });
  return new Uint8Array(await answer.arrayBuffer());
}

interface Options {
  isThere: boolean;
  /** Members and groups that there are: others get no rights. */
  owners: ReadonlySet<string>;
  /** Whether schedules come switched on as they were. */
  keepsEnabled: boolean;
}

/** Whom it ran as elsewhere is nobody here, and with such a name it would run as whoever imports it. */
const AS_ITS_STARTER = { on_behalf_of: null, on_behalf_of_email: null };

/** Brings one item in, writing over what is there. */
export async function bring(workspace: string, { kind, path, body }: Item, { isThere, owners, keepsEnabled }: Options): Promise<void> {
  const send = (where: string, wanted: { [key: string]: Json }) => request(workspaceUrl(workspace, where), { method: "POST", headers: JSON_BODY, body: write(wanted, 0) });
  switch (kind) {
    case "folder": {
      const kept = (body.owners as string[]).filter((each) => owners.has(each));
      const perms = Object.fromEntries(Object.entries(body.extra_perms as Record<string, boolean>).filter(([each]) => owners.has(each)));
      await send(isThere ? `folders/update/${path}` : "folders/create", { ...(isThere ? {} : { name: path }), summary: body.summary ?? "", display_name: body.display_name ?? "", ...(kept.length ? { owners: kept } : {}), extra_perms: perms });
      return;
    }
    case "resource type":
      await send(isThere ? `resources/type/update/${path}` : "resources/type/create", { ...(isThere ? {} : { name: path }), schema: body.schema ?? {}, description: body.description ?? "" });
      return;
    case "variable":
      await send(isThere ? `variables/update/${path}` : "variables/create", { ...(isThere ? {} : { path }), value: body.value ?? "", is_secret: body.is_secret === true, description: body.description ?? "" });
      return;
    case "resource":
      await send(isThere ? `resources/update/${path}` : "resources/create", { ...(isThere ? {} : { path }), value: body.value ?? null, resource_type: body.resource_type ?? "any", description: body.description ?? "" });
      return;
    case "script":
      await send("scripts/create", { ...body, ...AS_ITS_STARTER, path, summary: body.summary ?? "", description: body.description ?? "", ...(isThere ? { auto_parent: true } : {}), deployment_message: "imported" });
      return;
    case "flow":
      await send(isThere ? `flows/update/${path}` : "flows/create", { ...moreOf(body), ...AS_ITS_STARTER, path, summary: body.summary ?? "", description: body.description ?? "", value: body.value ?? {}, schema: body.schema ?? null, deployment_message: "imported" });
      return;
    case "schedule":
      await send(isThere ? `schedules/update/${path}` : "schedules/create", { ...body, ...(isThere ? {} : { path }), args: body.args ?? {}, ...(isThere ? {} : { enabled: keepsEnabled && body.enabled !== false }) });
      return;
  }
}
