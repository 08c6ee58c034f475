/** What an expression can name, with what it was in an earlier run: a click puts it in. */
import { useQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useState, type ReactNode } from "react";

import { sightOf } from "@/flow/edit";
import { FAILURE, nameOf } from "@/flow/model";
import type { Value } from "@/results/value";
import { cls } from "@/ui/class";
import { Input } from "@/ui/field";

import { namesQuery } from "../queries";
import { useSample, type Names } from "./known";
import { memberOf } from "./paths";
import { useScope } from "./scope";
import { membersOf, reached, shown, type Key } from "./suggest";

interface PickerProps {
  onPick: (text: string) => void;
  /** More names, such as `result` in a condition that looks at one. */
  names?: Names;
}

export function Picker({ onPick, names = {} }: PickerProps) {
  const { value, schema, step } = useScope();
  const sight = sightOf(value, step);
  return (
    <div role="group" aria-label="What can be named here" className="max-h-72 overflow-auto rounded-md border border-line bg-sunken p-1 text-[13px]">
      {Object.entries(names).map(([name, words]) => (
        <Sampled key={name} path={[name]} note={words} onPick={onPick} />
      ))}
      {step === FAILURE && <Name path="error" note="name, message, stack, step_id" onPick={onPick} />}
      <FlowInput names={Object.keys(schema.properties ?? {})} onPick={onPick} />
      {sight.loop && (
        <Group title="This iteration">
          <Sampled path={["flow_input", "iter", "value"]} note="the item" onPick={onPick} />
          <Sampled path={["flow_input", "iter", "index"]} note="its number, from 0" onPick={onPick} />
        </Group>
      )}
      {sight.results.length > 0 && (
        <Group title="Results of earlier steps">
          {sight.results.toReversed().map((each) => (
            <Sampled key={each.id} path={["results", each.id]} label={each.id} note={nameOf(each)} onPick={onPick} />
          ))}
          <Sampled path={["previous_result"]} note="of the step before" onPick={onPick} />
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

function FlowInput({ names, onPick }: { names: string[]; onPick: (text: string) => void }) {
  const given = useSample(["flow_input"]);
  if (names.length === 0) return null;
  return (
    <Group title="Input of the flow">
      {names.map((name) => (
        <Member key={name} path={memberOf("flow_input", name)} label={name} value={reached(given, [name])} onPick={onPick} />
      ))}
    </Group>
  );
}

/** A name with what it was in an earlier run, if that is known. */
function Sampled({ path, label, note, onPick }: { path: [string, ...Key[]]; label?: string; note: string; onPick: (text: string) => void }) {
  const found = useSample(path);
  const [first, ...rest] = path;
  const written = rest.reduce<string>(memberOf, first);
  return <Member path={written} label={label ?? written} value={found} note={found === undefined ? note : undefined} onPick={onPick} />;
}

const MOST = 100;

/** A value by its path; what lies in it is shown when it is opened. */
function Member({ path, label, value, note, onPick }: { path: string; label: string; value: Value | undefined; note?: string; onPick: (text: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  const members = membersOf(value).filter((each) => each.value !== undefined);
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
          {members.slice(0, MOST).map(({ name, value: member }) => (
            <Member key={name} path={memberOf(path, name)} label={String(name)} value={member} onPick={onPick} />
          ))}
          {members.length > MOST && <p className="px-1.5 text-xs text-muted">and {members.length - MOST} more</p>}
        </div>
      )}
    </div>
  );
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
