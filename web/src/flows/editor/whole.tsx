/** What is edited while no step is chosen: the arguments and the settings of the flow. */
import { useState } from "react";

import type { Flow, FlowValue } from "@/flow/model";
import { Tabs } from "@/ui/tabs";

import { Check } from "./controls";
import type { Change } from "./drafting";
import { FlowSettings } from "./flow-settings";
import { preprocessorStep } from "./kinds";
import { SchemaEditor } from "./schema-editor";

interface WholeProps {
  flow: Flow;
  change: Change;
  act: (by: (value: FlowValue) => FlowValue, mark?: string) => void;
}

export function Whole({ flow, change, act }: WholeProps) {
  const [tab, setTab] = useState<"arguments" | "settings">("arguments");
  return (
    <Tabs
      label="The flow"
      value={tab}
      onChange={setTab}
      tabs={[
        {
          id: "arguments",
          label: "Arguments of the flow",
          content: (
            <div className="flex flex-col gap-3 p-3">
              <p className="text-[13px] text-muted">What is asked of whoever runs the flow. Steps see them as flow_input. Steps are added by + in the graph.</p>
              <SchemaEditor noun="argument" schema={flow.schema} onChange={(schema, mark) => change((now) => ({ ...now, schema }), mark)} />
              <div className="border-t border-line pt-3">
                <Check on={flow.value.preprocessor_module !== undefined} onChange={(on) => act((now) => ({ ...now, preprocessor_module: on ? preprocessorStep() : undefined }))} hint="A step before the flow that makes its arguments out of what a webhook sends.">
                  Preprocessor
                </Check>
              </div>
            </div>
          ),
        },
        { id: "settings", label: "Settings of the flow", content: <FlowSettings flow={flow} onChange={change} /> },
      ]}
    />
  );
}
