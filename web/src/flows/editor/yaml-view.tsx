/** The flow as YAML: what can be read is taken over as it is typed, faults stand at their lines. */
import { useEffect, useMemo, useRef, useState } from "react";

import { Editor } from "@/editor";
import type { Mark } from "@/editor/code";
import type { Flow } from "@/flow/model";
import { writeValue } from "@/results/value";
import { linesOf, readYaml, writeYaml } from "@/flow/yaml";
import { useSettled } from "@/ui/settled";

import type { Told } from "./warnings";

/** So long a text stands still before it is read. */
const SETTLE_MS = 200;

interface YamlViewProps {
  flow: Flow;
  onChange: (flow: Flow) => void;
  told: Told[];
  /** What was typed and cannot be read. */
  faulty: string | undefined;
  onFaulty: (text: string | undefined) => void;
}

export function YamlView({ flow, onChange, told, faulty, onFaulty }: YamlViewProps) {
  const [text, setText] = useState(() => faulty ?? writeYaml(flow));
  const [goTo, setGoTo] = useState<{ line: number }>();
  const settled = useSettled(text, SETTLE_MS);
  const read = useMemo(() => readYaml(settled), [settled]);
  const [seen, setSeen] = useState(flow);
  /** The flow that was read from the text, until another comes from elsewhere. */
  const [own, setOwn] = useState<Flow>();
  const take = useRef<(found: ReturnType<typeof readYaml>, from: string) => void>(undefined);
  useEffect(() => {
    take.current = (found, from) => {
      onFaulty(found.flow ? undefined : from);
      if (!found.flow || writeValue(found.flow) === writeValue(flow)) return;
      setOwn(found.flow);
      onChange(found.flow);
    };
  });
  useEffect(() => take.current?.(read, settled), [read, settled]);
  // What was typed last is taken over also when the view is left at once.
  const latest = useRef(text);
  useEffect(() => {
    latest.current = text;
  }, [text]);
  useEffect(() => () => take.current?.(readYaml(latest.current), latest.current), []);
  // What was changed elsewhere, such as by undo, is written anew.
  if (flow !== seen) {
    setSeen(flow);
    if (flow !== own) {
      setOwn(undefined);
      setText(writeYaml(flow));
    }
  }
  const marks: Mark[] = useMemo(() => {
    if (!read.flow) return read.faults.map((each) => ({ ...each, isFault: true }));
    const lines = linesOf(settled, told.map((each) => each.place));
    return told.map(({ message, isFault }, index) => ({ line: lines[index]!, message, isFault }));
  }, [read, told, settled]);
  return (
    <div className="flex h-full min-h-[480px] flex-col">
      <div className="min-h-0 flex-1">
        <Editor label="The flow as YAML" language="yaml" value={text} onChange={setText} marks={marks} goTo={goTo} />
      </div>
      {marks.length > 0 && (
        <ul aria-label="Faults and warnings" className="max-h-40 shrink-0 overflow-auto border-t border-line">
          {marks.map((each, index) => (
            <li key={index}>
              <button type="button" onClick={() => setGoTo({ line: each.line })} className="flex w-full gap-3 px-3 py-1 text-left hover:bg-sunken">
                <span className={each.isFault ? "shrink-0 font-medium text-bad" : "shrink-0 font-medium text-warn"}>Line {each.line}</span>
                <span className="min-w-0">{each.message}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
