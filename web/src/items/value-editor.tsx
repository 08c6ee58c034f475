/** A JSON object, such as the value of a resource: a form by its schema, or JSON. Text goes in and out, so that nothing is rounded. */
import { Braces, TextCursorInput } from "lucide-react";
import { useMemo, useState } from "react";

import { Editor } from "@/editor";
import { SchemaForm } from "@/forms/form";
import { isObject } from "@/results/shape";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";

import { misfit, read } from "./json";

interface ValueEditorProps {
  id: string;
  schema: { properties?: object } | undefined;
  text: string;
  onText: (text: string) => void;
  onSubmit: () => void;
  onRefused?: () => void;
  title?: string;
}

/** Why there is no form for this; "" where there is. */
function withoutForm(schema: ValueEditorProps["schema"], text: string): string {
  if (Object.keys(schema?.properties ?? {}).length === 0) return "There is no form.";
  const { value, fault } = read(text);
  if (value === undefined) return fault;
  if (!isObject(value)) return "A form is for objects only.";
  const why = misfit(value);
  return why && `It is shown as JSON, for ${why}.`;
}

export function ValueEditor({ id, schema, text, onText, onSubmit, onRefused, title = "Value" }: ValueEditorProps) {
  const [wantsJson, setWantsJson] = useState(false);
  const why = withoutForm(schema, text);
  const isJson = wantsJson || why !== "";
  const value = useMemo(() => (isJson ? {} : (JSON.parse(text) as Record<string, unknown>)), [isJson, text]);
  const hasForm = Object.keys(schema?.properties ?? {}).length > 0;
  return (
    <Panel
      title={title}
      flush={isJson}
      actions={
        hasForm && (
          <Button small look="quiet" disabled={why !== ""} icon={isJson ? <TextCursorInput size={14} aria-hidden /> : <Braces size={14} aria-hidden />} onClick={() => setWantsJson(!isJson)}>
            {isJson ? "As a form" : "As JSON"}
          </Button>
        )
      }
    >
      {isJson ? (
        <form
          id={id}
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {why && hasForm && <p className="border-b border-line bg-warn-soft px-3 py-2 text-[13px] text-warn">{why}</p>}
          <div className="h-96 resize-y overflow-hidden">
            <Editor label={`${title} as JSON`} language="json" value={text} onChange={onText} />
          </div>
        </form>
      ) : (
        <SchemaForm id={id} schema={{ ...(schema as object), type: "object" }} fillsDefaults={false} value={value} onChange={(now) => onText(JSON.stringify(now, null, 2))} onSubmit={onSubmit} onRefused={onRefused} />
      )}
    </Panel>
  );
}
