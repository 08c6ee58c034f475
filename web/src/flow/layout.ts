/** Where the parts of a flow's picture stand: a list goes down, branches stand side by side, each loop and branch in a box. */
import type { ListRef, Slot } from "./edit";
import { FAILURE, listsOf, PREPROCESSOR, type FlowValue, type Step } from "./model";

export const STEP = { width: 248, height: 50 };
const GAP = 44;
const PAD = 14;
const BETWEEN = 20;
const LABEL = 30;
const SLOT = 22;
const JOIN = 8;
/** The picture's first and last part, above and below the steps. */
export const TERMINAL = { width: 168, height: 34 };
export const INPUT = "#input";
export const RESULT = "#result";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Part = Box & { id: string } & (
    | { kind: "terminal"; what: "input" | "result" }
    | { kind: "step"; step: Step }
    | { kind: "frame"; step: Step }
    | { kind: "label"; step: Step; list: number }
    | { kind: "slot"; slot: Slot }
    | { kind: "add"; what: typeof FAILURE }
    | { kind: "join"; step: Step }
  );

export interface Line {
  id: string;
  from: string;
  to: string;
  /** The list that it leads into or through, for what was not chosen. */
  list: ListRef;
  dashed?: boolean;
}

export interface Picture {
  parts: Part[];
  lines: Line[];
  width: number;
  height: number;
}

interface Block {
  width: number;
  height: number;
  /** What is entered, and what is left. */
  first: string;
  last: string;
  put: (x: number, y: number) => void;
}

/** `isEdited`: with places to put steps in. */
export function layOut(value: FlowValue, isEdited: boolean): Picture {
  const parts: Part[] = [];
  const lines: Line[] = [];

  function listBlock(steps: Step[], ref: ListRef): Omit<Block, "first" | "last"> & { first?: string; last?: string } {
    const blocks = steps.map(stepBlock);
    const width = Math.max(STEP.width, ...blocks.map((each) => each.width));
    const height = blocks.reduce((sum, each) => sum + each.height, 0) + Math.max(0, blocks.length - 1) * GAP;
    blocks.slice(1).forEach((each, index) => lines.push({ id: `${blocks[index]!.last}>${each.first}`, from: blocks[index]!.last, to: each.first, list: ref }));
    return {
      width,
      height: blocks.length ? height : isEdited ? SLOT : 0,
      first: blocks[0]?.first,
      last: blocks.at(-1)?.last,
      put(x, y) {
        const middle = x + width / 2;
        blocks.forEach((each, index) => {
          if (index > 0) slot({ ...ref, index }, middle, y - GAP / 2);
          each.put(middle - each.width / 2, y);
          y += each.height + GAP;
        });
      },
    };
  }

  function slot(at: Slot, middle: number, y: number) {
    if (isEdited) parts.push({ id: `+${at.step ?? ""}/${at.list}/${at.index}`, kind: "slot", slot: at, x: middle - SLOT / 2, y: y - SLOT / 2, width: SLOT, height: SLOT });
  }

  function stepBlock(step: Step): Block {
    const lists = listsOf(step);
    if (lists.length === 0 && !isBranched(step)) {
      return { ...STEP, first: step.id, last: step.id, put: (x, y) => parts.push({ id: step.id, kind: "step", step, x, y, ...STEP }) };
    }
    const isLabelled = isBranched(step);
    const head = isLabelled ? LABEL + GAP / 2 : 0;
    const columns = lists.map((list, index) => ({ ref: { step: step.id, list: index }, steps: list, ...listBlock(list, { step: step.id, list: index }) }));
    const inner = columns.reduce((sum, each) => sum + each.width, 0) + Math.max(0, columns.length - 1) * BETWEEN;
    const width = Math.max(STEP.width, inner) + 2 * PAD;
    const tallest = Math.max(isEdited ? SLOT : 0, ...columns.map((each) => each.height));
    const room = isEdited ? GAP : GAP / 2;
    const height = PAD + STEP.height + room + head + tallest + room + JOIN + PAD / 2;
    const join = `${step.id}#join`;
    for (const each of columns) {
      const label = isLabelled ? `${step.id}#${each.ref.list}` : step.id;
      if (isLabelled) lines.push({ id: `${step.id}>${label}`, from: step.id, to: label, list: each.ref });
      lines.push({ id: `${label}>${each.first ?? join}`, from: label, to: each.first ?? join, list: each.ref });
      if (each.last !== undefined) lines.push({ id: `${each.last}>${join}`, from: each.last, to: join, list: each.ref });
    }
    if (columns.length === 0) lines.push({ id: `${step.id}>${join}`, from: step.id, to: join, list: { step: step.id, list: 0 } });
    return {
      width,
      height,
      first: step.id,
      last: join,
      put(x, y) {
        const middle = x + width / 2;
        parts.push({ id: `${step.id}#frame`, kind: "frame", step, x, y, width, height });
        parts.push({ id: step.id, kind: "step", step, x: middle - STEP.width / 2, y: y + PAD, ...STEP });
        let left = middle - inner / 2;
        const top = y + PAD + STEP.height + room;
        for (const each of columns) {
          const centre = left + each.width / 2;
          if (isLabelled) parts.push({ id: `${step.id}#${each.ref.list}`, kind: "label", step, list: each.ref.list, x: centre - STEP.width / 2, y: top - room + GAP / 2, width: STEP.width, height: LABEL });
          const start = top + head;
          if (each.steps.length === 0) slot({ ...each.ref, index: 0 }, centre, start + SLOT / 2);
          else {
            slot({ ...each.ref, index: 0 }, centre, start - room / 2);
            each.put(left, start);
            slot({ ...each.ref, index: each.steps.length }, centre, start + each.height + room / 2);
          }
          left += each.width + BETWEEN;
        }
        parts.push({ id: join, kind: "join", step, x: middle - JOIN / 2, y: y + height - PAD / 2 - JOIN, width: JOIN, height: JOIN });
      },
    };
  }

  const top: ListRef = { step: null, list: 0 };
  const body = listBlock(value.modules, top);
  const width = Math.max(body.width, STEP.width) + 2 * PAD;
  const middle = width / 2;
  let y = PAD;
  if (value.preprocessor_module) {
    parts.push({ id: PREPROCESSOR, kind: "step", step: value.preprocessor_module, x: middle - STEP.width / 2, y, ...STEP });
    lines.push({ id: `${PREPROCESSOR}>${INPUT}`, from: PREPROCESSOR, to: INPUT, list: top });
    y += STEP.height + GAP / 2;
  }
  parts.push({ id: INPUT, kind: "terminal", what: "input", x: middle - TERMINAL.width / 2, y, ...TERMINAL });
  y += TERMINAL.height + GAP;
  slot({ ...top, index: 0 }, middle, y - GAP / 2);
  lines.push({ id: `${INPUT}>${body.first ?? RESULT}`, from: INPUT, to: body.first ?? RESULT, list: top });
  if (body.last !== undefined) {
    body.put(middle - body.width / 2, y);
    y += body.height + GAP;
    slot({ ...top, index: value.modules.length }, middle, y - GAP / 2);
    lines.push({ id: `${body.last}>${RESULT}`, from: body.last, to: RESULT, list: top });
  }
  parts.push({ id: RESULT, kind: "terminal", what: "result", x: middle - TERMINAL.width / 2, y, ...TERMINAL });
  y += TERMINAL.height;
  if (value.failure_module) {
    y += GAP / 2;
    parts.push({ id: FAILURE, kind: "step", step: value.failure_module, x: middle - STEP.width / 2, y, ...STEP });
    lines.push({ id: `${RESULT}>${FAILURE}`, from: RESULT, to: FAILURE, list: top, dashed: true });
    y += STEP.height;
  } else if (isEdited) {
    y += GAP / 2;
    parts.push({ id: `+${FAILURE}`, kind: "add", what: FAILURE, x: middle - TERMINAL.width / 2, y, ...TERMINAL });
    y += TERMINAL.height;
  }
  return { parts: sorted(parts), lines, width, height: y + PAD };
}

function isBranched(step: Step): boolean {
  return step.value.type === "branchone" || step.value.type === "branchall";
}

/** Frames first, so that all else is above them; then from the top down, which is the order of the tab key. */
function sorted(parts: Part[]): Part[] {
  return [...parts.filter((each) => each.kind === "frame"), ...parts.filter((each) => each.kind !== "frame")];
}

/** What a branch is called. */
export function labelOf(step: Step, list: number): string {
  if (step.value.type === "branchone") {
    const branch = step.value.branches[list];
    return branch ? branch.summary || branch.expr || `Branch ${list + 1}` : "Otherwise";
  }
  if (step.value.type === "branchall") return step.value.branches[list]?.summary || `Branch ${list + 1}`;
  return "";
}
