/** A draft with its undo, kept in this browser while it differs from what is deployed. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { Flow } from "@/flow/model";
import { writeValue } from "@/results/value";
import { useKeeping } from "@/ui/keeping";

import { begin, changed, redone, undone } from "./history";
import { forget, keep, kept, type Kept } from "./keep";

export type Change = (change: (flow: Flow) => Flow, mark: string) => void;

export interface Begun {
  flow: Flow;
  path: string;
  /** The newest version; undefined of a new flow. */
  version: number | undefined;
}

/** `name`: under which it is kept. */
export function useDraft(workspace: string, name: string, begun: Begun) {
  const [found, setFound] = useState(() => differing(kept(workspace, name), begun));
  const [history, setHistory] = useState(() => begin(found?.flow ?? begun.flow));
  const [path, setPath] = useState(found?.path ?? begun.path);
  const [base, setBase] = useState(found ? found.base : begun.version);
  const [isKept, setKept] = useState(found !== undefined);
  const [cannotKeep, setCannotKeep] = useState(false);
  const flow = history.now;
  const original = useMemo(() => writeValue(begun.flow), [begun]);
  const isOver = useRef(false);

  const latest = useRef({ flow, path, base });
  useEffect(() => {
    latest.current = { flow, path, base };
  });
  const save = useCallback(() => {
    if (isOver.current) return;
    const now = latest.current;
    if (writeValue(now.flow) === original && now.path === begun.path) {
      forget(workspace, name);
      setKept(false);
    } else {
      const done = keep(workspace, name, { ...now, at: new Date().toISOString() });
      setKept(done);
      setCannotKeep(!done);
    }
  }, [workspace, name, original, begun.path]);
  useKeeping(useMemo(() => [flow, path], [flow, path]), save);

  const change: Change = useCallback((by, mark) => {
    const at = Date.now();
    setHistory((before) => changed(before, by(before.now), mark, at));
  }, []);
  return {
    flow,
    path,
    setPath,
    base,
    change,
    undo: history.past.length ? () => setHistory(undone) : undefined,
    redo: history.future.length ? () => setHistory(redone) : undefined,
    isKept,
    cannotKeep,
    /** The draft that was found when the page was opened. */
    found,
    discard() {
      forget(workspace, name);
      setHistory(begin(begun.flow));
      setPath(begun.path);
      setBase(begun.version);
      setFound(undefined);
      setKept(false);
    },
    /** It is deployed: nothing more is kept. */
    finish() {
      isOver.current = true;
      forget(workspace, name);
    },
  };
}

function differing(draft: Kept | undefined, begun: Begun): Kept | undefined {
  return draft && (writeValue(draft.flow) !== writeValue(begun.flow) || draft.path !== begun.path) ? draft : undefined;
}
