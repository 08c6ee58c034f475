/** Which rows of a long list are in view; only those are there. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, type RefObject } from "react";

interface Rows {
  count: number;
  /** Of a row, in pixels. */
  height: number;
  keyOf?: (index: number) => string;
  /** Called when the end comes near. */
  more?: () => void;
}

export function useRowsInView(box: RefObject<HTMLElement | null>, { count, height, keyOf, more }: Rows) {
  const rows = useVirtualizer({ count, getScrollElement: () => box.current, estimateSize: () => height, overscan: 16, ...(keyOf ? { getItemKey: keyOf } : {}) });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (more && last >= count - 10 && count > 0) more();
  }, [last, count, more]);
  return { shown, total: rows.getTotalSize(), scrollTo: (index: number) => rows.scrollToIndex(index) };
}
