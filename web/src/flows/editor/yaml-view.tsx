/** The flow as YAML: what can be read is taken over as it is typed, faults stand at their lines. */
import { useMemo, useRef, useState } from "react";

import { Editor } from "@/editor";
import type { Mark } from "@/editor/code";
import type { Flow } from "@/flow/model";
import { writeValue } from "@/flow/model";
import { lineOf, readYaml, writeYaml } from "@/flow/yaml";

import type { Told } from "./warnings";

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
  const read = useMemo(() => readYaml(text), [text]);
  // What was changed elsewhere, such as by undo, is written anew.
  const mine = useRef(flow);
  const [seen, setSeen] = useState(flow);
  if (flow !== seen) {
    setSeen(flow);
    if (!read.flow || writeValue(read.flow) !== writeValue(flow)) setText(writeYaml(flow));
  }
  const marks: Mark[] = useMemo(() => {
    if (!read.flow) return read.faults.map((each) => ({ ...each, isFault: true }));
    return told.map((each) => ({ line: lineOf(text, each.place), message: each.message, isFault: each.isFault }));
  }, [read, told, text]);
  function type(next: string) {
    if (next === text) return;
    setText(next);
    const found = readYaml(next);
    onFaulty(found.flow ? undefined : next);
    if (found.flow && writeValue(found.flow) !== writeValue(mine.current)) {
      mine.current = found.flow;
      onChange(found.flow);
    }
  }
  return (
    <div className="flex h-full min-h-[480px] flex-col">
      <div className="min-h-0 flex-1">
        <Editor label="The flow as YAML" language="yaml" value={text} onChange={type} marks={marks} goTo={goTo} />
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
