import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, ApiError, data, request, workspaceUrl } from "@/api/client";
import type { RunsSearch } from "@/app/router";
import type { Job } from "@/job/queries";

export const PAGE = 100;
/** So many that match can be chosen at once. */
export const MOST_CHOSEN = 10_000;
const CHUNK = 100;
const JSON_TYPE = { "Content-Type": "application/json" };

/** A moment in the reader's own zone, as the server wants it. */
function moment(local: string | undefined): string | undefined {
  const at = local ? new Date(local) : undefined;
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
}

/** What the address says, as the server is asked. */
export function filterOf(search: RunsSearch) {
  const { path, by, state, kind, worker, tag, schedule, label, args, result, from, to } = search;
  const asked = {
    script_path_start: path,
    created_by: by,
    worker,
    tag,
    schedule_path: schedule,
    label,
    args,
    result,
    created_after: moment(from),
    created_before: moment(to),
    job_kinds: kind === "scripts" ? "script,preview" : kind === "flows" ? "flow,flowpreview,singlestepflow" : kind === "dependencies" ? "dependencies,flowdependencies" : undefined,
    has_null_parent: kind === "all" || kind === "dependencies" ? undefined : true,
    running: state === "running" ? true : state === "queued" ? false : undefined,
    suspended: state === "suspended" ? true : undefined,
    status: state === "success" || state === "failure" || state === "canceled" || state === "skipped" ? state : undefined,
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined && value !== "")) as typeof asked;
}

export const runKeys = { all: (workspace: string) => ["runs", workspace] as const };

export const runsQuery = (workspace: string, search: RunsSearch) =>
  infiniteQueryOptions({
    queryKey: [...runKeys.all(workspace), search] as const,
    refetchInterval: 5_000,
    retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status === 400),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/jobs/list", { params: { path: { workspace }, query: { ...filterOf(search), per_page: PAGE, ...(pageParam ? { before_id: pageParam } : {}) } } })),
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
  });

/** The ids of all that match, the newest first; at most `MOST_CHOSEN`. */
export async function matching(workspace: string, search: RunsSearch): Promise<string[]> {
  const found: string[] = [];
  while (found.length < MOST_CHOSEN) {
    const query = { ...filterOf(search), per_page: 1000, ...(found.length ? { before_id: found.at(-1) } : {}) };
    const page = await data(api.GET("/api/w/{workspace}/jobs/list_filtered_uuids", { params: { path: { workspace }, query } }));
    found.push(...page);
    if (page.length < 1000) break;
  }
  return found.slice(0, MOST_CHOSEN);
}

async function post(workspace: string, path: string, body: unknown): Promise<Response> {
  return request(workspaceUrl(workspace, path), { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
}

async function canceled(workspace: string, ids: string[]): Promise<string[]> {
  return (await (await post(workspace, "jobs/queue/cancel_selection", ids)).json()) as string[];
}

export async function rerun(workspace: string, ids: string[]): Promise<string[]> {
  return (await (await post(workspace, "jobs/run/batch_rerun_jobs", { job_ids: ids })).text()).trim().split("\n");
}

/** How far a piece of work on many runs is. `failures` by the id of the run. */
export interface Progress {
  done: number;
  total: number;
  failures: { id: string; why: string }[];
}

function* chunks(ids: string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += CHUNK) yield ids.slice(at, at + CHUNK);
}

export async function cancelMany(workspace: string, ids: string[], tell: (progress: Progress) => void): Promise<Progress> {
  const progress: Progress = { done: 0, total: ids.length, failures: [] };
  for (const chunk of chunks(ids)) {
    const gone = new Set(await canceled(workspace, chunk));
    progress.done += gone.size;
    progress.failures.push(...chunk.filter((id) => !gone.has(id)).map((id) => ({ id, why: "It had ended already, or you may not cancel it." })));
    tell({ ...progress });
  }
  return progress;
}

/** Each chunk is started as a whole; where one run of it cannot be, its runs are tried one by one. */
export async function rerunMany(workspace: string, ids: string[], tell: (progress: Progress) => void): Promise<Progress> {
  const progress: Progress = { done: 0, total: ids.length, failures: [] };
  for (const chunk of chunks(ids)) {
    try {
      progress.done += (await rerun(workspace, chunk)).length;
    } catch (refusal) {
      if (!(refusal instanceof ApiError) || refusal.status === 0) throw refusal;
      for (const id of chunk) {
        try {
          await rerun(workspace, [id]);
          progress.done++;
        } catch (fault) {
          if (!(fault instanceof ApiError) || fault.status === 0) throw fault;
          progress.failures.push({ id, why: fault.message });
        }
      }
    }
    tell({ ...progress });
  }
  return progress;
}

export const attemptsQuery = (workspace: string, id: string) =>
  queryOptions({
    queryKey: ["job", workspace, id, "attempts"] as const,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs/attempts/{id}", { params: { path: { workspace, id } } })),
  });

export const touchedQuery = (workspace: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ["job", workspace, id, "touched"] as const,
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/w/{workspace}/storage_access/list", { params: { path: { workspace }, query: { job: id, per_page: PAGE, ...(pageParam ? { before_id: pageParam } : {}) } } })),
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** The form of the version that a run was of; null where it has none. */
export const schemaQuery = (workspace: string, hash: string) =>
  queryOptions({
    queryKey: ["script-version", workspace, hash, "schema"] as const,
    staleTime: Infinity,
    queryFn: async () => (await data(api.GET("/api/w/{workspace}/scripts/get/h/{hash}", { params: { path: { workspace, hash } } }))).schema as { properties?: object } | null,
  });

/** Starts what a run was of, with other arguments (JSON text of an object). Gives the new run's id. */
export async function runWith(workspace: string, job: Job, args: string): Promise<string> {
  if (job.job_kind === "script" && job.script_hash) {
    const answer = await request(workspaceUrl(workspace, "jobs/run/h", job.script_hash), { method: "POST", headers: JSON_TYPE, body: args });
    return (await answer.text()).trim();
  }
  const answer = await request(workspaceUrl(workspace, "jobs/run/preview"), {
    method: "POST",
    headers: JSON_TYPE,
    body: `{"language": ${JSON.stringify(job.language)}, "content": ${JSON.stringify(job.raw_code)}, "path": ${JSON.stringify(job.script_path ?? null)}, "args": ${args}}`,
  });
  return (await answer.text()).trim();
}
