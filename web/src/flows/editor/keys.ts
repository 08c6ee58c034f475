/** What keys do in the editor. */
import { useEffect, useRef } from "react";

interface Keys {
  undo: (() => void) | undefined;
  redo: (() => void) | undefined;
  deploy: () => void;
  escape: (() => void) | undefined;
  shift: ((by: -1 | 1) => void) | undefined;
  duplicate: (() => void) | undefined;
  /** Only where a step of the graph has the focus. */
  remove: (() => void) | undefined;
}

/** Keys that work outside of texts; Ctrl S everywhere. */
export function useKeys(keys: Keys) {
  const now = useRef(keys);
  useEffect(() => {
    now.current = keys;
  });
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      const { undo, redo, deploy, escape, shift: shifted, duplicate: copied, remove } = now.current;
      const target = event.target as HTMLElement;
      const isTyping = target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
      const isMod = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      let done: (() => void) | undefined;
      if (isMod && key === "s") done = deploy;
      else if (document.querySelector('[role="dialog"]')) return;
      else if (event.key === "Escape") done = escape;
      else if (isTyping) return;
      else if (event.key === "Delete" || event.key === "Backspace") done = target.dataset.step === undefined ? undefined : remove;
      else if (isMod && key === "z") done = event.shiftKey ? redo : undo;
      else if (isMod && key === "y") done = redo;
      else if (isMod && key === "d") done = copied;
      else if (event.altKey && event.key === "ArrowUp") done = shifted && (() => shifted(-1));
      else if (event.altKey && event.key === "ArrowDown") done = shifted && (() => shifted(1));
      if (!done) return;
      event.preventDefault();
      done();
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

