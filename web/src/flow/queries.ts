/** A flow that runs: its levels, all of its jobs, and what can be done to it. */
import { queryOptions, useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, data, request, workspaceUrl } from "@/api/client";
import { jobKeys } from "@/job/queries";
import { readValue } from "@/results/value";

import { normal, type FlowValue } from "./model";
import { paced } from "./paced";
import { standingOf, type FlowStatus, type Level, type Picks, type RestartAt, type Standing } from "./status";
import type { WorkflowStatus } from "./workflow";

const JSON_BODY = { "Content-Type": "application/json" };

export const runKeys = {
  level: (workspace: string, job: string) => [...jobKeys.one(workspace, job), "level"] as const,
  tree: (workspace: string, flow: string) => ["flow run", workspace, flow, "tree"] as const,
  logs: (workspace: string, flow: string) => ["flow run", workspace, flow, "logs"] as const,
  approval: (workspace: string, flow: string) => ["flow run", workspace, flow, "approval"] as const,
};

interface LevelJob extends Level {
  /** What it runs. */
  value: FlowValue | undefined;
}

/** How far the level is that a job runs, with what it runs where `isWhole`. */
export const levelQuery = (workspace: string, job: string, isWhole = false) =>
  queryOptions({
    queryKey: [...runKeys.level(workspace, job), isWhole] as const,
    queryFn: async (): Promise<LevelJob> => {
      const answer = await request(`${workspaceUrl(workspace, "jobs_u/get", job)}?no_logs=true${isWhole ? "" : "&no_code=true"}`);
      const found = readValue(await answer.text()) as unknown as { type: string; canceled: boolean; flow_status?: FlowStatus; raw_flow?: FlowValue };
      return { status: found.flow_status, hasEnded: found.type === "CompletedJob", isCanceled: found.canceled, value: found.raw_flow && normal(found.raw_flow) };
    },
  });

export interface Running extends Standing {
  hasEnded: boolean;
  value: FlowValue | undefined;
  error: unknown;
}

/** A flow as its picture shows it; looks after each level that is shown, as those come to be known. Without a flow nothing. */
export function useRunning(workspace: string, flow: string | undefined, picks: Picks): Running {
  const queries = useQueryClient();
  const known = (job: string) => queries.getQueryData(levelQuery(workspace, job, job === flow).queryKey);
  const value = flow === undefined ? undefined : known(flow)?.value;
  const standing: Standing = value && flow !== undefined ? standingOf(value, flow, known, picks) : { steps: new Map(), levels: [] };
  const jobs = flow === undefined ? [] : [flow, ...standing.levels];
  const isOver = flow !== undefined && (known(flow)?.hasEnded ?? false);
  // The end of a level may be told after the end of the flow closed the line: what stood still then is asked for.
  const stragglers = (query: { state: { data?: LevelJob } }) => isOver && query.state.data?.hasEnded === false && STRAGGLERS_EVERY_MS;
  const all = useQueries({ queries: jobs.map((job) => ({ ...levelQuery(workspace, job, job === flow), refetchInterval: stragglers })) });
  const hasEnded = all[0]?.data?.hasEnded ?? false;
  useChanges(workspace, flow, standing.levels, hasEnded);
  return { ...standing, hasEnded, value, error: all.find((each) => each.error)?.error };
}

/** The server tells of no more at once. */
const MOST_LEVELS = 64;
const LEVELS_EVERY_MS = 150;
const WHOLE_EVERY_MS = 700;
const STRAGGLERS_EVERY_MS = 300;

/** Loads anew what the server says has changed, until the flow has ended. */
function useChanges(workspace: string, flow: string | undefined, levels: string[], hasEnded: boolean) {
  const queries = useQueryClient();
  const query = levels
    .slice(0, MOST_LEVELS)
    .map((each) => `level=${each}`)
    .join("&");
  useEffect(() => {
    if (hasEnded || flow === undefined) return;
    const refresh = (queryKey: readonly unknown[], exact = false) => queries.invalidateQueries({ queryKey, exact });
    const changed = new Set<string>();
    const toLevels = paced(LEVELS_EVERY_MS, async () => {
      const jobs = [...changed];
      changed.clear();
      await Promise.all([...jobs.map((job) => refresh(runKeys.level(workspace, job))), ...(jobs.includes(flow) ? [refresh(jobKeys.one(workspace, flow), true)] : [])]);
    });
    const toWhole = paced(WHOLE_EVERY_MS, () => Promise.all([runKeys.tree, runKeys.logs, runKeys.approval].map((key) => refresh(key(workspace, flow)))));
    const source = new EventSource(`${workspaceUrl(workspace, "jobs_u/flow_changes_sse", flow)}?${query}`);
    source.onmessage = (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as { type: string; jobs?: string[]; completed?: boolean };
      if (told.type === "not_found" || told.completed) source.close();
      if (!told.jobs?.length) return;
      told.jobs.forEach((job) => changed.add(job));
      toLevels.call();
      toWhole.call();
      if (told.completed) {
        void refresh(jobKeys.one(workspace, flow));
        void refresh(["runs", workspace]);
      }
    };
    return () => {
      source.close();
      toLevels.end();
      toWhole.end();
    };
  }, [workspace, flow, query, hasEnded, queries]);
}

/** All jobs below a flow: when each ran and how it stands. */
export const treeQuery = (workspace: string, flow: string) =>
  queryOptions({
    queryKey: runKeys.tree(workspace, flow),
    queryFn: async () => (await data(api.GET("/api/w/{workspace}/jobs_u/get_flow_all_results/{id}", { params: { path: { workspace, id: flow }, query: { max_result_len: 0 } } }))).entries,
  });

export type TreeEntry = Awaited<ReturnType<NonNullable<ReturnType<typeof treeQuery>["queryFn"]>>>[number];

export const allLogsUrl = (workspace: string, flow: string) => workspaceUrl(workspace, "jobs_u/get_flow_all_logs", flow);

export const allLogsQuery = (workspace: string, flow: string) =>
  queryOptions({
    queryKey: runKeys.logs(workspace, flow),
    queryFn: async () => (await request(allLogsUrl(workspace, flow))).text(),
  });

export const workflowKey = (workspace: string, job: string) => [...jobKeys.one(workspace, job), "workflow"] as const;

/** What a workflow in code has come to; null where the job is none, or has not begun. */
export const workflowQuery = (workspace: string, job: string, hasEnded: boolean) =>
  queryOptions({
    queryKey: [...workflowKey(workspace, job), hasEnded] as const,
    placeholderData: (before: WorkflowStatus | null | undefined) => before,
    queryFn: async () => {
      const found = await data(api.GET("/api/w/{workspace}/jobs_u/get/{id}", { params: { path: { workspace, id: job }, query: { no_logs: true, no_code: true, no_large: true } } }));
      return (found.workflow_as_code_status as WorkflowStatus | undefined) ?? null;
    },
  });

/** What a flow asks its members just now. */
export const askedQuery = (workspace: string, flow: string) =>
  queryOptions({
    queryKey: runKeys.approval(workspace, flow),
    retry: false,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs_u/flow/approval_info/{job_id}", { params: { path: { workspace, job_id: flow }, query: { token: "" } } })),
  });

/** Answers as the member who is signed in. */
export async function answerAsMember(workspace: string, flow: string, approved: boolean, payload: unknown): Promise<void> {
  await request(workspaceUrl(workspace, "jobs_u/flow/resume_suspended", flow), { method: "POST", headers: JSON_BODY, body: JSON.stringify({ approved, payload }) });
}

/** Starts a flow that has ended again, from a step on; gives the id of the new run. */
export async function restart(workspace: string, flow: string, at: RestartAt): Promise<string> {
  const answer = await request(workspaceUrl(workspace, "jobs/restart/f", flow), { method: "POST", headers: JSON_BODY, body: JSON.stringify(at) });
  return (await answer.text()).trim();
}

/** Starts the newest version of a flow; `args` is JSON text. */
export async function runFlow(workspace: string, path: string, args: string): Promise<string> {
  return (await (await request(workspaceUrl(workspace, "jobs/run/f", path), { method: "POST", headers: JSON_BODY, body: args })).text()).trim();
}
