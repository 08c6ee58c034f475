/** What has changed from one text to another. */
import { unifiedMergeView } from "@codemirror/merge";
import { syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";

import { useDark } from "@/app/theme";
import { NONCE } from "@/ui/nonce";

import { DARK, FRAME, LANGUAGES, LIGHT } from "./code";

const MARKS = EditorView.theme({
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "var(--good-soft) !important" },
  ".cm-deletedChunk": { backgroundColor: "var(--bad-soft) !important" },
  ".cm-changedText": { background: "color-mix(in srgb, var(--good) 25%, transparent) !important" },
  ".cm-deletedChunk .cm-deletedText": { background: "color-mix(in srgb, var(--bad) 25%, transparent) !important" },
  ".cm-collapsedLines": { background: "var(--sunken) !important", color: "var(--muted)" },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"…" !important' },
});

export default function Diff({ before, after, language, label }: { before: string; after: string; language: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useDark();
  useEffect(() => {
    const slot = new Compartment();
    const view = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: after,
        extensions: [
          EditorView.cspNonce.of(NONCE),
          lineNumbers(),
          slot.of([]),
          syntaxHighlighting(dark ? DARK : LIGHT),
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          FRAME,
          MARKS,
        ],
      }),
    });
    let isCurrent = true;
    void LANGUAGES[language]?.({}).then((found) => isCurrent && view.dispatch({ effects: slot.reconfigure(found as Extension) }));
    return () => {
      isCurrent = false;
      view.destroy();
    };
  }, [before, after, language, label, dark]);
  return <div ref={box} className="h-full min-h-0 overflow-hidden" />;
}
