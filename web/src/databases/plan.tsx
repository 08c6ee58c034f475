/** How a database runs a statement: its steps as a tree with what each costs, and the plan as the database gave it. */
import { useMemo, useState } from "react";

import { Button } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { duration } from "@/ui/time";

import { planTree, type PlanStep } from "./plan-tree";
import type { Plan } from "./queries";

const SHORT = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });

export function PlanView({ plan }: { plan: Plan }) {
  const tree = useMemo(() => planTree(plan.form, plan.text), [plan]);
  const [isRaw, setRaw] = useState(false);
  const most = tree ? Math.max(0, ...tree.steps.map((each) => each.cost ?? 0)) : 0;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center gap-1">
        {tree && (
          <Button small look="quiet" aria-pressed={isRaw} onClick={() => setRaw(!isRaw)}>
            {isRaw ? "Show as steps" : "Show as it was given"}
          </Button>
        )}
        <span className="flex-1" />
        <Copy label="Copy the plan" text={() => plan.text} />
      </div>
      {tree && !isRaw ? (
        <div role="region" aria-label="Plan" tabIndex={0} className="overflow-auto rounded-md border border-line p-2 text-[13px]">
          <ul>
            {tree.steps.map((each, index) => (
              <Step key={index} step={each} most={most} hasRun={tree.hasRun} />
            ))}
          </ul>
        </div>
      ) : (
        <pre tabIndex={0} aria-label="Plan" className="overflow-auto font-mono text-xs whitespace-pre-wrap">
          {plan.text}
        </pre>
      )}
    </div>
  );
}

function Step({ step, most, hasRun }: { step: PlanStep; most: number; hasRun: boolean }) {
  const share = most > 0 && step.cost !== undefined ? Math.min(1, step.cost / most) : 0;
  return (
    <li>
      <div className="flex items-baseline gap-2 py-0.5">
        <span className="min-w-0 flex-1 break-words">
          <span className="font-medium">{step.name}</span> {step.detail && <span className="text-muted">{step.detail}</span>}
        </span>
        {step.rows !== undefined && <span className="shrink-0 text-xs text-muted tabular-nums">{SHORT.format(step.rows)} rows</span>}
        {step.cost !== undefined && <span className="w-24 shrink-0 text-right text-xs tabular-nums">{hasRun ? (step.cost < 100 ? `${SHORT.format(step.cost)} ms` : duration(step.cost)) : `cost ${SHORT.format(step.cost)}`}</span>}
        {most > 0 && <meter aria-label={`Share of ${step.name}`} className="h-1.5 w-20 shrink-0 self-center" min={0} max={1} value={share} />}
      </div>
      {step.children.length > 0 && (
        <ul className="ml-2 border-l border-line pl-3">
          {step.children.map((each, index) => (
            <Step key={index} step={each} most={most} hasRun={hasRun} />
          ))}
        </ul>
      )}
    </li>
  );
}
