/** What the fields of a step know of the flow around it. */
import { createContext, use } from "react";

import type { FlowValue, Schema } from "@/flow/model";
import type { Running } from "@/flow/queries";

export interface Scope {
  workspace: string;
  value: FlowValue;
  schema: Schema;
  step: string;
  /** A run whose results serve as examples. */
  sample: { job: string; running: Running } | undefined;
}

export const ScopeContext = createContext<Scope | undefined>(undefined);

export function useScope(): Scope {
  return use(ScopeContext)!;
}
