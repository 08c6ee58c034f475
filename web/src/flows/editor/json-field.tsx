/** A JSON value as text, taken over whenever it can be read. */
import { useState } from "react";

import { readValue, writeValue, type Value } from "@/results/value";
import { Field, TextArea } from "@/ui/field";

export function JsonField({ label, value, onChange, hint }: { label: string; value: Value | undefined; onChange: (value: Value) => void; hint?: string }) {
  const [typed, setTyped] = useState<string>();
  const [fault, setFault] = useState("");
  function take(text: string) {
    setTyped(text);
    try {
      JSON.parse(text); // for its messages
      setFault("");
      onChange(readValue(text));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  }
  return (
    <Field label={label} hint={hint} error={fault || undefined}>
      {(given) => <TextArea {...given} className="font-mono text-[13px]" rows={4} spellCheck={false} value={typed ?? (value === undefined ? "" : writeValue(value))} onChange={(event) => take(event.target.value)} onBlur={() => !fault && setTyped(undefined)} />}
    </Field>
  );
}
