/** Keeping what is being written: once it stands still, when the page is hidden, and when it is left. */
import { useEffect, useRef } from "react";

import { useSettled } from "./settled";

const STILL_MS = 300;

/** Calls `save` whenever `value` has changed and stood still, and before it is lost. What it was at first is not saved. */
export function useKeeping(value: unknown, save: () => void): void {
  const settled = useSettled(value, STILL_MS);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else save();
  }, [settled, save]);
  useEffect(() => {
    window.addEventListener("pagehide", save);
    return () => {
      window.removeEventListener("pagehide", save);
      save();
    };
  }, [save]);
}
