/** A step that is edited: what it runs, where its arguments come from, what else is said of it, and a try of it alone. */
import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Copy, Move, Plus, Trash2, X } from "lucide-react";
import { useState } from "react";

import { Editor } from "@/editor";
import { addBranch, changeBranch, ID, idsOf, removeBranch } from "@/flow/edit";
import { KindIcon } from "@/flow/look";
import { FAILURE, isContainer, LANGUAGES, nameOf, PREPROCESSOR, type Step } from "@/flow/model";
import { Button, IconButton } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { Tabs, type Tab } from "@/ui/tabs";

import { pathsQuery } from "../queries";
import { AmountField, Check, Segments } from "./controls";
import { ExpressionInput } from "./expression";
import { InputsForm } from "./inputs";
import { JsonField } from "./json-field";
import { LANGUAGE_CHOICES } from "./kinds";
import { useScope } from "./scope";
import { StepSettings, type StepFormProps } from "./settings";
import { TryStep } from "./try-step";

export interface StepActs {
  onRemove: () => void;
  onDuplicate: () => void;
  onShift: (by: -1 | 1) => void;
  onMove: () => void;
  onRename: (id: string) => void;
  /** Runs the flow up to it. */
  onTestUpTo: () => void;
}

type View = "code" | "inputs" | "settings" | "try";

export function StepPanel({ step, onChange, acts }: StepFormProps & { acts: StepActs }) {
  const [view, setView] = useState<View>("code");
  const isApart = step.id === FAILURE || step.id === PREPROCESSOR;
  const { type } = step.value;
  const runs = type === "rawscript" || type === "script" || type === "flow";
  const isAsked = runs && step.id !== PREPROCESSOR; // that is called with the event alone
  const tabs: Tab<View>[] = [
    { id: "code", label: runs ? "What it runs" : isContainer(step) ? "How it goes" : "About", content: <What step={step} onChange={onChange} /> },
    ...(isAsked ? [{ id: "inputs" as const, label: "Arguments", content: <div className="p-3">{view === "inputs" && <InputsForm step={step} onInputs={(inputs, mark) => runs && onChange({ ...step, value: { ...step.value, input_transforms: inputs } as Step["value"] }, mark)} />}</div> }] : []),
    { id: "settings", label: "Settings", content: view === "settings" && <StepSettings step={step} onChange={onChange} /> },
    ...(step.id === PREPROCESSOR ? [] : [{ id: "try" as const, label: "Try it", content: view === "try" && <TryStep step={step} onTestUpTo={isApart ? undefined : acts.onTestUpTo} /> }]),
  ];
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <div className="rounded-lg border border-line bg-panel p-3">
        <div className="flex items-center gap-2">
          <KindIcon step={step} />
          <Input aria-label="Summary of the step" placeholder={nameOf({ ...step, summary: "" })} value={step.summary ?? ""} onChange={(event) => onChange({ ...step, summary: event.target.value || undefined }, `summary ${step.id}`)} className="min-w-0 flex-1 font-medium" />
          {isApart ? <code className="text-xs text-muted">{step.id}</code> : <IdInput key={step.id} id={step.id} onRename={acts.onRename} />}
        </div>
        <div className="mt-2 flex flex-wrap gap-0.5">
          {!isApart && (
            <>
              <IconButton label="Move up (Alt ↑)" onClick={() => acts.onShift(-1)}>
                <ArrowUp size={15} aria-hidden />
              </IconButton>
              <IconButton label="Move down (Alt ↓)" onClick={() => acts.onShift(1)}>
                <ArrowDown size={15} aria-hidden />
              </IconButton>
              <Button small look="quiet" icon={<Move size={14} aria-hidden />} onClick={acts.onMove}>
                Move
              </Button>
              <Button small look="quiet" icon={<Copy size={14} aria-hidden />} onClick={acts.onDuplicate}>
                Copy
              </Button>
            </>
          )}
          <Button small look="quiet" icon={<Trash2 size={14} aria-hidden />} onClick={acts.onRemove}>
            Remove
          </Button>
        </div>
      </div>
      {step.id === PREPROCESSOR && <p className="text-[13px] text-muted">It is called with what a webhook sends. Runs and tests in the browser have the arguments already, and go without it.</p>}
      <Tabs label="The step" value={tabs.some((each) => each.id === view) ? view : "code"} onChange={setView} tabs={tabs} />
    </div>
  );
}

function IdInput({ id, onRename }: { id: string; onRename: (id: string) => void }) {
  const { value } = useScope();
  const [typed, setTyped] = useState(id);
  const fault = typed === id ? "" : !ID.test(typed) ? "A letter, then letters, digits, _ and -." : idsOf(value).includes(typed) ? "Another step has this id." : "";
  const take = () => (fault ? setTyped(id) : typed !== id && onRename(typed));
  return (
    <span className="relative w-24 shrink-0">
      <Input aria-label="Id of the step" title="Expressions name its result by this" aria-invalid={fault ? true : undefined} className="!px-1.5 font-mono text-xs" value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={take} onKeyDown={(event) => event.key === "Enter" && take()} />
      {fault && (
        <span role="alert" className="absolute top-full right-0 z-10 mt-1 w-48 rounded border border-bad bg-panel p-1.5 text-xs text-bad">
          {fault}
        </span>
      )}
    </span>
  );
}

function What({ step, onChange }: StepFormProps) {
  const { value } = step;
  switch (value.type) {
    case "rawscript":
      return (
        <div>
          <div className="flex items-center gap-2 border-b border-line px-3 py-1.5">
            <Select aria-label="Language" className="!h-7 !w-44 !py-0 text-[13px]" value={value.language} onChange={(event) => onChange({ ...step, value: { ...value, language: event.target.value, lock: undefined } }, "")}>
              {[...new Set([value.language, ...LANGUAGE_CHOICES.map((each) => (each.added.kind === "rawscript" ? each.added.language : ""))])].map((each) => (
                <option key={each} value={each}>
                  {LANGUAGES[each] ?? each}
                </option>
              ))}
            </Select>
          </div>
          <div className="h-80 lg:h-[420px]">
            <Editor label={`Source of step ${step.id}`} language={value.language} value={value.content} onChange={(content) => content !== value.content && onChange({ ...step, value: { ...value, content, lock: undefined } }, `source ${step.id}`)} />
          </div>
        </div>
      );
    case "script":
    case "flow":
      return (
        <div className="p-3">
          <PathSelect kind={value.type} path={value.path} onChange={(path) => onChange({ ...step, value: value.type === "script" ? { ...value, path, hash: undefined } : { ...value, path } }, "")} />
          {value.type === "script" && value.hash && <p className="mt-2 text-[13px] text-muted">It runs the version {value.hash}. Choose the script again to run the newest.</p>}
        </div>
      );
    case "identity":
      return <p className="p-3 text-muted">It runs nothing, and passes on the result of the step before. In a test it can stand for a step that is yet to be written: give it a value under Settings.</p>;
    default:
      return <Container step={step} onChange={onChange} />;
  }
}

function PathSelect({ kind, path, onChange }: { kind: "script" | "flow"; path: string; onChange: (path: string) => void }) {
  const { workspace } = useScope();
  const paths = useQuery(pathsQuery(workspace));
  const found = paths.data?.[kind] ?? [];
  return (
    <Field label={kind === "script" ? "Script" : "Flow"} error={paths.error ? `Could not load what there is: ${paths.error.message}` : undefined} hint="The newest version runs.">
      {(given) => (
        <Select {...given} className="font-mono" value={path} onChange={(event) => onChange(event.target.value)}>
          <option value="">Choose one</option>
          {path && !found.includes(path) && <option>{path}</option>}
          {found.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Container({ step, onChange }: StepFormProps) {
  const { value } = step;
  const set = (change: object, mark = "") => onChange({ ...step, value: { ...value, ...change } as Step["value"] }, mark && `${mark} ${step.id}`);
  return (
    <div className="flex flex-col gap-3 p-3">
      {value.type === "forloopflow" && (
        <>
          <div className="flex flex-col gap-1.5">
            <div className="flex items-center justify-between gap-2">
              <span className="text-[13px] font-medium">Goes through</span>
              <Segments label="Goes through: given as" value={value.iterator.type} onChange={(type) => set({ iterator: type === "static" ? { type, value: [] } : { type, expr: "" } })} options={[["javascript", "Expression"], ["static", "A fixed list"]]} />
            </div>
            {value.iterator.type === "javascript" ? (
              <ExpressionInput label="Goes through" value={value.iterator.expr} onChange={(expr) => set({ iterator: { type: "javascript", expr } }, "iterator")} placeholder="results.a" />
            ) : (
              <JsonField label="The list (JSON)" value={value.iterator.value} onChange={(list) => set({ iterator: { type: "static", value: list } }, "iterator")} />
            )}
            <p className="text-[13px] text-muted">Steps inside see the item as flow_input.iter.value.</p>
          </div>
          <Check on={value.parallel ?? false} onChange={(parallel) => set({ parallel })}>
            Iterations side by side
          </Check>
          {value.parallel && <AmountField label="At once at most" hint="Empty: as many as workers take." value={value.parallelism} onChange={(parallelism) => set({ parallelism }, "parallelism")} />}
        </>
      )}
      {value.type === "whileloopflow" && <p className="text-muted">Its steps run until it is stopped: under Settings, Stop early is looked at after each iteration. A step inside can stop it too.</p>}
      {(value.type === "forloopflow" || value.type === "whileloopflow") && (
        <Check on={value.skip_failures ?? false} onChange={(skip_failures) => set({ skip_failures })} hint="Its place in the results holds the error.">
          Go on after an iteration that failed
        </Check>
      )}
      {value.type === "branchall" && (
        <Check on={value.parallel ?? false} onChange={(parallel) => set({ parallel })}>
          Branches side by side
        </Check>
      )}
      {(value.type === "branchone" || value.type === "branchall") && (
        <>
          <ul aria-label="Branches" className="flex flex-col gap-2">
            {value.branches.map((each, index) => (
              <li key={index} className="flex flex-col gap-2 rounded-md border border-line p-2.5">
                <div className="flex items-center gap-1">
                  <Input aria-label={`Name of branch ${index + 1}`} placeholder={`Branch ${index + 1}`} value={each.summary ?? ""} onChange={(event) => onChange(changeBranch(step, index, { summary: event.target.value }), `branch ${step.id} ${index}`)} />
                  <IconButton label={`Remove branch ${index + 1}`} onClick={() => onChange(removeBranch(step, index), "")}>
                    <X size={14} aria-hidden />
                  </IconButton>
                </div>
                {value.type === "branchone" ? (
                  <ExpressionInput label={`Condition of branch ${index + 1}`} value={each.expr ?? ""} onChange={(expr) => onChange(changeBranch(step, index, { expr }), `condition ${step.id} ${index}`)} placeholder="results.a > 10" />
                ) : (
                  <Check on={each.skip_failure ?? false} onChange={(skip_failure) => onChange(changeBranch(step, index, { skip_failure }), "")}>
                    Go on when it fails
                  </Check>
                )}
              </li>
            ))}
          </ul>
          <Button small className="self-start" icon={<Plus size={14} aria-hidden />} onClick={() => onChange(addBranch(step), "")}>
            Add a branch
          </Button>
          {value.type === "branchone" && <p className="text-[13px] text-muted">The first whose condition holds is taken, else what stands under “Otherwise”.</p>}
        </>
      )}
    </div>
  );
}
