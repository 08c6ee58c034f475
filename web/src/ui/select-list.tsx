/** A list of any length whose rows can be opened and chosen: by mouse, by arrow keys, Enter and space. */
import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import { cls } from "./class";
import { useRowsInView } from "./rows-in-view";

interface SelectListProps<T> {
  items: readonly T[];
  label: string;
  keyOf: (item: T) => string;
  nameOf: (item: T) => string;
  row: (item: T) => ReactNode;
  open: (item: T) => void;
  /** The key of the one that is shown beside. */
  current?: string;
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  more?: () => void;
  height?: number;
}

export function SelectList<T>({ items, label, keyOf, nameOf, row, open, current, chosen, onChosen, more, height = 36 }: SelectListProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const { shown, total, scrollTo } = useRowsInView(box, { count: items.length, height, keyOf: (index) => keyOf(items[index]!), more });
  function turn(item: T) {
    const key = keyOf(item);
    onChosen(new Set(chosen.has(key) ? [...chosen].filter((each) => each !== key) : [...chosen, key]));
  }
  function onKey(event: KeyboardEvent) {
    if (event.target !== box.current) return;
    const steps: Record<string, number> = { ArrowDown: active + 1, j: active + 1, ArrowUp: active - 1, k: active - 1, Home: 0, End: items.length - 1, PageDown: active + 15, PageUp: active - 15 };
    const item = items[active];
    if (steps[event.key] !== undefined) {
      const to = Math.max(0, Math.min(items.length - 1, steps[event.key]!));
      setActive(to);
      scrollTo(to);
    } else if (event.key === "Enter" && item !== undefined) open(item);
    else if (event.key === " " && item !== undefined) turn(item);
    else if (event.key === "Escape") onChosen(new Set());
    else return;
    event.preventDefault();
  }
  return (
    <div ref={box} role="grid" aria-label={label} aria-rowcount={items.length} aria-multiselectable tabIndex={0} onKeyDown={onKey} aria-activedescendant={items.length ? `${label}-${active}` : undefined} className="h-full overflow-auto">
      <div style={{ height: total, position: "relative" }} role="presentation">
        {shown.map((each) => {
          const item = items[each.index]!;
          const key = keyOf(item);
          return (
            <div
              key={each.key}
              id={`${label}-${each.index}`}
              role="row"
              aria-rowindex={each.index + 1}
              aria-selected={chosen.has(key)}
              style={{ position: "absolute", top: 0, left: 0, right: 0, height: each.size, transform: `translateY(${each.start}px)` }}
              className={cls("flex items-center border-b border-line", current === key ? "bg-accent-soft" : chosen.has(key) ? "bg-accent-soft/50" : each.index === active ? "bg-sunken" : "hover:bg-sunken")}
            >
              <div role="gridcell" className="flex h-full w-10 shrink-0 items-center justify-center">
                <input type="checkbox" tabIndex={-1} aria-label={`Choose ${nameOf(item)}`} className="size-4 accent-(--accent)" checked={chosen.has(key)} onChange={() => turn(item)} />
              </div>
              <div
                role="gridcell"
                className="flex h-full min-w-0 flex-1 cursor-pointer items-center pr-3"
                onClick={() => {
                  setActive(each.index);
                  open(item);
                }}
              >
                {row(item)}
              </div>
            </div>
          );
        })}
      </div>
    </div>
  );
}
