/** One job: what the server tells of it, and what can be done to it. */
import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

export const jobKeys = {
  one: (workspace: string, id: string) => ["job", workspace, id] as const,
  result: (workspace: string, id: string) => ["job", workspace, id, "result"] as const,
  args: (workspace: string, id: string) => ["job", workspace, id, "args"] as const,
};

export const jobQuery = (workspace: string, id: string) =>
  queryOptions({
    queryKey: jobKeys.one(workspace, id),
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs_u/get/{id}", { params: { path: { workspace, id }, query: { no_logs: true, no_large: true } } })),
  });

export type Job = Awaited<ReturnType<NonNullable<ReturnType<typeof jobQuery>["queryFn"]>>>;

/** Of a larger result only so much is loaded before somebody asks for all of it; in bytes. */
export const HEAD_BYTES = 4_000_000;

export interface Result {
  text: string;
  /** False: `text` is how it begins. */
  isWhole: boolean;
}

export function resultUrl(workspace: string, id: string): string {
  return workspaceUrl(workspace, "jobs_u/completed/get_result", id);
}

/** The result as text, for numbers are shown with the digits that they were written with. */
export const resultQuery = (workspace: string, id: string, { whole = false } = {}) =>
  queryOptions({
    queryKey: [...jobKeys.result(workspace, id), whole] as const,
    staleTime: Infinity,
    queryFn: async (): Promise<Result> => {
      if (whole) return { text: await (await request(resultUrl(workspace, id))).text(), isWhole: true };
      const answer = await request(resultUrl(workspace, id), { headers: { Range: `bytes=0-${HEAD_BYTES - 1}` } });
      const size = Number(/\/(\d+)$/.exec(answer.headers.get("Content-Range") ?? "")?.[1] ?? 0);
      const head = await headOf(answer.body!, HEAD_BYTES);
      return size > HEAD_BYTES ? { text: head.text.replace(/\uFFFD$/, ""), isWhole: false } : head;
    },
  });

/** The first `most` bytes of a stream as text; what comes behind is not fetched. */
export async function headOf(stream: ReadableStream<Uint8Array>, most: number): Promise<Result> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > most) {
      await reader.cancel();
      return { text: text + decoder.decode(part.value.subarray(0, part.value.length - (size - most)), { stream: true }), isWhole: false };
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return { text: text + decoder.decode(), isWhole: true };
}

export const argsQuery = (workspace: string, id: string) =>
  queryOptions({
    queryKey: jobKeys.args(workspace, id),
    staleTime: Infinity,
    queryFn: async () => (await request(workspaceUrl(workspace, "jobs_u/get_args", id))).text(),
  });

export async function cancelJob(workspace: string, id: string): Promise<void> {
  await request(workspaceUrl(workspace, "jobs_u/queue/cancel", id), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ reason: "Canceled in the browser" }) });
}

async function started(response: Response): Promise<string> {
  return (await response.text()).trim();
}

/** Starts the newest version of a script; `args` is JSON text. Gives the job's id. */
export async function runScript(workspace: string, path: string, args: string): Promise<string> {
  return started(await request(workspaceUrl(workspace, "jobs/run/p", path), { method: "POST", headers: { "Content-Type": "application/json" }, body: args }));
}

/** Starts a source that is not deployed. */
export async function runPreview(workspace: string, preview: { language: string; content: string; path?: string; args: unknown }): Promise<string> {
  return started(await request(workspaceUrl(workspace, "jobs/run/preview"), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(preview) }));
}
