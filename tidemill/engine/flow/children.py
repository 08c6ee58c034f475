"""What a step has below it: the iterations of a loop, or branches that all run."""

from dataclasses import replace
from typing import Final

import msgspec

from tidemill.engine.flow.commands import Ended, Enter, KeepItems, Names, Record
from tidemill.engine.flow.progress import Progress, failure_json, place_in
from tidemill.engine.flow.state import AT_ONCE, Again, Children, ResultOf
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import BranchAll, ForLoop, Step, WhileLoop

_ITER: Final = "iter"
NOBODY: Final = Children(total=0)


def begin(
    run: Progress, step: Step, kind: ForLoop | WhileLoop | BranchAll, names: Names, *, again: Again
) -> list[msgspec.Raw]:
    """Nothing of the step has started yet but what `again` keeps; the items that it goes through, if there are some."""
    items: list[msgspec.Raw] = []
    match kind:
        case ForLoop():
            items = _keep_items(run, step, kind, names)
            children = Children(total=len(items), cap=_cap(run, step, kind, names))
        case WhileLoop():
            children = Children(total=None)
        case BranchAll():
            children = Children(total=len(kind.branches), cap=AT_ONCE if kind.parallel else 1)
    kept = again.child if children.total is None else min(again.child, children.total)
    run.set(children=_with(children, started=kept), job=None, kept=again.kept if kept else ())
    return items


def fill(run: Progress, items: list[msgspec.Raw], delay_s: float = 0.0, *, again: Again | None = None) -> Children:
    """Start as many children as may run, the first of them as `again` says. Where none runs then, the step is over."""
    children = run.now.children or NOBODY
    step, before = run.step, run.previous(before=len(run.state.steps) - 1)
    while not _is_full(children):
        index, job = children.started, run.around.new_id()
        item = _item(run, step, index, items)
        branch = index if isinstance(step.kind, BranchAll) else 0
        run.commands.append(
            Enter(
                job=job, step=step, branch=branch, index=index, item=item, before=before, delay_s=delay_s, again=again
            )
        )
        again = None
        children = _with(children, started=index + 1, running=(*children.running, index))
        run.set(children=children, job=job)
    return children


def take(run: Progress, event: Ended, children: Children) -> bool:
    """The end of a child; False where it is not (any more) awaited.

    Raises:
        ExpressionFailed: the loop's own condition cannot be evaluated.
    """
    if event.index is None or event.index not in children.running:
        return False
    place = children.running.index(event.index)
    children = _with(children, running=children.running[:place] + children.running[place + 1 :])
    if not event.succeeded:
        children = _with(children, failures=children.failures + 1)
        if not _is_excused(run.step, event.index):
            is_first = children.first_failed is None or event.index < children.failed_index
            if is_first:
                children = _with(children, first_failed=event.job, failed_index=event.index)
    run.set(children=children)
    if isinstance(run.step.kind, ForLoop | WhileLoop):
        if event.stopped:
            run.set(children=_with(children, stopped=True))
        elif _breaks(run, event):
            run.set(children=_with(children, stopped=True, broken=True))
    return True


def fail(run: Progress, error: ExpressionFailed) -> None:
    """The step fails with `error` once the children that are under way have ended."""
    job, children = run.around.new_id(), run.now.children or NOBODY
    run.commands.append(Record(job=job, step=run.step, result=failure_json(error), succeeded=False))
    run.set(children=_with(children, first_failed=job, failed_index=-1, stopped=True))


def _keep_items(run: Progress, step: Step, kind: ForLoop, names: Names) -> list[msgspec.Raw]:
    """Evaluate and keep what a loop goes through."""
    text = run.value(kind.iterator, names, place_in(step, "/value/iterator"))
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise ExpressionFailed(
            f"The iterator of step '{step.id}' must give a list; it gave {text[:60].decode(errors='replace')}."
        ) from error
    run.commands.append(KeepItems(step=step.id, items=text))
    return items


def _item(run: Progress, step: Step, index: int, items: list[msgspec.Raw]) -> bytes | None:
    """What an iteration is for: an item, or its number where there are no items."""
    if isinstance(step.kind, ForLoop):
        return bytes(items[index]) if items else run.around.item(step.id, index)
    return str(index).encode() if isinstance(step.kind, WhileLoop) else None


def _cap(run: Progress, step: Step, kind: ForLoop, names: Names) -> int:
    if not kind.parallel:
        return 1
    wanted = run.seconds(kind.parallelism, names, step, "/value/parallelism")
    return min(AT_ONCE, max(1, int(wanted))) if wanted else AT_ONCE


def _is_excused(step: Step, index: int) -> bool:
    match step.kind:
        case ForLoop() | WhileLoop():
            return step.kind.skip_failures
        case BranchAll():
            return step.kind.branches[index].skip_failure
        case _:
            return False


def _breaks(run: Progress, event: Ended) -> bool:
    """Whether the loop's own condition, looked at after each iteration, ends it."""
    stop = run.step.stop
    if stop is None or not event.succeeded:
        return False
    names = run.names_after(ResultOf(event.job))
    if _ITER in stop.condition and event.index is not None:
        value = _item(run, run.step, event.index, []) or b"null"
        names = replace(names, iteration=b'{"index":%d,"value":%s}' % (event.index, value))
    return run.holds(stop.condition, names, run.step, "/stop_after_if")


def _is_full(children: Children) -> bool:
    """Whether no child may start (now): enough run, all have, or no more shall."""
    is_over = children.stopped or children.first_failed is not None or children.started == children.total
    return is_over or len(children.running) >= children.cap


def _with(children: Children, **changes: object) -> Children:
    return msgspec.structs.replace(children, **changes)
