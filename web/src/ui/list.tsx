/** A list of any length: only the rows in view are there, and the arrow keys move through it. */
import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import { cls } from "./class";
import { useRowsInView } from "./rows-in-view";

interface ListProps<T> {
  items: readonly T[];
  label: string;
  keyOf: (item: T) => string;
  row: (item: T) => ReactNode;
  open?: (item: T) => void;
  /** The key of the one that is shown beside. */
  current?: string;
  /** Height of a row in pixels. */
  height?: number;
  /** Called when the end comes into view. */
  more?: () => void;
  className?: string;
}

export function VirtualList<T>({ items, label, keyOf, row, open, current, height = 44, more, className }: ListProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(() => Math.max(0, current === undefined ? 0 : items.findIndex((each) => keyOf(each) === current)));
  const { shown, total, scrollTo } = useRowsInView(box, { count: items.length, height, keyOf: (index) => keyOf(items[index]!), more });

  function move(to: number) {
    const next = Math.max(0, Math.min(items.length - 1, to));
    setActive(next);
    scrollTo(next);
  }
  function onKey(event: KeyboardEvent) {
    const steps: Record<string, number> = { ArrowDown: active + 1, j: active + 1, ArrowUp: active - 1, k: active - 1, Home: 0, End: items.length - 1, PageDown: active + 12, PageUp: active - 12 };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === "Enter" && items[active] !== undefined && event.target === box.current) {
      open?.(items[active]);
    }
  }
  return (
    <div ref={box} role="listbox" aria-label={label} tabIndex={0} onKeyDown={onKey} aria-activedescendant={items.length ? `${label}-${active}` : undefined} className={cls("h-full overflow-auto", className)}>
      <div style={{ height: total, position: "relative" }} role="presentation">
        {shown.map((each) => {
          const item = items[each.index]!;
          return (
            <div
              key={each.key}
              id={`${label}-${each.index}`}
              role="option"
              aria-selected={each.index === active}
              aria-posinset={each.index + 1}
              aria-setsize={items.length}
              onClick={() => {
                setActive(each.index);
                open?.(item);
              }}
              style={{ position: "absolute", top: 0, left: 0, right: 0, height: each.size, transform: `translateY(${each.start}px)` }}
              className={cls("flex items-center border-b border-line px-4 lg:px-6", open && "cursor-pointer hover:bg-sunken", current === keyOf(item) ? "bg-accent-soft" : each.index === active && "bg-accent-soft/40")}
            >
              {row(item)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
