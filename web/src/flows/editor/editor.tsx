/** Writes a flow: the graph, the step that is chosen, or the test of it; or all of it as YAML. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { FlaskConical, Redo2, Rocket, Undo2 } from "lucide-react";
import { useCallback, useMemo, useState } from "react";

import { changeStep, duplicate, insert, isWithin, listAt, move, placeOf, remove, rename, shift, stepAt, upTo, type Slot } from "@/flow/edit";
import { INPUT } from "@/flow/layout";
import { FAILURE, stepOf, type FlowValue, type More } from "@/flow/model";
import { FlowPicture } from "@/flow/picture";
import { useRunning } from "@/flow/queries";
import { useRunLook } from "@/flow/run-look";
import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { PageHead, Panel } from "@/ui/panel";

import { runPreviewFlow, runsOfQuery } from "../queries";
import { AddMenu, DRAGGED } from "./add-menu";
import { Segments } from "./controls";
import { Deploy } from "./deploy";
import { useDraft, type Begun } from "./drafting";
import { useKeys } from "./keys";
import { failureStep, newStep, type Added } from "./kinds";
import { Notices } from "./notices";
import { ScopeContext, type Scope } from "./scope";
import { StepPanel, type StepActs } from "./step-panel";
import { TestPanel } from "./test-panel";
import { useTold, Warnings } from "./warnings";
import { Whole } from "./whole";
import { YamlView } from "./yaml-view";

interface FlowEditorProps {
  workspace: string;
  begun: Begun;
  /** Where the flow is deployed; undefined of a new one. */
  deployedAt: string | undefined;
  more: More;
  /** Under which name the draft is kept. */
  keptAs: string;
}

export function FlowEditor({ workspace, begun, deployedAt, more, keptAs }: FlowEditorProps) {
  const draft = useDraft(workspace, keptAs, begun);
  const { flow, change } = draft;
  const { value } = flow;
  const [selected, setSelected] = useState(INPUT);
  const [view, setView] = useState<"graph" | "yaml">("graph");
  const [mode, setMode] = useState<"edit" | "test">("edit");
  const [moving, setMoving] = useState<string>();
  const [isDeploying, setDeploying] = useState(false);
  const [faulty, setFaulty] = useState<string>();
  const isFaulty = faulty !== undefined;
  const [args, setArgs] = useState<Record<string, unknown>>({});
  const [limit, setLimit] = useState<string>();
  const [job, setJob] = useState<string>();
  const [picks, setPicks] = useState<Record<string, number>>({});
  const told = useTold(workspace, flow, more.tag);
  const before = useQuery({ ...runsOfQuery(workspace, deployedAt ?? ""), enabled: deployedAt !== undefined, refetchInterval: false });
  const sampleJob = job ?? before.data?.find((each) => each.type === "CompletedJob" && each.success)?.id;
  const running = useRunning(workspace, sampleJob, picks);
  const pick = (step: string, index: number) => setPicks((now) => ({ ...now, [step]: index }));
  const look = useRunLook(workspace, mode === "test" ? job : undefined, running, pick);
  const isAtRisk = draft.cannotKeep || isFaulty;
  useBlocker({ shouldBlockFn: () => !window.confirm(isFaulty ? "The YAML has faults, and is not kept. Leave it all the same?" : "Your draft could not be kept in this browser. Leave it all the same?"), enableBeforeUnload: isAtRisk, disabled: !isAtRisk });

  const act = useCallback((by: (value: FlowValue) => FlowValue, mark = "") => change((now) => {
    const next = by(now.value);
    return next === now.value ? now : { ...now, value: next };
  }, mark), [change]);
  const tested = useMutation({
    meta: { quiet: true },
    mutationFn: () => runPreviewFlow(workspace, limit === undefined ? value : upTo(value, limit), args, deployedAt),
    onSuccess: (id) => {
      setJob(id);
      setPicks({});
    },
  });
  function test(to?: string) {
    setMode("test");
    setLimit(to);
    setView("graph");
  }
  function add(slot: Slot, added: Added) {
    const step = newStep(value, added);
    act((now) => insert(now, slot, step));
    choose(step.id);
  }
  function choose(id: string) {
    setSelected(id);
    if (mode === "test" && stepOf(value, id) === undefined && id !== INPUT) setMode("edit");
  }
  function moveTo(id: string, slot: Slot) {
    act((now) => move(now, id, slot));
    setMoving(undefined);
    setSelected(id);
  }
  const step = selected === INPUT ? undefined : stepOf(value, selected);
  const acts: StepActs = {
    onRemove() {
      const at = placeOf(value, selected);
      const next = at ? (listAt(value, at)[at.index + 1] ?? listAt(value, at)[at.index - 1])?.id : undefined;
      act((now) => remove(now, selected));
      setSelected(next ?? at?.step ?? INPUT);
    },
    onDuplicate() {
      const [, id] = duplicate(value, selected);
      act((now) => duplicate(now, selected)[0]);
      setSelected(id);
    },
    onShift: (by) => act((now) => shift(now, selected, by)),
    onMove: () => setMoving(selected),
    onRename(id) {
      act((now) => rename(now, selected, id));
      setSelected(id);
    },
    onTestUpTo: () => test(selected),
  };
  useKeys({ undo: draft.undo, redo: draft.redo, deploy: () => setDeploying(true), escape: moving === undefined ? undefined : () => setMoving(undefined), shift: step ? acts.onShift : undefined, duplicate: step && placeOf(value, step.id) ? acts.onDuplicate : undefined, remove: step ? acts.onRemove : undefined });

  const scope: Scope = useMemo(() => ({ workspace, value, schema: flow.schema, step: selected, sample: sampleJob === undefined ? undefined : { job: sampleJob, running } }), [workspace, value, flow.schema, selected, sampleJob, running]);
  const isWithinMoving = (slot: Slot) => moving !== undefined && slot.step !== null && isWithin(value, slot.step, moving);
  const slot = (at: Slot) =>
    isWithinMoving(at) ? null : (
      <AddMenu where={whereOf(value, at)} onAdd={(added) => add(at, added)} onMoveHere={moving === undefined ? undefined : () => moveTo(moving, at)} onDrop={(id) => moveTo(id, at)} />
    );
  const warningsOf = (id: string) => told.filter((each) => stepAt(value, each.place) === id).length;
  const names = Object.keys(flow.schema.properties ?? {}).length;

  return (
    <ScopeContext value={scope}>
      <div className="flex min-h-full flex-col lg:h-full">
        <PageHead
          title={flow.summary || (deployedAt === undefined ? "New flow" : draft.path)}
          hint={
            <span className="flex flex-wrap items-center gap-2">
              <code>{draft.path}</code>
              {draft.isKept ? <Badge>draft, kept in this browser</Badge> : deployedAt !== undefined && <Badge tone="good">as deployed</Badge>}
              {draft.cannotKeep && <Badge tone="bad">this browser cannot keep the draft</Badge>}
            </span>
          }
          actions={
            <>
              <IconButton label="Undo (Ctrl Z)" disabled={!draft.undo} onClick={draft.undo}>
                <Undo2 size={16} aria-hidden />
              </IconButton>
              <IconButton label="Redo (Ctrl Shift Z)" disabled={!draft.redo} onClick={draft.redo}>
                <Redo2 size={16} aria-hidden />
              </IconButton>
              <Segments label="Shown as" value={view} onChange={setView} options={[["graph", "Graph"], ["yaml", "YAML"]]} />
              <Button icon={<FlaskConical size={15} aria-hidden />} disabled={isFaulty} onClick={() => test()}>
                Test
              </Button>
              <Button look="primary" icon={<Rocket size={15} aria-hidden />} disabled={isFaulty} onClick={() => setDeploying(true)} title="Ctrl S">
                Deploy
              </Button>
            </>
          }
        />
        <Notices draft={draft} newest={begun.version} />
        {isFaulty && view === "graph" && (
          <p role="alert" className="mx-4 mb-3 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 lg:mx-6">
            The YAML has faults. The graph shows the flow as it was before them, and what is changed here is not in that text.
          </p>
        )}
        {view === "yaml" ? (
          <div className="min-h-0 flex-1 px-4 pb-4 lg:px-6">
            <Panel flush className="h-full">
              <YamlView flow={flow} told={told} faulty={faulty} onFaulty={setFaulty} onChange={(next) => change(() => next, "yaml")} />
            </Panel>
          </div>
        ) : (
          <div className="grid min-h-0 flex-1 gap-4 px-4 pb-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] lg:px-6 xl:grid-cols-[minmax(0,6fr)_minmax(0,5fr)]">
            <div className="flex h-[440px] min-w-0 flex-col overflow-hidden rounded-lg border border-line lg:h-auto lg:min-h-0">
              {moving !== undefined && (
                <p role="status" className="flex items-center gap-2 border-b border-line bg-accent-soft px-3 py-1.5 text-[13px]">
                  <span className="flex-1">
                    Choose where <code>{moving}</code> goes.
                  </span>
                  <Button small onClick={() => setMoving(undefined)}>
                    Leave it
                  </Button>
                </p>
              )}
              <div className="min-h-0 flex-1">
                <FlowPicture
                  value={value}
                  label="Graph of the flow"
                  selected={selected}
                  onSelect={choose}
                  slot={slot}
                  moving={moving}
                  warningsOf={warningsOf}
                  inputNote={names === 1 ? "1 argument" : names > 1 ? `${names} arguments` : undefined}
                  onDragStart={(id, event) => event.dataTransfer.setData(DRAGGED, id)}
                  addFailure={() => {
                    act((now) => ({ ...now, failure_module: failureStep() }));
                    choose(FAILURE);
                  }}
                  {...look}
                />
              </div>
              <Warnings flow={flow} told={told} onSelect={(id) => { setMode("edit"); setSelected(id); }} />
            </div>
            <div className="flex min-w-0 flex-col gap-3 lg:min-h-0 lg:overflow-auto">
              <div>
                <Segments label="Beside the graph" value={mode} onChange={setMode} options={[["edit", "Edit"], ["test", "Test"]]} />
              </div>
              {mode === "test" ? (
                <TestPanel workspace={workspace} flow={flow} args={args} onArgs={setArgs} onTest={() => tested.mutate()} upTo={limit} onWhole={() => setLimit(undefined)} isBusy={tested.isPending} error={tested.error} job={job} running={running} selected={selected} onPick={pick} />
              ) : step ? (
                <StepPanel key={step.id} step={step} onChange={(next, mark) => act((now) => changeStep(now, step.id, () => next), mark)} acts={acts} />
              ) : (
                <Whole flow={flow} change={change} act={act} />
              )}
            </div>
          </div>
        )}
        <Deploy
          open={isDeploying}
          onClose={() => setDeploying(false)}
          workspace={workspace}
          flow={flow}
          onSummary={(summary) => change((now) => ({ ...now, summary }), "summary")}
          path={draft.path}
          onPath={draft.setPath}
          more={more}
          base={deployedAt === undefined || draft.base === undefined ? undefined : { path: deployedAt, version: draft.base }}
          onDeployed={draft.finish}
        />
      </div>
    </ScopeContext>
  );
}

function whereOf(value: FlowValue, slot: Slot): string {
  const list = listAt(value, slot);
  const next = list[slot.index];
  if (next) return `before ${next.id}`;
  return slot.step === null ? "at the end" : `at the end of ${slot.step}${slot.list > 0 ? `, branch ${slot.list + 1}` : ""}`;
}
