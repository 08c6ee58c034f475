/** The list below an expression of what it can go on with. The focus stays in the box, which names the one that is chosen. */
import { useEffect, useRef } from "react";

import { cls } from "@/ui/class";

import type { Suggestion } from "./suggest";

interface SuggestionsProps {
  id: string;
  label: string;
  found: Suggestion[];
  active: number;
  onPick: (chosen: Suggestion) => void;
}

export const optionId = (id: string, index: number) => `${id}-${index}`;

export function Suggestions({ id, label, found, active, onPick }: SuggestionsProps) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <ul ref={list} role="listbox" id={id} aria-label={`What ${label} can go on with`} className="absolute inset-x-0 top-full z-20 mt-0.5 max-h-52 overflow-auto rounded-md border border-line-strong bg-panel p-1 text-[13px] shadow-lg">
      {found.map((each, index) => (
        <li key={each.label} role="option" id={optionId(id, index)} aria-selected={index === active} onMouseDown={(event) => event.preventDefault()} onClick={() => onPick(each)} className={cls("flex cursor-pointer items-baseline gap-2 rounded px-1.5 py-0.5", index === active ? "bg-accent-soft" : "hover:bg-sunken")}>
          <code className="shrink-0 text-accent">{each.label}</code>
          <span className="min-w-0 truncate text-xs text-muted">{each.note}</span>
        </li>
      ))}
    </ul>
  );
}
