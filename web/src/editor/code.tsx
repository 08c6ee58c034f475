/** The code editor; loaded when it is first needed. Languages by their names on the wire. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, StreamLanguage, syntaxHighlighting, type LanguageSupport } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

import { useDark } from "@/app/theme";
import { NONCE } from "@/ui/nonce";

export const LANGUAGES: Record<string, (completion: Completion) => Promise<LanguageSupport | StreamLanguage<unknown>>> = {
  python3: async () => (await import("@codemirror/lang-python")).python(),
  bash: async () => StreamLanguage.define((await import("@codemirror/legacy-modes/mode/shell")).shell),
  postgresql: async (completion) => sql("PostgreSQL", completion),
  mysql: async (completion) => sql("MySQL", completion),
  mssql: async (completion) => sql("MSSQL", completion),
  duckdb: async (completion) => sql("PostgreSQL", completion),
  bigquery: async (completion) => sql("StandardSQL", completion),
  snowflake: async (completion) => sql("StandardSQL", completion),
  oracledb: async (completion) => sql("PLSQL", completion),
  clickhouse: async (completion) => sql("StandardSQL", completion),
  json: async () => (await import("@codemirror/lang-json")).json(),
  yaml: async () => (await import("@codemirror/lang-yaml")).yaml(),
  mongodb: async () => (await import("@codemirror/lang-yaml")).yaml(),
  javascript: async () => (await import("@codemirror/lang-javascript")).javascript(),
};

/** Tables and their columns, for completion. */
export type Completion = Record<string, string[]>;

async function sql(dialect: "PostgreSQL" | "MySQL" | "MSSQL" | "StandardSQL" | "PLSQL", schema: Completion) {
  const found = await import("@codemirror/lang-sql");
  return found.sql({ dialect: found[dialect], schema });
}

export const FRAME = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "var(--panel)", color: "var(--ink)" },
  ".cm-scroller": { fontFamily: "var(--font-mono, ui-monospace, monospace)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  "&.cm-focused": { outline: "none" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent) !important" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", border: "1px solid var(--line-strong)" },
});

export const LIGHT = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "#7a1fa2" },
  { tag: [tags.string, tags.special(tags.string)], color: "#1b6b3a" },
  { tag: [tags.number, tags.bool, tags.null], color: "#9a4a00" },
  { tag: tags.comment, color: "#5f6b78", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.function(tags.variableName))], color: "#0b57a8" },
  { tag: [tags.typeName, tags.className], color: "#8a5300" },
  { tag: tags.propertyName, color: "#0b5e72" },
]);

export const DARK = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "#c792ea" },
  { tag: [tags.string, tags.special(tags.string)], color: "#a5d6a7" },
  { tag: [tags.number, tags.bool, tags.null], color: "#f6b26b" },
  { tag: tags.comment, color: "#8d9baa", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.function(tags.variableName))], color: "#7cc7ff" },
  { tag: [tags.typeName, tags.className], color: "#ffd479" },
  { tag: tags.propertyName, color: "#9cdcfe" },
]);

interface CodeProps {
  value: string;
  onChange?: (value: string) => void;
  language: string;
  label: string;
  readOnly?: boolean;
  /** Ctrl Enter. */
  onRun?: () => void;
  /** Ctrl S. */
  onSave?: () => void;
  completion?: Completion;
  /** Lines, from 1, that something is to be said of. */
  marks?: readonly Mark[];
  /** A line to go to, whenever this is another object. */
  goTo?: { line: number };
}

export interface Mark {
  line: number;
  message: string;
  isFault: boolean;
}

export default function Code({ value, onChange, language, label, readOnly = false, onRun, onSave, completion, marks, goTo }: CodeProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const act = useRef({ onChange, onRun, onSave });
  const dark = useDark();
  const slots = useRef({ language: new Compartment(), colours: new Compartment(), readOnly: new Compartment() });
  useEffect(() => {
    act.current = { onChange, onRun, onSave };
  });
  useEffect(() => {
    const { language: languageSlot, colours, readOnly: readOnlySlot } = slots.current;
    const run = (which: "onRun" | "onSave") => () => {
      act.current[which]?.();
      return act.current[which] !== undefined;
    };
    const editor = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(NONCE),
          lineNumbers(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
          autocompletion(), highlightActiveLine(), highlightSelectionMatches(),
          keymap.of([
            { key: "Mod-Enter", run: run("onRun") },
            { key: "Mod-s", run: run("onSave"), preventDefault: true },
            ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab,
          ]),
          ...(marks ? [lintGutter()] : []),
          languageSlot.of([]), colours.of([]), readOnlySlot.of([]), FRAME,
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          EditorView.updateListener.of((update) => update.docChanged && act.current.onChange?.(update.state.doc.toString())),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
    // The editor is made once; what may change later goes in below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  useEffect(() => {
    const now = view.current;
    if (now && now.state.doc.toString() !== value) now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    let isCurrent = true;
    const load = LANGUAGES[language];
    const put = (extension: Extension) => isCurrent && view.current?.dispatch({ effects: slots.current.language.reconfigure(extension) });
    if (load) void load(completion ?? {}).then((found) => put(found as Extension));
    else put([]);
    return () => {
      isCurrent = false;
    };
  }, [language, completion]);
  useEffect(() => {
    view.current?.dispatch({ effects: slots.current.colours.reconfigure(syntaxHighlighting(dark ? DARK : LIGHT)) });
  }, [dark]);
  useEffect(() => {
    view.current?.dispatch({ effects: slots.current.readOnly.reconfigure([EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)]) });
  }, [readOnly]);
  useEffect(() => {
    const now = view.current;
    if (!now || !marks) return;
    const found = marks.map(({ line, message, isFault }) => {
      const { from, to } = now.state.doc.line(Math.max(1, Math.min(line, now.state.doc.lines)));
      return { from, to, message, severity: isFault ? ("error" as const) : ("warning" as const) };
    });
    now.dispatch(setDiagnostics(now.state, found));
  }, [marks, value]);
  useEffect(() => {
    const now = view.current;
    if (!now || !goTo) return;
    const { from } = now.state.doc.line(Math.max(1, Math.min(goTo.line, now.state.doc.lines)));
    now.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    now.focus();
  }, [goTo]);
  return <div ref={box} className="h-full min-h-0 overflow-hidden" />;
}
