/** Objects: where they are, what is in them, and what can be done to them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, ApiError, data, request, workspaceUrl } from "@/api/client";
import { parse, type Json } from "@/results/shape";

import { addressOf, type At } from "./address";

const PAGE = 500;
const ROWS = 200;
const JSON_BODY = { "Content-Type": "application/json" };

export const objectKeys = {
  folder: (workspace: string, storage: string) => ["objects", workspace, "folder", storage] as const,
  one: (workspace: string, at: At) => ["objects", workspace, "one", at.storage, at.key] as const,
  links: (workspace: string, at: At) => ["objects", workspace, "links", at.storage, at.key] as const,
};

export const storageNamesQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["storages", workspace, "names"],
    staleTime: 15_000,
    queryFn: () => data(api.GET("/api/w/{workspace}/workspaces/get_secondary_storage_names", { params: { path: { workspace }, query: { include_default: true } } })),
  });

export const folderQuery = (workspace: string, storage: string, prefix: string) =>
  infiniteQueryOptions({
    queryKey: [...objectKeys.folder(workspace, storage), prefix],
    initialPageParam: "",
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/job_helpers/list_stored_files_paged", { params: { path: { workspace }, query: { storage, prefix, max_keys: PAGE, ...(pageParam ? { page_token: pageParam } : {}) } } })),
    getNextPageParam: (page) => page.next_page_token,
  });

/** Keys at any depth that hold a text. */
export const searchQuery = (workspace: string, storage: string, prefix: string, search: string) =>
  infiniteQueryOptions({
    queryKey: [...objectKeys.folder(workspace, storage), prefix, "search", search],
    initialPageParam: "",
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/job_helpers/list_stored_files", { params: { path: { workspace }, query: { storage, prefix, search, max_keys: PAGE, ...(pageParam ? { marker: pageParam } : {}) } } })),
    getNextPageParam: (page) => page.next_marker,
  });

/** All keys below a prefix. */
export async function keysBelow(workspace: string, storage: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (let marker = ""; ; ) {
    const page = await data(api.GET("/api/w/{workspace}/job_helpers/list_stored_files", { params: { path: { workspace }, query: { storage, prefix, max_keys: 1000, ...(marker ? { marker } : {}) } } }));
    found.push(...page.windmill_large_files.map((each) => each.s3));
    if (!page.next_marker) return found;
    marker = page.next_marker;
  }
}

function helper(workspace: string, name: string, query: Record<string, string | number>): string {
  return `${workspaceUrl(workspace, "job_helpers", name)}?${new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString()}`;
}

export function downloadUrl(workspace: string, { storage, key }: At): string {
  return helper(workspace, "download_s3_file", { storage, file_key: key });
}

export const describedQuery = (workspace: string, at: At) =>
  queryOptions({
    queryKey: [...objectKeys.one(workspace, at), "described"],
    queryFn: () => data(api.GET("/api/w/{workspace}/job_helpers/describe_object", { params: { path: { workspace }, query: { storage: at.storage, file_key: at.key } } })),
  });

export const metadataQuery = (workspace: string, at: At) =>
  queryOptions({
    queryKey: [...objectKeys.one(workspace, at), "metadata"],
    queryFn: () => data(api.GET("/api/w/{workspace}/job_helpers/load_file_metadata", { params: { path: { workspace }, query: { storage: at.storage, file_key: at.key } } })),
  });

export interface Rows {
  columns: { name: string; type: string }[];
  rows: Json[][];
  next_offset: number | null;
  total: number | null;
}

/** Rows of a table, a page at a time, with the digits that they are written with. */
export const rowsQuery = (workspace: string, { storage, key }: At, sort: { column: string; down: boolean } | null) =>
  infiniteQueryOptions({
    queryKey: [...objectKeys.one(workspace, { storage, key }), "rows", sort],
    initialPageParam: 0,
    queryFn: async ({ pageParam }): Promise<Rows> => {
      const query = new URLSearchParams({ storage, offset: String(pageParam), limit: String(ROWS), ...(sort ? { sort_col: sort.column, sort_desc: String(sort.down) } : {}) });
      const text = await (await request(`${workspaceUrl(workspace, "job_helpers/preview_table")}/${encodeURIComponent(key)}?${query.toString()}`)).text();
      const { columns, next_offset, total } = JSON.parse(text) as Rows;
      return { columns, next_offset, total, rows: (parse(text) as unknown as Rows).rows };
    },
    getNextPageParam: (page) => page.next_offset ?? undefined,
  });

const TEXT_BYTES = 128 * 1024;

/** Text by ranges: a page is a part of the object. */
export const textQuery = (workspace: string, { storage, key }: At, size: number) =>
  infiniteQueryOptions({
    queryKey: [...objectKeys.one(workspace, { storage, key }), "text"],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/job_helpers/load_file_preview", { params: { path: { workspace }, query: { storage, file_key: key, read_bytes_from: pageParam, read_bytes_length: TEXT_BYTES } } })),
    getNextPageParam: (_page, _pages, from) => (from + TEXT_BYTES < size ? from + TEXT_BYTES : undefined),
  });

/** The whole object for the browser to draw; only asked for where it is small enough. */
export const blobQuery = (workspace: string, at: At, media: string) =>
  queryOptions({
    queryKey: [...objectKeys.one(workspace, at), "blob"],
    gcTime: 60_000,
    queryFn: async () => new Blob([await (await request(downloadUrl(workspace, at))).arrayBuffer()], { type: media }),
  });

export async function copyObject(workspace: string, from: At, to: At): Promise<void> {
  await request(workspaceUrl(workspace, "job_helpers/copy_s3_file"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ src_storage: from.storage, src_file_key: from.key, dest_storage: to.storage, dest_file_key: to.key, create_only: true }) });
}

export async function deleteObject(workspace: string, { storage, key }: At): Promise<void> {
  await request(helper(workspace, "delete_s3_file", { storage, file_key: key }), { method: "DELETE" });
}

/** To another key or storage; what is at the target already is not replaced. */
export async function moveObject(workspace: string, from: At, to: At): Promise<void> {
  if (from.storage !== to.storage) {
    await copyObject(workspace, from, to);
    return deleteObject(workspace, from);
  }
  if (await exists(workspace, to)) throw new Error(`There is an object at ${to.key} already.`);
  await request(helper(workspace, "move_s3_file", { storage: from.storage, src_file_key: from.key, dest_file_key: to.key }));
}

export interface Removal {
  deleted: number;
  failed: number;
  failures: { file_key: string; message: string }[];
  done: boolean;
}

/** Removes many; `told` hears how far it is. Gives the last news, with all failures that were named. */
export async function deleteObjects(workspace: string, storage: string, keys: string[], told: (news: Removal) => void): Promise<Removal> {
  const answer = await request(helper(workspace, "delete_s3_files", { storage }), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ file_keys: keys }) });
  const failures: Removal["failures"] = [];
  let last: Removal = { deleted: 0, failed: 0, failures, done: false };
  for await (const line of linesOf(answer)) {
    const news = JSON.parse(line) as Removal;
    failures.push(...news.failures);
    last = { ...news, failures };
    told(last);
  }
  return last;
}

async function* linesOf(answer: Response): AsyncGenerator<string> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    kept += value ?? "";
    const lines = kept.split("\n");
    kept = lines.pop()!;
    yield* lines.filter(Boolean);
    if (done) break;
  }
  if (kept) yield kept;
}

export const linksQuery = (workspace: string, at: At) =>
  queryOptions({
    queryKey: objectKeys.links(workspace, at),
    queryFn: () => data(api.GET("/api/w/{workspace}/object_links/list", { params: { path: { workspace }, query: { storage: at.storage, file_key: at.key } } })),
  });

/** An address that anybody can open, for a while. */
export async function makeLink(workspace: string, { storage, key }: At, seconds: number): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "apps/sign_s3_objects"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ s3_objects: [{ s3: key, storage }], expiry_secs: seconds }) });
  const [signed] = (await answer.json()) as { presigned: string }[];
  return `${location.origin}${workspaceUrl(workspace, "s3_proxy", storage, key)}?${signed!.presigned}`;
}

export async function revokeLink(workspace: string, id: string): Promise<void> {
  await request(workspaceUrl(workspace, "object_links/revoke", id), { method: "DELETE" });
}

export const ACTIONS = ["read", "write", "delete", "list"] as const;

/** What somebody may do with a key, and which rule says so; without a name, what the reader may. */
export const rightsQuery = (workspace: string, { storage, key }: At, username: string) =>
  queryOptions({
    queryKey: [...objectKeys.one(workspace, { storage, key }), "rights", username],
    queryFn: () =>
      Promise.all(
        ACTIONS.map(async (action) => {
          const answer = await request(workspaceUrl(workspace, "storages/explain"), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ storage, key, action, ...(username ? { username } : {}) }) });
          return { action, ...((await answer.json()) as { allowed: boolean; reason: string }) };
        }),
      ),
  });

export const membersQuery = (workspace: string) =>
  queryOptions({ queryKey: ["members", workspace, "names"], staleTime: 60_000, queryFn: () => data(api.GET("/api/w/{workspace}/users/list_usernames", { params: { path: { workspace } } })) });

export const accessesQuery = (workspace: string, at: At) =>
  queryOptions({
    queryKey: [...objectKeys.one(workspace, at), "accesses"],
    queryFn: () => data(api.GET("/api/w/{workspace}/storage_access/list", { params: { path: { workspace }, query: { address: `s3://${at.storage}/${at.key}`, per_page: 20 } } })),
  });

/** Sends a body and tells how far it is, which `fetch` cannot. */
function send(method: string, url: string, body: Blob, sent: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open(method, url);
    call.setRequestHeader("X-Tidemill-CSRF", "1");
    call.setRequestHeader("Content-Type", "application/octet-stream");
    call.upload.onprogress = (event) => sent(event.loaded);
    call.onload = () => (call.status < 300 ? resolve(call.responseText) : reject(new Error(call.responseText || `The server answered ${call.status}.`)));
    call.onerror = () => reject(new Error("The connection broke off; what has arrived is kept."));
    call.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    signal.addEventListener("abort", () => call.abort(), { once: true });
    call.send(body);
  });
}

const SMALL_BYTES = 16 * 1024 * 1024;

interface Sending {
  workspace: string;
  at: At;
  file: File;
  sent: (bytes: number) => void;
  signal: AbortSignal;
}

function isType(text: string): boolean {
  return /^[ -~]{1,255}$/.test(text);
}

export async function exists(workspace: string, { storage, key }: At): Promise<boolean> {
  const found = await data(api.GET("/api/w/{workspace}/job_helpers/check_s3_folder_exists", { params: { path: { workspace }, query: { storage, file_key: key } } }));
  return found.exists && !found.is_folder;
}

/** Puts a file into an object: small ones at once, large ones in parts that are gone on with after a break. */
export async function upload(sending: Sending): Promise<void> {
  const { workspace, at, file, sent, signal } = sending;
  const type = isType(file.type) ? { content_type: file.type } : undefined;
  if (file.size > SMALL_BYTES) return uploadParts(sending, type);
  await send("POST", helper(workspace, "upload_s3_file", { storage: at.storage, file_key: at.key, ...type }), file, sent, signal);
}

/** What is remembered of an upload so that the same file goes on after the page was closed. */
function memoryOf({ workspace, at, file }: Sending): string {
  return `tidemill.upload.${workspace}.${addressOf(at)}.${file.size}.${file.lastModified}`;
}

/** At most 10,000 parts make an object, as in S3. */
function partBytes(size: number): number {
  return Math.max(SMALL_BYTES, Math.ceil(size / 10_000));
}

/** The parts that have arrived; undefined where the upload was given up or has ended. */
async function partsThere(uploads: (...parts: string[]) => string, id: string): Promise<Set<number> | undefined> {
  const found = new Set<number>();
  try {
    for (let after = 0; ; ) {
      const page = (await (await request(`${uploads("parts", id)}&after=${after}`)).json()) as { number: number }[];
      page.forEach((each) => found.add(each.number));
      if (page.length < 1000) return found;
      after = page.at(-1)!.number;
    }
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

async function uploadParts(sending: Sending, type: { content_type: string } | undefined): Promise<void> {
  const { workspace, at, file, sent, signal } = sending;
  const place = new URLSearchParams({ storage: at.storage, file_key: at.key }).toString();
  const uploads = (...parts: string[]) => `${workspaceUrl(workspace, "object_uploads", ...parts)}?${place}`;
  const memory = memoryOf(sending);
  let id = localStorage.getItem(memory);
  const there = id ? await partsThere(uploads, id) : undefined;
  if (!id || !there) {
    const answer = await request(`${uploads("start")}${type ? `&${new URLSearchParams(type).toString()}` : ""}`, { method: "POST" });
    id = ((await answer.json()) as { id: string }).id;
    localStorage.setItem(memory, id);
  }
  const size = partBytes(file.size);
  for (let number = 1; (number - 1) * size < file.size; number++) {
    const from = (number - 1) * size;
    if (!there?.has(number)) await send("PUT", uploads("part", id, String(number)), file.slice(from, from + size), (bytes) => sent(from + bytes), signal);
    sent(Math.min(file.size, from + size));
  }
  await request(uploads("complete", id), { method: "POST", headers: JSON_BODY, body: "{}", signal });
  localStorage.removeItem(memory);
}
