/** The picture of a flow: moved about and zoomed, its steps chosen by mouse, tab and arrow keys. */
import { ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type SmoothStepEdgeProps } from "@xyflow/react";
import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, type KeyboardEvent } from "react";

import "@xyflow/react/dist/base.css";

import { IconButton } from "@/ui/button";

import { inOrder } from "./edit";
import { INPUT, layOut, type Picture } from "./layout";
import { HANDLES, NODES, Shared, type GraphProps, type PartNode } from "./nodes";

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
