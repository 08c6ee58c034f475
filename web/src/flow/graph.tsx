/** The picture of a flow. Steps are chosen by mouse, tab and arrow keys; what they show beside their name comes from outside. */
import { Handle, Position, ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type Node, type NodeProps, type SmoothStepEdgeProps } from "@xyflow/react";
import { Maximize, TriangleAlert, ZoomIn, ZoomOut } from "lucide-react";
import { createContext, use, useCallback, useEffect, useMemo, useRef, type DragEvent, type KeyboardEvent, type ReactNode } from "react";

import "@xyflow/react/dist/base.css";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";

import { inOrder, type ListRef, type Slot } from "./edit";
import { INPUT, labelOf, layOut, RESULT, type Part, type Picture } from "./layout";
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

const Shared = createContext<GraphProps | undefined>(undefined);
const useShared = () => use(Shared)!;

type PartNode = Node<{ part: Part }>;

const HANDLES = [
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
      {detail && <div className="nodrag nopan absolute bottom-1 left-9">{detail}</div>}
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

const NODES = { step: StepNode, frame: FrameNode, label: LabelNode, terminal: TerminalNode, slot: SlotNode, add: AddNode, join: JoinNode };
const FIXED = { draggable: false, selectable: false, connectable: false, focusable: false, deletable: false };

function nodesOf({ parts }: Picture): PartNode[] {
  return parts.map((part) => ({
    ...FIXED,
    id: part.id,
    type: part.kind,
    position: { x: part.x, y: part.y },
    width: part.width,
    height: part.height,
    data: { part },
    zIndex: part.kind === "frame" ? -1 : part.kind === "slot" ? 2 : 1,
    handles: part.kind === "frame" || part.kind === "slot" ? [] : HANDLES.map((each) => ({ ...each, x: part.width / 2, y: each.type === "target" ? 0 : part.height, width: 0, height: 0 })),
  }));
}

function edgesOf({ lines }: Picture, isIdle: GraphProps["isIdle"]): (Edge & Pick<SmoothStepEdgeProps, "pathOptions">)[] {
  return lines.map((line) => ({
    id: line.id,
    source: line.from,
    target: line.to,
    type: "smoothstep",
    pathOptions: { offset: 8, borderRadius: 8 },
    focusable: false,
    zIndex: 0,
    style: { stroke: "var(--line-strong)", strokeWidth: 1.5, ...(line.dashed ? { strokeDasharray: "4 4" } : {}), ...(isIdle?.(line.list) ? { opacity: 0.4 } : {}) },
  }));
}

/** Below this nobody can read it: it is moved about instead. */
const LEAST_ZOOM = 0.8;

function Canvas(props: GraphProps) {
  const { value, label, selected, onSelect, isIdle } = props;
  const isEdited = props.slot !== undefined;
  const box = useRef<HTMLDivElement>(null);
  const flow = useReactFlow();
  const picture = useMemo(() => layOut(value, isEdited), [value, isEdited]);
  const nodes = useMemo(() => nodesOf(picture), [picture]);
  const edges = useMemo(() => edgesOf(picture, isIdle), [picture, isIdle]);
  const latest = useRef(picture);
  useEffect(() => {
    latest.current = picture;
  });

  const fit = useCallback(() => {
    const room = box.current!.getBoundingClientRect();
    const { width, height } = latest.current;
    const zoom = Math.max(LEAST_ZOOM, Math.min(1, (room.width - 16) / width));
    const spare = room.height - height * zoom;
    void flow.setViewport({ x: (room.width - width * zoom) / 2, y: spare > 80 ? Math.min(spare / 2, 40) : 4, zoom });
  }, [flow]);
  useEffect(() => {
    let before = 0;
    const watch = new ResizeObserver(([entry]) => {
      const { width } = entry!.contentRect;
      if (before === 0) fit();
      else if (width !== before && width > 0) {
        const at = flow.getViewport();
        void flow.setViewport({ ...at, x: at.x + (width - before) / 2 });
      }
      if (width > 0) before = width;
    });
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, [fit, flow]);

  // The middle stays in the middle when the picture grows to a side.
  const width = picture.width;
  const before = useRef(width);
  useEffect(() => {
    if (before.current === width) return;
    const at = flow.getViewport();
    void flow.setViewport({ ...at, x: at.x - ((width - before.current) / 2) * at.zoom });
    before.current = width;
  }, [width, flow]);

  // What was chosen elsewhere, or by a key, comes into view.
  useEffect(() => {
    const part = latest.current.parts.find((each) => each.id === selected);
    if (!part || !box.current) return;
    const { x, y, zoom } = flow.getViewport();
    const room = box.current.getBoundingClientRect();
    if (room.width === 0) return;
    const left = part.x * zoom + x;
    const top = part.y * zoom + y;
    const isSeen = left >= 0 && top >= 0 && left + part.width * zoom <= room.width && top + part.height * zoom <= room.height;
    if (!isSeen) void flow.setCenter(part.x + part.width / 2, part.y + part.height / 2, { zoom });
  }, [selected, flow]);

  function onKey(event: KeyboardEvent) {
    const button = (event.target as HTMLElement).closest<HTMLElement>("[data-step]");
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!button || !by || event.altKey || event.ctrlKey || event.metaKey) return;
    const order = [INPUT, ...inOrder(value)];
    const next = order[order.indexOf(button.dataset.step!) + by];
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next);
    box.current?.querySelector<HTMLElement>(`[data-step="${CSS.escape(next)}"]`)?.focus();
  }
  return (
    <Shared value={props}>
      <div ref={box} onKeyDown={onKey} role="group" aria-label={label} className="relative h-full w-full overflow-hidden bg-ground">
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={NODES}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          panOnScroll
          zoomOnDoubleClick={false}
          minZoom={0.2}
          maxZoom={1.5}
          onlyRenderVisibleElements={picture.parts.length > 400}
          attributionPosition="bottom-left"
        />
        <div className="absolute right-2 bottom-2 z-10 flex rounded-md border border-line bg-panel shadow-xs">
          <IconButton label="Smaller" onClick={() => void flow.zoomOut()}>
            <ZoomOut size={15} aria-hidden />
          </IconButton>
          <IconButton label="Larger" onClick={() => void flow.zoomIn()}>
            <ZoomIn size={15} aria-hidden />
          </IconButton>
          <IconButton label="Show all of it" onClick={() => void flow.fitView({ maxZoom: 1, padding: 0.05 })}>
            <Maximize size={15} aria-hidden />
          </IconButton>
        </div>
      </div>
    </Shared>
  );
}

export default function Graph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}
