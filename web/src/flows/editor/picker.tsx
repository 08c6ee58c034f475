/** What an expression can name, with what it was in an earlier run: a click puts it in. */
import { useQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useState, type ReactNode } from "react";

import { sightOf } from "@/flow/edit";
import { FAILURE, nameOf, type Step } from "@/flow/model";
import { readValue, type Value } from "@/results/value";
import { argsQuery } from "@/job/queries";
import { Digits } from "@/results/shape";
import { cls } from "@/ui/class";
import { Input } from "@/ui/field";

import { namesQuery, resultOfQuery } from "../queries";
import { memberOf } from "./paths";
import { useScope } from "./scope";

interface PickerProps {
  onPick: (text: string) => void;
  /** More names, such as `result` in a condition that looks at one. */
  names?: Record<string, string>;
}

export function Picker({ onPick, names = {} }: PickerProps) {
  const { value, schema, step, sample } = useScope();
  const sight = sightOf(value, step);
  return (
    <div role="group" aria-label="What can be named here" className="max-h-72 overflow-auto rounded-md border border-line bg-sunken p-1 text-[13px]">
      {Object.entries(names).map(([name, words]) => (
        <Name key={name} path={name} note={words} onPick={onPick} />
      ))}
      {step === FAILURE && <Name path="error" note="name, message, stack, step_id" onPick={onPick} />}
      <FlowInput names={Object.keys(schema.properties ?? {})} sampleJob={sample?.job} onPick={onPick} />
      {sight.loop && (
        <Group title="This iteration">
          <Name path="flow_input.iter.value" note="the item" onPick={onPick} />
          <Name path="flow_input.iter.index" note="its number, from 0" onPick={onPick} />
        </Group>
      )}
      {sight.results.length > 0 && (
        <Group title="Results of earlier steps">
          {sight.results.toReversed().map((each) => (
            <Result key={each.id} step={each} onPick={onPick} />
          ))}
          <Name path="previous_result" note="of the step before" onPick={onPick} />
        </Group>
      )}
      {sight.isAfterApproval && (
        <Group title="The approval">
          <Name path="resume" note="what was sent with it" onPick={onPick} />
          <Name path="approvers" note="who approved" onPick={onPick} />
        </Group>
      )}
      <Stored onPick={onPick} />
    </div>
  );
}

function Group({ title, children, isOpen = true }: { title: string; children: ReactNode; isOpen?: boolean }) {
  return (
    <details open={isOpen} className="group/g">
      <summary className="flex cursor-pointer list-none items-center gap-1 rounded px-1 py-0.5 text-xs font-medium text-muted hover:bg-panel">
        <ChevronRight size={13} aria-hidden className="transition-transform group-open/g:rotate-90" /> {title}
      </summary>
      <div className="pl-3">{children}</div>
    </details>
  );
}

function Name({ path, note, onPick, label }: { path: string; note?: string; onPick: (text: string) => void; label?: string }) {
  return (
    <button type="button" onClick={() => onPick(path)} className="flex w-full items-baseline gap-2 rounded px-1.5 py-0.5 text-left hover:bg-panel">
      <code className="shrink-0 text-accent">{label ?? path}</code>
      {note && <span className="min-w-0 truncate text-xs text-muted">{note}</span>}
    </button>
  );
}

function FlowInput({ names, sampleJob, onPick }: { names: string[]; sampleJob: string | undefined; onPick: (text: string) => void }) {
  const args = useQuery({ ...argsQuery(useScope().workspace, sampleJob ?? ""), enabled: sampleJob !== undefined });
  const given = args.data === undefined ? {} : (readValue(args.data) as { [key: string]: Value });
  if (names.length === 0) return null;
  return (
    <Group title="Input of the flow">
      {names.map((name) => (
        <Member key={name} path={memberOf("flow_input", name)} label={name} value={given[name]} onPick={onPick} />
      ))}
    </Group>
  );
}

function Result({ step, onPick }: { step: Step; onPick: (text: string) => void }) {
  const { workspace, sample } = useScope();
  const run = sample?.running.steps.get(step.id);
  const hasResult = run?.state === "success" || run?.state === "skipped";
  const result = useQuery({ ...resultOfQuery(workspace, run?.level ?? "", step.id), enabled: hasResult });
  const found = result.data === undefined ? undefined : readValue(result.data);
  return <Member path={memberOf("results", step.id)} label={step.id} value={found} note={found === undefined ? nameOf(step) : undefined} onPick={onPick} />;
}

const MOST = 100;

/** A value by its path; what lies in it is shown when it is opened. */
function Member({ path, label, value, note, onPick }: { path: string; label: string; value: Value | undefined; note?: string; onPick: (text: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  const members = membersOf(value);
  return (
    <div>
      <div className="flex items-center">
        {members.length > 0 ? (
          <button type="button" aria-expanded={isOpen} aria-label={`What is in ${path}`} onClick={() => setOpen(!isOpen)} className="rounded p-0.5 hover:bg-panel">
            <ChevronRight size={13} aria-hidden className={cls("transition-transform", isOpen && "rotate-90")} />
          </button>
        ) : (
          <span className="w-[17px]" />
        )}
        <span className="min-w-0 flex-1">
          <Name path={path} label={label} note={note ?? shown(value)} onPick={onPick} />
        </span>
      </div>
      {isOpen && (
        <div className="pl-4">
          {members.slice(0, MOST).map(([key, member]) => (
            <Member key={key} path={memberOf(path, key)} label={String(key)} value={member} onPick={onPick} />
          ))}
          {members.length > MOST && <p className="px-1.5 text-xs text-muted">and {members.length - MOST} more</p>}
        </div>
      )}
    </div>
  );
}

function membersOf(value: Value | undefined): [string | number, Value][] {
  if (Array.isArray(value)) return value.map((each, index) => [index, each]);
  return value !== null && typeof value === "object" && !(value instanceof Digits) ? Object.entries(value) : [];
}

function shown(value: Value | undefined): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.length === 1 ? "a list of one" : `a list of ${value.length}`;
  if (value instanceof Digits) return value.text;
  if (typeof value === "object" && value !== null) return "an object";
  return JSON.stringify(value).slice(0, 80);
}

function Stored({ onPick }: { onPick: (text: string) => void }) {
  const [isWanted, setWanted] = useState(false);
  const [filter, setFilter] = useState("");
  const names = useQuery({ ...namesQuery(useScope().workspace), enabled: isWanted });
  const fits = (path: string) => path.toLowerCase().includes(filter.toLowerCase());
  return (
    <details onToggle={(event) => event.currentTarget.open && setWanted(true)} className="group/g">
      <summary className="flex cursor-pointer list-none items-center gap-1 rounded px-1 py-0.5 text-xs font-medium text-muted hover:bg-panel">
        <ChevronRight size={13} aria-hidden className="transition-transform group-open/g:rotate-90" /> Variables and resources
      </summary>
      <div className="flex flex-col gap-1 pl-3">
        <Input type="search" aria-label="Filter variables and resources" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} className="!h-6 !py-0 text-xs" />
        {(["variable", "resource"] as const).map((kind) =>
          names.data?.[kind]
            .filter(fits)
            .slice(0, 30)
            .map((path) => <Name key={`${kind} ${path}`} path={`${kind}('${path}')`} onPick={onPick} />),
        )}
        {names.error && <p className="text-bad">{names.error.message}</p>}
      </div>
    </details>
  );
}
