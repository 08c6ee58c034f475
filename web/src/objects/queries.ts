/** Storages as they are set, and what they hold. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";
import { DEFAULT } from "@/object/address";

const JSON_BODY = { "Content-Type": "application/json" };

export const storagesQuery = (workspace: string) =>
  queryOptions({ queryKey: ["storages", workspace, "list"], queryFn: () => data(api.GET("/api/w/{workspace}/storages/list", { params: { path: { workspace } } })) });

export type Storage = Awaited<ReturnType<NonNullable<ReturnType<typeof storagesQuery>["queryFn"]>>>[number];

export const storageUsageQuery = (workspace: string) =>
  queryOptions({ queryKey: ["storages", workspace, "usage"], staleTime: 60_000, queryFn: () => data(api.GET("/api/w/{workspace}/job_helpers/storage_usage", { params: { path: { workspace } } })) });

export const prefixUsageQuery = (workspace: string, storage: string, prefix: string) =>
  queryOptions({ queryKey: ["objects", workspace, "usage", storage, prefix], queryFn: () => data(api.GET("/api/w/{workspace}/storages/usage", { params: { path: { workspace }, query: { storage, prefix } } })) });

export const bucketResourcesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["resources", workspace, "buckets"],
    queryFn: () => data(api.GET("/api/w/{workspace}/resources/list", { params: { path: { workspace }, query: { resource_type: Object.keys(WIRE_TYPES).join(","), per_page: 1000 } } })),
  });

export async function createStorage(workspace: string, name: string): Promise<void> {
  await request(workspaceUrl(workspace, "storages/create"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ name }) });
}

export async function deleteStorage(workspace: string, name: string): Promise<void> {
  await request(workspaceUrl(workspace, "storages/delete", name), { method: "DELETE" });
}

export interface Step {
  name: string;
  outcome: string;
  advice: string;
}

/** Tries out what a storage can do, step by step. */
export async function examine(workspace: string, name: string): Promise<Step[]> {
  return (await (await request(workspaceUrl(workspace, "storages/examine", name), { method: "POST" })).json()) as Step[];
}

/** Type of a resource -> the type of a storage over it, and the member that leads to it. */
const WIRE_TYPES: Record<string, [string, string]> = {
  s3: ["S3Storage", "s3_resource_path"],
  s3_aws_oidc: ["S3AwsOidc", "s3_resource_path"],
  azure_blob: ["AzureBlobStorage", "azure_blob_resource_path"],
  azure_workload_identity: ["AzureWorkloadIdentity", "azure_blob_resource_path"],
  gcloud_storage: ["GoogleCloudStorage", "gcs_resource_path"],
};

export interface Rule {
  pattern: string;
  allow: string;
}

/** A storage as the setting wants it. */
export function settingOf(storage: Pick<Storage, "kind" | "resource_path" | "root_path" | "public_resource" | "rules" | "has_default_rules">): Record<string, unknown> {
  const wire = WIRE_TYPES[storage.kind];
  return {
    ...(wire ? { type: wire[0], [wire[1]]: storage.resource_path } : { type: "FilesystemStorage", ...(storage.root_path ? { root_path: storage.root_path } : {}) }),
    ...(storage.public_resource ? { public_resource: true } : {}),
    ...(storage.has_default_rules ? {} : { advanced_permissions: storage.rules }),
  };
}

/** Sets one storage and leaves all others as the list has them. Gives what the server says of it. */
export async function setStorage(workspace: string, all: readonly Storage[], changed: Storage): Promise<string> {
  const wanted = [...all.filter((each) => each.name !== changed.name), changed];
  const others = wanted.filter((each) => !each.is_default).map((each) => [each.name, settingOf(each)]);
  const first = wanted.find((each) => each.is_default);
  const body = { large_file_storage: { ...(first ? settingOf(first) : {}), secondary_storage: Object.fromEntries(others) as Record<string, unknown> } };
  const answer = await request(workspaceUrl(workspace, "workspaces/edit_large_file_storage_config"), { method: "POST", headers: JSON_BODY, body: JSON.stringify(body) });
  return answer.text();
}

export function shownName(storage: string): string {
  return storage === DEFAULT ? "default" : storage;
}
