/** A JavaScript expression: typed, or picked from what there is. */
import { Plug } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { INPUT } from "@/ui/field";

import { put } from "./paths";
import { Picker } from "./picker";

interface ExpressionProps {
  id?: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  /** What can be named here beside what every expression sees. */
  names?: Record<string, string>;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

export function ExpressionInput({ id, label, value, onChange, placeholder, names, ...told }: ExpressionProps) {
  const [isPicking, setPicking] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const cursor = useRef<number>(undefined);
  useEffect(() => {
    if (cursor.current === undefined) return;
    box.current?.focus();
    box.current?.setSelectionRange(cursor.current, cursor.current);
    cursor.current = undefined;
  }, [value]);
  function pick(text: string) {
    const { selectionStart: from, selectionEnd: to } = box.current!;
    const done = put(value, from, to, text);
    cursor.current = done.cursor;
    onChange(done.text);
  }
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <div className="flex items-start gap-1">
        <textarea
          {...told}
          ref={box}
          id={id}
          aria-label={id ? undefined : label}
          rows={Math.min(12, value.split("\n").length)}
          value={value}
          placeholder={placeholder}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => onChange(event.target.value)}
          className={cls(INPUT, "min-h-8 resize-y font-mono text-[13px] leading-[1.35]")}
        />
        <IconButton label={`Pick for ${label}`} aria-expanded={isPicking} className="!h-8" onClick={() => setPicking(!isPicking)}>
          <Plug size={15} aria-hidden className={cls(isPicking && "text-accent")} />
        </IconButton>
      </div>
      {isPicking && <Picker onPick={pick} names={names} />}
    </div>
  );
}
