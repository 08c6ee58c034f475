/** A draft of a script, kept in this browser while it differs from what is deployed. */
import { useCallback, useEffect, useRef, useState } from "react";

import { useKeeping } from "@/ui/keeping";

import type { Draft } from "./queries";

interface Kept {
  draft: Draft;
  at: string;
}

const keyOf = (workspace: string, name: string) => `tidemill.script.${workspace}.${name}`;

function kept(workspace: string, name: string): Kept | undefined {
  try {
    const found = JSON.parse(localStorage.getItem(keyOf(workspace, name)) ?? "null") as Kept | null;
    return typeof found?.draft.content === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it could be kept. */
function keep(workspace: string, name: string, draft: Draft): boolean {
  try {
    localStorage.setItem(keyOf(workspace, name), JSON.stringify({ draft, at: new Date().toISOString() } satisfies Kept));
    return true;
  } catch {
    return false;
  }
}

const isSame = (one: Draft, other: Draft) => (["path", "summary", "language", "content"] as const).every((name) => one[name] === other[name]);

/** `name`: under which it is kept. */
export function useDraft(workspace: string, name: string, begun: Draft) {
  const [found, setFound] = useState(() => {
    const before = kept(workspace, name);
    return before && !isSame(before.draft, begun) ? before : undefined;
  });
  const [draft, setDraft] = useState(found?.draft ?? begun);
  const [cannotKeep, setCannotKeep] = useState(false);
  const isOver = useRef(false);
  const latest = useRef(draft);
  useEffect(() => {
    latest.current = draft;
  });
  const save = useCallback(() => {
    if (isOver.current) return;
    if (isSame(latest.current, begun)) localStorage.removeItem(keyOf(workspace, name));
    else setCannotKeep(!keep(workspace, name, latest.current));
  }, [workspace, name, begun]);
  useKeeping(draft, save);
  return {
    draft,
    setDraft,
    cannotKeep,
    /** The draft that was found when the page was opened. */
    found,
    discard() {
      setDraft(begun);
      setFound(undefined);
    },
    /** It is deployed: nothing more is kept. */
    finish() {
      isOver.current = true;
      localStorage.removeItem(keyOf(workspace, name));
    },
  };
}
