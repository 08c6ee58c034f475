/** What the server finds wrong with a draft, by place. */
import { useQuery } from "@tanstack/react-query";
import { CircleX, TriangleAlert } from "lucide-react";
import { useMemo, useState } from "react";

import { ApiError } from "@/api/client";
import { stepAt } from "@/flow/edit";
import { INPUT } from "@/flow/layout";
import type { Flow } from "@/flow/model";
import { writeValue } from "@/results/value";
import { cls } from "@/ui/class";
import { useSettled } from "@/ui/settled";

import { checkQuery } from "../queries";

export interface Told {
  place: string;
  message: string;
  /** The flow cannot be deployed like this. */
  isFault: boolean;
}

const PLACE = /^'?(\/[^\s':]*)'?:?\s*/;

/** What is said of the flow, once it has stood still for a moment. */
export function useTold(workspace: string, flow: Flow, tag: string | undefined): Told[] {
  const settled = useSettled(flow, 500);
  const [value, schema] = useMemo(() => [writeValue(settled.value), writeValue(settled.schema)], [settled]);
  const found = useQuery({ ...checkQuery(workspace, value, schema, tag), placeholderData: (before) => before });
  const { data, error } = found;
  return useMemo(() => {
    if (error instanceof ApiError && error.status < 500 && error.status >= 400) return [refusalOf(error.message)];
    return data?.map((each) => ({ place: each.place, message: each.message, isFault: false })) ?? [];
  }, [data, error]);
}

/** A refusal begins with its place. */
export function refusalOf(message: string): Told {
  const place = PLACE.exec(message)?.[1] ?? "";
  return { place, message, isFault: true };
}

export function Warnings({ flow, told, onSelect }: { flow: Flow; told: Told[]; onSelect: (id: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  if (told.length === 0) return null;
  const isFault = told.some((each) => each.isFault);
  const Icon = isFault ? CircleX : TriangleAlert;
  return (
    <section aria-label="Warnings" className={cls("border-t", isFault ? "border-bad/40 bg-bad-soft" : "border-warn/40 bg-warn-soft")}>
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} className={cls("flex w-full items-center gap-2 px-3 py-1.5 text-left text-[13px] font-medium", isFault ? "text-bad" : "text-warn")}>
        <Icon size={15} aria-hidden className="shrink-0" />
        <span className="min-w-0 truncate">{told.length === 1 ? told[0]!.message : `${told.length} things to look at`}</span>
      </button>
      {isOpen && (
        <ul className="max-h-44 overflow-auto bg-panel">
          {told.map((each, index) => {
            const step = stepAt(flow.value, each.place);
            return (
              <li key={index} className="border-t border-line">
                <button type="button" onClick={() => onSelect(step ?? INPUT)} className="flex w-full gap-3 px-3 py-1.5 text-left text-[13px] hover:bg-sunken">
                  <code className="shrink-0 text-muted">{step ?? "flow"}</code>
                  <span className="min-w-0 break-words">{each.message}</span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
