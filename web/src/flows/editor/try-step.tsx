/** A step that is run alone, with arguments that are typed or taken from a run before. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useState } from "react";

import { isContainer, type Schema, type Step } from "@/flow/model";
import { readValue, writeValue, type Value } from "@/results/value";
import { runFlow } from "@/flow/queries";
import { SchemaForm } from "@/forms/form";
import { JobPanels } from "@/job/panel";
import { argsQuery, runScript } from "@/job/queries";
import { Button } from "@/ui/button";
import { Failure, Loading } from "@/ui/states";

import { runSource } from "../queries";
import { useAsked } from "./inputs";
import { useScope } from "./scope";

const FORM = "try-step";

export function TryStep({ step, onTestUpTo }: { step: Step; onTestUpTo?: () => void }) {
  const { type } = step.value;
  const isAlone = !isContainer(step) && type !== "identity";
  return (
    <div className="flex flex-col gap-4 p-3">
      {onTestUpTo && (
        <div className="flex flex-wrap items-center gap-3">
          <Button small icon={<FlaskConical size={14} aria-hidden />} onClick={onTestUpTo}>
            Test up to here
          </Button>
          <span className="text-[13px] text-muted">Runs the flow as it stands, and ends behind this step.</span>
        </div>
      )}
      {isAlone && <Alone key={step.id} step={step} />}
    </div>
  );
}

function Alone({ step }: { step: Step }) {
  const { workspace, sample } = useScope();
  const asked = useAsked(step);
  const before = sample?.running.steps.get(step.id)?.job;
  const args = useQuery({ ...argsQuery(workspace, before ?? ""), enabled: before !== undefined });
  if (asked.isLoading || (before !== undefined && args.isPending)) return <Loading what="its arguments" />;
  const given = args.data === undefined ? {} : (readValue(args.data) as Record<string, Value>);
  return <Form key={before ?? ""} step={step} schema={asked.data ?? {}} begun={given} isFromRun={before !== undefined && args.data !== undefined} error={asked.error} />;
}

function Form({ step, schema, begun, isFromRun, error }: { step: Step; schema: Schema; begun: Record<string, unknown>; isFromRun: boolean; error: unknown }) {
  const { workspace } = useScope();
  const [args, setArgs] = useState(begun);
  const [job, setJob] = useState<string>();
  const { value } = step;
  const tried = useMutation({
    meta: { quiet: true },
    mutationFn: () => {
      const text = writeValue(args);
      if (value.type === "rawscript") return runSource(workspace, value.language, value.content, args);
      if (value.type === "script") return runScript(workspace, value.path, text);
      return runFlow(workspace, "path" in value ? (value.path ?? "") : "", text);
    },
    onSuccess: setJob,
  });
  const hasNone = Object.keys(schema.properties ?? {}).length === 0;
  return (
    <section className="flex flex-col gap-3 border-t border-line pt-3 first:border-0 first:pt-0">
      <h3 className="font-medium">Alone</h3>
      <p className="text-[13px] text-muted">{isFromRun ? "The arguments are those of the last run that is shown." : "Nothing before it is run: say what it gets."}</p>
      {error !== null && error !== undefined && <Failure error={error} />}
      {hasNone && <p className="text-muted">It takes no arguments.</p>}
      <SchemaForm id={FORM} schema={{ ...schema, type: "object" } as never} value={args} onChange={setArgs} onSubmit={() => tried.mutate()} />
      <Button type="submit" form={FORM} small look="primary" className="self-start" icon={<FlaskConical size={14} aria-hidden />} busy={tried.isPending}>
        Run it alone
      </Button>
      {tried.error && <Failure error={tried.error} />}
      {job && <JobPanels key={job} workspace={workspace} id={job} linked />}
    </section>
  );
}
