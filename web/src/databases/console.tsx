/** Statements against a database, with what they give. Kept in this browser. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Play, Route } from "lucide-react";
import { useState } from "react";

import { Editor } from "@/editor";
import { ResultView } from "@/results/view";
import { Button } from "@/ui/button";
import { Empty, Failure, Loading } from "@/ui/states";
import { duration } from "@/ui/time";

import { completionQuery, explain, runStatements, type TableName } from "./queries";

const BEGINNINGS: Record<string, string> = {
  mongodb: "collection: orders\nfind: {}\nlimit: 50\n",
  redis: "INFO server\n",
};

interface ConsoleProps {
  workspace: string;
  resource: string;
  language: string;
  tables: TableName[];
}

export function Console({ workspace, resource, language, tables }: ConsoleProps) {
  const memory = `tidemill.console.${workspace}.${resource}`;
  const [text, setText] = useState(() => localStorage.getItem(memory) ?? BEGINNINGS[language] ?? "select 1;\n");
  const completion = useQuery(completionQuery(workspace, resource, tables));
  const run = useMutation({
    meta: { quiet: true },
    mutationFn: async () => {
      const began = performance.now();
      const mark = language === "mongodb" || language === "redis" ? "#" : "--";
      const result = await runStatements(workspace, language, `${mark} database ${resource}\n${text}`);
      return { result, took: performance.now() - began };
    },
  });
  const plan = useMutation({ mutationFn: () => explain(workspace, resource, text), meta: { quiet: true } });
  const shown = (plan.submittedAt ?? 0) > (run.submittedAt ?? 0) ? plan : run;
  function write(now: string) {
    setText(now);
    localStorage.setItem(memory, now);
  }
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="h-56 shrink-0 resize-y overflow-hidden border-b border-line">
        <Editor label="Statements" language={language} value={text} onChange={write} onRun={() => run.mutate()} completion={completion.data} />
      </div>
      <div className="flex items-center gap-2 border-b border-line px-3 py-1.5">
        <Button small look="primary" icon={<Play size={13} aria-hidden />} busy={run.isPending} onClick={() => run.mutate()}>
          Run
        </Button>
        <Button small icon={<Route size={13} aria-hidden />} busy={plan.isPending} onClick={() => plan.mutate()}>
          Plan
        </Button>
        <span className="hidden text-[13px] text-muted sm:block">Ctrl Enter. Each statement counts at once, with the rights of the resource’s user.</span>
        <span className="flex-1" />
        {run.data && <span className="text-[13px] text-muted">{duration(run.data.took)}</span>}
      </div>
      <div className="min-h-0 flex-1 overflow-auto p-3">
        {shown.isPending ? (
          <Loading what="the result" />
        ) : shown.error ? (
          <Failure error={shown.error} />
        ) : shown === plan && plan.data ? (
          <pre tabIndex={0} aria-label="Plan" className="font-mono text-xs whitespace-pre-wrap">
            {plan.data.text}
          </pre>
        ) : run.data ? (
          <ResultView text={run.data.result} name="console" />
        ) : (
          <Empty title="Nothing was run yet" />
        )}
      </div>
    </div>
  );
}
