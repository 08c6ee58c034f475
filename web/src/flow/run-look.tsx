/** How the steps of a picture stand in a run. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { duration } from "@/ui/time";

import type { ListRef } from "./edit";
import type { GraphProps } from "./nodes";
import { isLoop, type Step } from "./model";
import { treeQuery, type Running } from "./queries";
import { Pager } from "./step-run";

/** What a graph is given to show a run; nothing without one. */
export function useRunLook(workspace: string, flow: string | undefined, running: Running, onPick: (step: string, index: number) => void): Pick<GraphProps, "lookOf" | "detailOf" | "isIdle"> {
  const tree = useQuery({ ...treeQuery(workspace, flow ?? ""), enabled: flow !== undefined });
  const took = useMemo(() => new Map((tree.data ?? []).flatMap((each) => (each.duration_ms === undefined ? [] : [[each.job_id, each.duration_ms] as const]))), [tree.data]);
  const { steps } = running;
  const branches = JSON.stringify([...steps].flatMap(([id, run]) => (run.branch === undefined ? [] : [[id, run.branch]])));
  const isIdle = useMemo(() => {
    const chosen = new Map(JSON.parse(branches) as [string, number][]);
    return ({ step, list }: ListRef) => step !== null && chosen.has(step) && chosen.get(step) !== list;
  }, [branches]);
  if (flow === undefined) return {};
  return {
    isIdle,
    lookOf(id) {
      const run = steps.get(id);
      const ms = run?.job === undefined || run.children ? undefined : took.get(run.job); // the job of a loop is its last iteration
      return { state: run?.state ?? "waiting", note: ms === undefined || run?.state === "running" ? undefined : duration(ms) };
    },
    detailOf(step: Step) {
      const children = steps.get(step.id)?.children;
      return children && isLoop(step) ? <Pager all={children} isSmall onPick={(index) => onPick(step.id, index)} /> : undefined;
    },
  };
}
