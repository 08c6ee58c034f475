/** A JavaScript expression: typed, with what it can go on with below, or picked from all that there is. */
import { Plug } from "lucide-react";
import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { INPUT } from "@/ui/field";

import { useKnown, type Names } from "./known";
import { put } from "./paths";
import { Picker } from "./picker";
import { suggestionsOf, writtenAt, type Suggestion } from "./suggest";
import { optionId, Suggestions } from "./suggestions";

interface ExpressionProps {
  id?: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  /** What can be named here beside what every expression sees. */
  names?: Names;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

const NO_NAMES: Names = {};

export function ExpressionInput({ id, label, value, onChange, placeholder, names = NO_NAMES, ...told }: ExpressionProps) {
  const [isPicking, setPicking] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const cursor = useRef<number>(undefined);
  const list = useId();
  const { found, active, look, leave, step } = useSuggestions(value, names);
  useEffect(() => {
    if (cursor.current === undefined) return;
    box.current?.focus();
    box.current?.setSelectionRange(cursor.current, cursor.current);
    cursor.current = undefined;
  }, [value]);
  function place(text: string, from: number, to: number) {
    const done = put(value, from, to, text);
    cursor.current = done.cursor;
    onChange(done.text);
    return done;
  }
  function take({ text, from }: Suggestion) {
    const done = place(text, from, box.current!.selectionEnd);
    if (text.endsWith("('")) look(done.cursor);
    else leave();
  }
  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === " " && event.ctrlKey) look(box.current!.selectionEnd);
    else if (found.length === 0) return;
    else if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Enter" && !event.shiftKey) take(found[active]!);
    else if (event.key === "Escape") leave();
    else {
      if (["ArrowLeft", "ArrowRight", "Home", "End", "Tab"].includes(event.key)) leave();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
  const isOpen = found.length > 0;
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <div className="flex items-start gap-1">
        <div className="relative min-w-0 flex-1">
          <textarea
            {...told}
            ref={box}
            id={id}
            aria-label={id ? undefined : label}
            aria-autocomplete="list"
            aria-controls={isOpen ? list : undefined}
            aria-activedescendant={isOpen ? optionId(list, active) : undefined}
            rows={Math.min(12, value.split("\n").length)}
            value={value}
            placeholder={placeholder}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => {
              onChange(event.target.value);
              look(event.target.selectionEnd);
            }}
            onKeyDown={onKeyDown}
            onBlur={leave}
            className={cls(INPUT, "block min-h-8 resize-y font-mono text-[13px] leading-[1.35]")}
          />
          {isOpen && <Suggestions id={list} label={label} found={found} active={active} onPick={take} />}
        </div>
        <IconButton label={`Pick for ${label}`} aria-expanded={isPicking} className="!h-8" onClick={() => setPicking(!isPicking)}>
          <Plug size={15} aria-hidden className={cls(isPicking && "text-accent")} />
        </IconButton>
      </div>
      {isPicking && <Picker onPick={(text) => place(text, box.current!.selectionStart, box.current!.selectionEnd)} names={names} />}
    </div>
  );
}

/** What stands below the box: nothing until something is typed there, or asked for. */
function useSuggestions(value: string, names: Names) {
  const [at, setAt] = useState<number>();
  const [chosen, setChosen] = useState(0);
  const written = at === undefined ? undefined : writtenAt(value, at);
  const known = useKnown(written, names);
  const found = at === undefined || written === undefined ? [] : suggestionsOf(value, at, written, known);
  const active = Math.min(chosen, Math.max(0, found.length - 1));
  return {
    found,
    active,
    look: (cursor: number) => {
      setAt(cursor);
      setChosen(0);
    },
    leave: () => setAt(undefined),
    step: (by: 1 | -1) => setChosen((active + by + found.length) % found.length),
  };
}
