/** A job while it runs: its log and state as they come, over server-sent events that go on where they were. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer } from "react";

import { workspaceUrl } from "@/api/client";

import { jobKeys } from "./queries";

export interface Live {
  log: string;
  stream: string;
  running: boolean;
  completed: boolean;
  success: boolean | undefined;
  progress: number | undefined;
  memory: number | undefined;
  /** The connection is away for now; it comes back by itself. */
  interrupted: boolean;
}

interface Update {
  type?: string;
  running?: boolean;
  completed?: boolean;
  success?: boolean;
  new_logs?: string;
  new_result_stream?: string;
  mem_peak?: number;
  progress?: number;
}

export const NOTHING: Live = { log: "", stream: "", running: false, completed: false, success: undefined, progress: undefined, memory: undefined, interrupted: false };

type Action = { kind: "reset" } | { kind: "interrupted" } | { kind: "update"; update: Update };

export function reduce(state: Live, action: Action): Live {
  switch (action.kind) {
    case "reset":
      return NOTHING;
    case "interrupted":
      return { ...state, interrupted: true };
    case "update": {
      const { update } = action;
      return {
        log: state.log + (update.new_logs ?? ""),
        stream: state.stream + (update.new_result_stream ?? ""),
        running: update.running ?? state.running,
        completed: update.completed ?? state.completed,
        success: update.success ?? state.success,
        progress: update.progress ?? state.progress,
        memory: update.mem_peak ?? state.memory,
        interrupted: false,
      };
    }
  }
}

export function useLiveJob(workspace: string, id: string | undefined): Live {
  const [live, tell] = useReducer(reduce, NOTHING);
  const queries = useQueryClient();
  useEffect(() => {
    tell({ kind: "reset" });
    if (!id) return;
    const source = new EventSource(`${workspaceUrl(workspace, "jobs_u/getupdate_sse", id)}?get_progress=true`);
    source.onmessage = (event: MessageEvent<string>) => {
      const update = JSON.parse(event.data) as Update;
      if (update.type === "ping" || update.type === "timeout") return;
      tell({ kind: "update", update });
      if (update.completed) {
        source.close();
        void queries.invalidateQueries({ queryKey: jobKeys.one(workspace, id) });
        void queries.invalidateQueries({ queryKey: ["runs", workspace] });
      }
    };
    source.onerror = () => tell({ kind: "interrupted" });
    return () => source.close();
  }, [workspace, id, queries]);
  return live;
}
