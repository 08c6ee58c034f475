"""One plan: from what happened to all that follows from it, through the levels of a flow, as one `Advance`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import msgspec

from tidemill.db.flow_runs import Asked, End, Held, Items, Placed, Settled
from tidemill.db.flows import FlowVersion
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.queue import ClaimedJob
from tidemill.db.queue import Ended as JobEnded
from tidemill.db.values import Kept
from tidemill.engine.flow.advance import advance
from tidemill.engine.flow.approval import Answer, rules_of, tally
from tidemill.engine.flow.commands import (
    Ask,
    Command,
    Ended,
    Enter,
    Event,
    Finish,
    KeepItems,
    Record,
    Settle,
    Start,
    Started,
)
from tidemill.engine.flow.progress import error_json, failure_json
from tidemill.engine.flow.state import Again, FlowState, Place, Ref, ResultOf, new_state
from tidemill.engine.on_behalf import acts_for
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, ExpressionFailed
from tidemill.model.flow import Step, SubFlow
from tidemill.model.job import EndReason
from tidemill.worker.flows.around import Around, iteration_args
from tidemill.worker.flows.collected import Collected, ToKeep
from tidemill.worker.flows.known import WantAnswers, WantFlow, answer_of
from tidemill.worker.flows.steps import DEPTH, debounced, job_of_step, level_job, limited, runs_on_tag_of_flow
from tidemill.worker.flows.values import items_of
from tidemill.worker.flows.views import View, options_of

MOST_DEPTH: Final = 1000
"""So many flows may run each other: one that runs itself comes to an end."""
MOST: Final = 1000
"""So many jobs come into being in one statement, about; what more there is to do, the flow's own job does."""
MOST_BYTES: Final = 4 << 20
"""Of values that iterations make anew without a worker; the same."""
SHARED_BYTES: Final = 16 * 1024
"""Up to here the row of each iteration holds a value itself that all have."""


class Plan(Collected):
    """Works out what follows.

    Raises (from all methods): `Wanted`, where something has to be loaded first: then begin anew with what was loaded.
    """

    def end_step(self, job: ClaimedJob, ended: JobEnded) -> None:
        """A job that the worker holds ends, and is a step of a flow."""
        self._held.append(Held(job.id, job.attempt, ended.seen))
        self._end(
            End(
                id=job.id,
                workspace_id=job.workspace_id,
                status=ended.status,
                result=ended.result,
                end_reason=ended.end_reason,
                memory_peak_bytes=ended.memory_peak_bytes,
            ),
            self._child_of(job.parent_job, job.flow_step_id, job.flow_index),
        )
        assert job.parent_job is not None
        assert job.flow_step_id is not None
        self.tell(
            job.parent_job,
            Ended(
                step=job.flow_step_id,
                job=job.id,
                index=job.flow_index,
                succeeded=ended.status in {"success", "skipped"},
                canceled=ended.status == "canceled",
            ),
        )

    def judge(
        self, view: View, answers: Sequence[Answer], *, groups: tuple[str, ...] | None, left_s: float | None
    ) -> None:
        """Tell a level what there is of answers. Where they are not enough, it looks again in `left_s` seconds."""
        step = view.level.steps[len(view.state.steps) - 1]
        if step.suspend is None:
            return
        rules = rules_of(step.suspend, groups=groups, starter=view.starter)
        event, counted = tally(answers, rules, step=step.id, is_late=left_s is not None and left_s <= 0)
        self._parked[view.id] = left_s
        self._counted[view.id] = counted
        self._values.add_answers(view.id, step.id, counted)
        if counted or event.is_late:
            self.tell(view.id, event)

    def give(self, view: View, result: Kept) -> None:
        """A flow that has not begun ends with a result that was kept from an earlier run."""
        self._changed.setdefault(view.id, view.version)
        state = msgspec.structs.replace(view.state, ended=True)
        self.views[view.id] = view = msgspec.structs.replace(view, state=state)
        self._finish_with(view, Finish(succeeded=True, result=None), result)

    def keep(self, view: View, key: bytes, *, ttl_s: int) -> None:
        """The result of a flow that has not begun is to be kept for so long."""
        state = msgspec.structs.replace(view.state, keep_under=key.hex(), keep_s=ttl_s)
        self.views[view.id] = msgspec.structs.replace(view, state=state)

    def run(self) -> None:
        """Work out all that follows, up to a bound: then the levels that have not heard everything look themselves."""
        while self._events and len(self._jobs) < MOST and self._made_bytes < MOST_BYTES:
            level, event = self._events.popleft()
            view = self.views.get(level)
            if view is not None and view.is_in_queue:
                self._advance(view, event)
        new = {placed.job.id: number for number, placed in enumerate(self._jobs)}
        for level, _ in self._events:
            if level in new:
                self._jobs[new[level]] = replace(self._jobs[new[level]], place="queued")
            else:
                self._parked[level] = 0.0

    def _advance(self, view: View, event: Event) -> None:
        around = Around(view, self._values, self.views.get)
        change = advance(view.level, view.state, event, around)
        if change.state is view.state and not change.commands:
            if view.version is not None:  # not to listen is decided by what was seen, too
                self._changed.setdefault(view.id, view.version)
            return
        self._changed.setdefault(view.id, view.version)
        self.views[view.id] = view = msgspec.structs.replace(view, state=change.state)
        try:
            for command in change.commands:
                self._carry_out(view, command)
        except ExpressionFailed as error:  # a value that is to be kept cannot be: the level cannot go on
            self._give_up(self.views[view.id], error)

    def _give_up(self, view: View, error: ExpressionFailed) -> None:
        if not view.state.ended:
            self.views[view.id] = view = msgspec.structs.replace(
                view, state=msgspec.structs.replace(view.state, ended=True)
            )
        self._finish_with(view, Finish(succeeded=False, result=None), Kept(inline=Json(failure_json(error))))

    def _carry_out(self, view: View, command: Command) -> None:
        match command:
            case Start():
                self._start(view, command)
            case Enter():
                self._enter(view, command)
            case Record():
                self._record(view, command)
            case KeepItems():
                self._keep_items(view, command)
            case Ask():
                self._ask(view, command)
            case Settle():
                self._settle(view, command)
            case Finish():
                self._finish(view, command)

    def _keep_items(self, view: View, command: KeepItems) -> None:
        items = self._values.kept(command.items)
        # a loop that is repeated within one plan has them anew
        kept = Items(job_id=view.id, workspace_id=view.workspace_id, step=command.step, items=items)
        self._items[view.id, command.step] = kept
        self._values.add_items(view.id, command.step, items_of(command.items))

    def _ask(self, view: View, ask: Ask) -> None:
        source = view.state.place.source
        self._asks[view.id] = Asked(
            level_id=view.id,
            workspace_id=view.workspace_id,
            source_id=source,
            step=ask.step.id,
            step_job=ask.job,
            required=view.state.steps[-1].required,
            groups=ask.groups,
            timeout_s=ask.timeout_s,
        )
        self._hold_source(view)
        self.judge(view, self._answers_to(view, ask.step), groups=ask.groups, left_s=ask.timeout_s)

    def _answers_to(self, view: View, step: Step) -> tuple[Answer, ...]:
        """The answers that there are already, but for those that count elsewhere with this plan.

        To a level that comes into being with this plan there are none but those for any step of the flow, and none at
        all where that does so too. Its id is another one at the next try, so that nothing could be loaded for it.
        """
        source = view.state.place.source
        new = {placed.job.id for placed in self._jobs}
        if source in new:
            return ()
        level = source if view.id in new else view.id
        found = cast("tuple[Answer, ...]", answer_of(self._memo, WantAnswers(level, step.id, source)))
        counted = {each.id for answers in self._counted.values() for each in answers}
        return tuple(each for each in found if each.id not in counted)

    def _settle(self, view: View, settle: Settle) -> None:
        counted = self._counted[view.id]
        self._asks.pop(view.id, None)
        self._settled.append(Settled(view.id, settle.step.id, tuple(each.id for each in counted)))
        self._parked[view.id] = None
        self._hold_source(view)

    def _hold_source(self, view: View) -> None:
        """Answers may be for any step of the flow: the version of its top tells of those who add or count some."""
        source = self.views.get(view.state.place.source)
        if source is not None:
            self._changed.setdefault(source.id, source.version)

    def _start(self, view: View, start: Start) -> None:
        try:
            if isinstance(start.step.kind, SubFlow):
                self._start_flow(view, start, start.step.kind)
            else:
                placed = job_of_step(view, start, self._memo, keep=self._values.kept_object)
                self._place(placed, here=view.definition.flow.same_worker)
        except ExpressionFailed as error:
            self._fail_start(view, start, error)

    def _fail_start(self, view: View, start: Start, error: ExpressionFailed) -> None:
        """What was to be started is not there, or not for whom the flow acts: the step fails."""
        job = level_job(view, start.job, start.step, kind="noop", index=None, args=Kept(inline=Json(b"{}")))
        self._jobs.append(Placed(job, "none"))
        result = Kept(inline=Json(error_json("NotRunnable", str(error))))
        self._end(_fresh(job, "failure", result), None)
        self.tell(view.id, Ended(step=start.step.id, job=start.job, succeeded=False))

    def _start_flow(self, view: View, start: Start, kind: SubFlow) -> None:
        version_of_run = None if start.again is None else start.again.version
        wanted = WantFlow(view.workspace_id, view.email, kind.path, version_of_run)
        version = cast("FlowVersion", answer_of(self._memo, wanted))
        definition = self._known.definition_of_version(version)
        sent = jsontext.build_object(start.args)
        try:
            person = acts_for(version.settings, actor=view.permissioned_as, email=view.email, flow_args=sent)
        except BadRequest as error:
            raise ExpressionFailed(str(error)) from error
        job = replace(
            level_job(view, start.job, start.step, kind="flow", index=None, args=self._values.kept(sent)),
            permissioned_as=person.actor,
            email=person.email,
            script_hash=version.id,
            script_path=version.path,
            tag=view.tag if runs_on_tag_of_flow(view) else version.tag or view.tag,
            delay_s=start.delay_s,
            timeout_s=start.timeout_s or version.settings.get("timeout"),
            cache_ttl_s=start.step.cache_ttl_s or definition.flow.cache_ttl_s,
            **limited(view, definition.flow.limit, version.path, start.args),
        )
        inherited = msgspec.json.decode(job.options.raw, type=dict[str, object])
        inherited[DEPTH] = depth = 1 + cast("int", inherited.get(DEPTH, 0))
        if depth > MOST_DEPTH:
            raise ExpressionFailed(f"'{version.path}' lies below {MOST_DEPTH} other flows: does it run itself?")
        if definition.flow.delete_after_s is not None:
            inherited["delete_after_use"] = True
        job = replace(job, options=Json(msgspec.json.encode({**person.options, **inherited})))
        if start.again is not None:
            job = replace(job, options=options_of(job.options.raw, again=start.again))
        else:
            job = debounced(view, start, job)
        if job.delay_s > 0 or job.cache_ttl_s or job.concurrency_key:  # it may have to wait, or have a result already
            self._jobs.append(Placed(job, "queued"))
            return
        self._jobs.append(Placed(job, "waiting"))
        below = msgspec.structs.replace(
            _below(view, job, new_state(Place(source=job.id))),
            script_hash=version.id,
            script_path=version.path,
            permissioned_as=job.permissioned_as,
            email=job.email,
            definition=definition,
        )
        self._begin(below, again=start.again)

    def _enter(self, view: View, enter: Enter) -> None:
        item = b"{}" if enter.item is None or enter.index is None else iteration_args(enter.index, enter.item)
        args = self._values.kept(item)
        job = level_job(view, enter.job, enter.step, kind="flownode", index=enter.index, args=args)
        job = replace(job, delay_s=enter.delay_s)
        if enter.again is not None:
            job = replace(job, options=options_of(job.options.raw, again=enter.again))
        source = view.state.place.source
        state = new_state(Place(source=source, step=enter.step.id, branch=enter.branch), enter.before)
        below = _below(view, job, state)
        self._jobs.append(Placed(job, "queued" if enter.delay_s > 0 else "waiting"))
        if enter.delay_s > 0:
            self._changed[below.id] = None
            self.views[below.id] = below
        else:
            self._begin(below, again=enter.again)

    def _begin(self, below: View, *, again: Again | None = None) -> None:
        self._values.add_level(below.id)
        self.views[below.id] = below
        self._changed[below.id] = None
        self.tell(below.id, Started(again=again))

    def _record(self, view: View, record: Record) -> None:
        succeeded = record.succeeded
        try:
            result = self._input_of(view) if record.result is None else self._passed_on(view, record.result)
        except ExpressionFailed as error:
            result, succeeded = Kept(inline=Json(failure_json(error))), False
        status = "success" if succeeded else "failure"
        job = level_job(view, record.job, record.step, kind="identity", index=None, args=Kept(inline=Json(b"{}")))
        self._jobs.append(Placed(job, "none"))
        self._end(_fresh(job, status, result), None)
        self.tell(view.id, Ended(step=record.step.id, job=record.job, succeeded=succeeded))

    def _passed_on(self, view: View, result: bytes | Ref) -> Kept:
        """What a step gives that runs nothing. In a loop the rows of all iterations name it instead of holding it."""
        kept = self._values.kept(result)
        if kept.inline is None or len(kept.inline.raw) <= SHARED_BYTES:
            return kept
        is_in_loop = Around(view, self._values, self.views.get).iteration() is not None
        return self._values.as_object(kept.inline.raw) if is_in_loop else kept

    def _finish(self, view: View, finish: Finish) -> None:
        try:
            result = self._input_of(view) if finish.result is None else self._values.kept(finish.result)
        except ExpressionFailed as error:
            result, finish = Kept(inline=Json(failure_json(error))), Finish(succeeded=False, result=None)
        if finish.succeeded and view.state.keep_under:
            self.to_keep.append(ToKeep(view.workspace_id, view.state.keep_under, result, view.state.keep_s))
        self._finish_with(view, finish, result)

    def _finish_with(self, view: View, finish: Finish, result: Kept) -> None:
        if view.definition.flow.same_worker and view.state.place.source == view.id:
            self.shared_over.append(view.id)
        status = "failure"
        if finish.succeeded:
            status = "skipped" if finish.skipped else "success"
        reason = None if finish.succeeded else EndReason.ERROR
        end = End(id=view.id, workspace_id=view.workspace_id, status=status, result=result, end_reason=reason)
        self._end(end, self._child_of(view.parent, view.step, view.index))
        self.views[view.id] = msgspec.structs.replace(view, is_in_queue=False)
        if view.parent is not None and view.step is not None:
            self.tell(
                view.parent,
                Ended(
                    step=view.step,
                    job=view.id,
                    index=view.index,
                    succeeded=finish.succeeded,
                    stopped=finish.stopped,
                    skipped=finish.skipped,
                ),
            )

    def _input_of(self, view: View) -> Kept:
        """The input of the flow, in a loop with what the innermost one is at."""
        source = self.views.get(view.state.place.source)
        if source is None:
            return view.args
        made_by = source.state.preprocessed_by
        given = source.args if made_by is None else self._values.kept(ResultOf(made_by))
        iteration = Around(view, self._values, self.views.get).iteration()
        if iteration is None:
            return given
        made = jsontext.build_object({**jsontext.object_fields(self._values.kept_text(given)), "iter": iteration})
        if not view.definition.flow.same_worker:  # whoever looks for the rest may be another worker
            self._made_bytes += len(made)
        return self._values.kept(made)


def _fresh(job: NewJob, status: str, result: Kept) -> End:
    reason = EndReason.ERROR if status == "failure" else None
    return End(id=job.id, workspace_id=job.workspace_id, status=status, result=result, end_reason=reason, fresh=True)


def _below(view: View, job: NewJob, state: FlowState) -> View:
    return msgspec.structs.replace(
        view,
        id=job.id,
        kind=job.kind,
        tag=job.tag,
        priority=job.priority,
        parent=view.id,
        root=job.root_job,
        step=job.flow_step_id,
        index=job.flow_index,
        args=job.args,
        options=job.options.raw,
        state=state,
        version=None,
        is_in_queue=True,
    )
