/** The parts of a flow's picture. What they show of a run, and what can be done with them, comes from the page. */
import { Handle, Position, type Node, type NodeProps } from "@xyflow/react";
import { TriangleAlert } from "lucide-react";
import { createContext, use, type DragEvent, type ReactNode } from "react";

import { cls } from "@/ui/class";

import type { ListRef, Slot } from "./edit";
import { INPUT, labelOf, RESULT, type Part } from "./layout";
import { edgeOf, KindIcon, signsOf, StateIcon, type StepState } from "./look";
import { nameOf, type FlowValue, type Step } from "./model";

export interface StepLook {
  state: StepState;
  /** A few letters, such as how long it took. */
  note?: string;
}

export interface GraphProps {
  value: FlowValue;
  label: string;
  selected?: string;
  onSelect: (id: string) => void;
  /** How a step stands in a run; undefined outside of one. */
  lookOf?: (id: string) => StepLook | undefined;
  /** Whether a branch was not taken. */
  isIdle?: (list: ListRef) => boolean;
  /** What is shown below the name of a step, such as the choice of an iteration. */
  detailOf?: (step: Step) => ReactNode;
  /** How many warnings a step has. */
  warningsOf?: (id: string) => number;
  /** What stands between steps where the flow is edited. */
  slot?: (slot: Slot) => ReactNode;
  addFailure?: () => void;
  /** The step that is about to be moved. */
  moving?: string;
  inputNote?: string;
  /** Steps can be dragged to another place. */
  onDragStart?: (id: string, event: DragEvent) => void;
}

export const Shared = createContext<GraphProps | undefined>(undefined);
const useShared = () => use(Shared)!;

export type PartNode = Node<{ part: Part }>;

export const HANDLES = [
  { type: "target" as const, position: Position.Top },
  { type: "source" as const, position: Position.Bottom },
];

function Ends() {
  return HANDLES.map((each) => <Handle key={each.type} type={each.type} position={each.position} isConnectable={false} className="!pointer-events-none !min-h-0 !min-w-0 !border-0 !bg-transparent opacity-0" />);
}

function StepNode({ data: { part } }: NodeProps<PartNode>) {
  const { selected, onSelect, lookOf, detailOf, warningsOf, moving, onDragStart } = useShared();
  if (part.kind !== "step") return null;
  const { step } = part;
  const look = lookOf?.(step.id);
  const warnings = warningsOf?.(step.id) ?? 0;
  const isSelected = selected === step.id;
  const detail = detailOf?.(step);
  return (
    <div className={cls("pointer-events-auto flex h-full items-center rounded-md border bg-panel text-left shadow-xs", look ? edgeOf(look.state) : "border-line-strong", isSelected && "ring-2 ring-accent", moving === step.id && "border-dashed opacity-60")}>
      <button type="button" draggable={onDragStart !== undefined} onDragStart={(event) => onDragStart?.(step.id, event)} data-step={step.id} aria-pressed={isSelected} onClick={() => onSelect(step.id)} className="nodrag nopan flex h-full min-w-0 flex-1 items-center gap-2 rounded-md px-2.5 text-left hover:bg-sunken">
        <span className="text-muted">
          <KindIcon step={step} />
        </span>
        <span className="min-w-0 flex-1">
          <span className="sr-only">Step {step.id}: </span>
          <span className="block truncate text-[13px] font-medium">{nameOf(step)}</span>
          <span aria-hidden className="block h-4 truncate text-xs text-muted">
            {!detail && hintOf(step)}
          </span>
        </span>
        {signsOf(step).map(({ icon: Icon, words }) => (
          <Icon key={words} size={13} role="img" aria-label={words} className="shrink-0 text-muted" />
        ))}
        {warnings > 0 && <TriangleAlert size={14} role="img" aria-label={warnings === 1 ? "1 warning" : `${warnings} warnings`} className="shrink-0 text-warn" />}
        {look ? (
          <span className="flex shrink-0 flex-col items-end gap-0.5">
            <StateIcon state={look.state} />
            {look.note && <span className="text-[11px] text-muted tabular-nums">{look.note}</span>}
          </span>
        ) : (
          <code aria-hidden className="shrink-0 rounded bg-sunken px-1 text-[11px] text-muted">{step.id}</code>
        )}
      </button>
      {detail && <div className="nodrag nopan pointer-events-none absolute bottom-1 left-9 flex h-4 items-center [&_button]:pointer-events-auto">{detail}</div>}
      <Ends />
    </div>
  );
}

function hintOf(step: Step): string {
  const { value } = step;
  switch (value.type) {
    case "rawscript":
      return step.summary ? value.language : "written here";
    case "script":
    case "flow":
      return value.path || "choose one";
    case "forloopflow":
      return value.iterator.type === "javascript" ? value.iterator.expr : "a fixed list";
    case "whileloopflow":
      return step.stop_after_if?.expr ? `until ${step.stop_after_if.expr}` : "until a step stops it";
    case "branchone":
      return "the first whose condition holds";
    case "branchall":
      return value.parallel ? "side by side" : "one after the other";
    case "identity":
      return "the result of the step before";
  }
}

function FrameNode({ data: { part } }: NodeProps<PartNode>) {
  const { selected, onSelect } = useShared();
  if (part.kind !== "frame") return null;
  return <div aria-hidden onClick={() => onSelect(part.step.id)} className={cls("pointer-events-auto h-full rounded-lg border border-dashed bg-sunken/60", selected === part.step.id ? "border-accent" : "border-line-strong")} />;
}

function LabelNode({ data: { part } }: NodeProps<PartNode>) {
  const { isIdle } = useShared();
  if (part.kind !== "label") return null;
  const text = labelOf(part.step, part.list);
  return (
    <div className="flex h-full items-center justify-center">
      <span title={text} className={cls("max-w-full truncate rounded-full border bg-panel px-2.5 py-0.5 text-xs text-muted", isIdle?.({ step: part.step.id, list: part.list }) ? "border-dashed border-line" : "border-line-strong")}>
        {text}
      </span>
      <Ends />
    </div>
  );
}

function TerminalNode({ data: { part } }: NodeProps<PartNode>) {
  const { selected, onSelect, inputNote } = useShared();
  if (part.kind !== "terminal") return null;
  const isInput = part.what === "input";
  const id = isInput ? INPUT : RESULT;
  const look = cls("flex h-full w-full items-center justify-center gap-1.5 rounded-full border bg-panel text-[13px] font-medium", selected === id ? "border-accent ring-2 ring-accent" : "border-line-strong");
  return (
    <div className="pointer-events-auto h-full">
      {isInput ? (
        <button type="button" data-step={id} aria-pressed={selected === id} onClick={() => onSelect(id)} className={cls(look, "nodrag nopan hover:bg-sunken")}>
          Input {inputNote && <span className="font-normal text-muted">{inputNote}</span>}
        </button>
      ) : (
        <div className={cls(look, "text-muted")}>Result</div>
      )}
      <Ends />
    </div>
  );
}

function SlotNode({ data: { part } }: NodeProps<PartNode>) {
  const { slot } = useShared();
  return part.kind === "slot" ? <div className="nodrag nopan pointer-events-auto flex h-full items-center justify-center">{slot?.(part.slot)}</div> : null;
}

function AddNode() {
  const { addFailure } = useShared();
  return (
    <button type="button" onClick={addFailure} className="nodrag nopan pointer-events-auto h-full w-full rounded-full border border-dashed border-line-strong bg-ground text-[13px] text-muted hover:border-accent hover:text-accent">
      + If the flow fails
    </button>
  );
}

function JoinNode() {
  return (
    <div className="h-full rounded-full border border-line-strong bg-panel">
      <Ends />
    </div>
  );
}

export const NODES = { step: StepNode, frame: FrameNode, label: LabelNode, terminal: TerminalNode, slot: SlotNode, add: AddNode, join: JoinNode };
