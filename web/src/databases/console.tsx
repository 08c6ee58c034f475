/** Statements against a database, with what they give. What is written here is kept in this browser. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { History as HistoryIcon, Play, Route } from "lucide-react";
import { useState } from "react";

import { Editor } from "@/editor";
import { ResultView } from "@/results/view";
import { Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { Empty, Failure, Loading } from "@/ui/states";
import { duration } from "@/ui/time";

import { History } from "./history";
import { PlanView } from "./plan";
import { completionQuery, databaseKeys, explain, runScript, type Abilities, type TableName } from "./queries";

const BEGINNINGS: Record<string, string> = {
  mongodb: "collection: orders\nfind: {}\nlimit: 50\n",
  redis: "INFO server\n",
  upstash: "INFO server\n",
  oracledb: "select 1 from dual\n",
};

interface ConsoleProps {
  workspace: string;
  resource: string;
  language: string;
  can: Abilities;
  tables: TableName[];
}

export function Console({ workspace, resource, language, can, tables }: ConsoleProps) {
  const memory = `tidemill.console.${workspace}.${resource}`;
  const [text, setText] = useState(() => localStorage.getItem(memory) ?? BEGINNINGS[language] ?? "select 1;\n");
  const [isHistory, setHistory] = useState(false);
  const completion = useQuery(completionQuery(workspace, resource, tables));
  const queries = useQueryClient();
  const run = useMutation({
    meta: { quiet: true },
    mutationFn: (content: string) => runScript(workspace, resource, content),
    onSettled: () => queries.invalidateQueries({ queryKey: databaseKeys.history(workspace, resource) }),
  });
  const plan = useMutation({ mutationFn: (runs: boolean) => explain(workspace, resource, text, runs), meta: { quiet: true } });
  const shown = (plan.submittedAt ?? 0) > (run.submittedAt ?? 0) ? plan : run;
  function write(now: string) {
    setText(now);
    localStorage.setItem(memory, now);
  }
  return (
    <div className="flex h-full min-h-0 flex-col md:flex-row">
      <div className={cls("min-h-0 min-w-0 flex-1 flex-col md:flex", isHistory ? "hidden" : "flex")}>
        <div className="h-56 shrink-0 resize-y overflow-hidden border-b border-line">
          <Editor label="Statements" language={language} value={text} onChange={write} onRun={() => run.mutate(text)} completion={completion.data} />
        </div>
        <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
          <Button small look="primary" icon={<Play size={13} aria-hidden />} busy={run.isPending} onClick={() => run.mutate(text)}>
            Run
          </Button>
          {can.plans && (
            <Button small icon={<Route size={13} aria-hidden />} busy={plan.isPending && !plan.variables} onClick={() => plan.mutate(false)}>
              Plan
            </Button>
          )}
          {can.runs_plans && (
            <Button small busy={plan.isPending && plan.variables} title="Runs it, measures each step, and takes back what it did" onClick={() => plan.mutate(true)}>
              Plan and measure
            </Button>
          )}
          <Button small icon={<HistoryIcon size={13} aria-hidden />} aria-pressed={isHistory} onClick={() => setHistory(!isHistory)}>
            History
          </Button>
          <span className={cls("hidden min-w-0 flex-1 truncate text-[13px] text-muted", !isHistory && "xl:block")}>Ctrl Enter. Each statement counts at once, with the rights of the resource’s user.</span>
          {run.data && (
            <span className="ml-auto text-[13px] text-muted">
              {run.data.rows !== null && `${run.data.rows.toLocaleString()} ${run.data.rows === 1 ? "row" : "rows"}, `}
              {duration(run.data.duration_ms)}
            </span>
          )}
        </div>
        <div className="min-h-0 flex-1 overflow-auto p-3">
          {shown.isPending ? (
            <Loading what="the result" />
          ) : shown.error ? (
            <Failure error={shown.error} />
          ) : shown === plan && plan.data ? (
            <PlanView plan={plan.data} />
          ) : run.data ? (
            <ResultView text={run.data.result} name="console" />
          ) : (
            <Empty title="Nothing was run yet" />
          )}
        </div>
      </div>
      {isHistory && (
        <div className="flex min-h-0 flex-1 flex-col border-line md:w-80 md:flex-none md:border-l">
          <div className="border-b border-line p-2 md:hidden">
            <Button small onClick={() => setHistory(false)}>
              Back to the console
            </Button>
          </div>
          <History
            workspace={workspace}
            resource={resource}
            take={write}
            run={(content) => {
              write(content);
              run.mutate(content);
            }}
          />
        </div>
      )}
    </div>
  );
}
