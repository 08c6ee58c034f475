"""The loop of a worker: claims jobs of its tags, runs each in a slot, reports how they ended.

What ended and what is taken next go to the database in one statement (`queue.turn`): under load a job costs one commit.
When there is nothing to do the loop waits for a notification, for the next due job, or for the slow safety poll.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Final
from uuid import UUID

import structlog

from tidemill.db import queue
from tidemill.db.listener import Listener, Notification
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.engine import jobs
from tidemill.languages.port import Workshop
from tidemill.model.errors import StateChanged, Unavailable
from tidemill.model.failpoint import failpoint
from tidemill.model.job import FLOW_KINDS, EndReason
from tidemill.worker import shared
from tidemill.worker.builds import BuildRunner
from tidemill.worker.context import WorkerParts
from tidemill.worker.execution import Again, Execution, Look, Outcome, Stop
from tidemill.worker.flows.flows import Answer, Flows, Refused
from tidemill.worker.flows.workflows import Suspended
from tidemill.worker.heartbeat import keep_leases
from tidemill.worker.housekeeping import keep_house
from tidemill.worker.prepare import Preparer
from tidemill.worker.presence import show_presence
from tidemill.worker.ready import Ahead

SAFETY_POLL_S: Final = 5.0
_RETRY_S: Final = 1.0
_BATCH: Final = 200
"""Jobs that one turn ends, and takes, at most: their ids fit into one notification (8,000 bytes) each."""
_CROWD: Final = 8
"""A worker whose slots are full still takes jobs that its own jobs started and may be waiting for: up to so many times
its slots in all. Otherwise parents that fill all slots would wait for children that nobody takes."""

log = structlog.get_logger(__name__)


class Worker:
    """One worker process. `run` works until `drain` is called and the running jobs have ended."""

    def __init__(self, parts: WorkerParts, listener: Listener) -> None:
        self._parts = parts
        self._listener = listener
        run = BuildRunner(parts.sandbox, limits=parts.options.limits, network=parts.options.network)
        workshop = Workshop(
            environments_dir=parts.options.environments_dir,
            cache_dir=parts.options.cache_dir,
            run=run,
            env=parts.options.build_env,
        )
        self._preparer = Preparer(parts, workshop)
        self._ahead = Ahead(parts, self._preparer)
        self._flows = Flows(parts, self._room, self._ahead.begin)
        self._running: dict[UUID, Execution] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Ended] = []
        self._look = True
        self._is_behind = False
        """Whether jobs may be due that there was no room for when it last looked."""
        self._is_crowded = False
        """Whether its own jobs may have started more than it took when it last looked, and had no room for others."""
        self._look_at_s = 0.0
        """When it looks without being told, by `time.monotonic`."""
        self._turned = asyncio.Event()
        self.draining = False
        self.jobs_executed = 0

    @property
    def running(self) -> int:
        """How many jobs it holds."""
        return len(self._running)

    def _room(self) -> int:
        return 0 if self.draining else self._parts.options.slots - self.running

    async def run(self) -> None:
        """Claim and run jobs until drained. Returns when nothing is held any more."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(keep_leases(self._parts, lambda: self._running)),
                group.create_task(self._hear_of_jobs()),
                group.create_task(self._hear_of_cancels()),
                group.create_task(show_presence(self._parts, self)),
                group.create_task(keep_house(self._parts.options.environments_dir, self._parts.options.jobs_dir)),
            ]
            while not (self.draining and not self._running and not self._ended):
                await self._turn()
                await self._until_something_happens()
            await _end(helpers)

    def drain(self) -> None:
        """Take no more jobs; after the grace period the running ones are given back."""
        if not self.draining:
            self.draining = True
            log.info("draining", running=self.running)
            asyncio.get_running_loop().call_later(self._parts.options.stop_grace_s, self.stop_jobs)
            self._turned.set()

    def stop_jobs(self) -> None:
        """Give back all running jobs now."""
        for execution in list(self._running.values()):
            execution.stop(Stop.WORKER_STOPS, "The worker stops.")

    async def _turn(self) -> None:
        """Report what ended and take what is due, until there is nothing of either."""
        options = self._parts.options
        while self._ended or (self._look and not self.draining and self.running < options.slots * _CROWD):
            ended, self._ended = self._ended[:_BATCH], self._ended[_BATCH:]
            free = 0 if self.draining else min(_BATCH, max(0, options.slots - self.running + len(ended)))
            self._look, self._is_behind = False, True
            sent_at_s = time.monotonic()
            try:
                claimed = await self._exchange(ended, free)
            except Unavailable as error:
                self._ended = ended + self._ended
                self._look = True
                log.warning("database away", error=str(error))
                await asyncio.sleep(_RETRY_S)
                continue
            for job in claimed:
                self._start(job, sent_at_s)
            self._is_behind = len(claimed) >= free
            self._look = self._look or (self._is_behind and free > 0)

    async def _exchange(self, ended: list[Ended], free: int) -> list[ClaimedJob]:
        options, database = self._parts.options, self._parts.database
        if ended:
            failpoint("complete.before_commit")
        is_full = free == 0 and not self.draining
        child_limit = min(_BATCH, max(0, options.slots * _CROWD - self.running)) if is_full else 0
        turn = await queue.turn(
            database.single,
            worker=options.name,
            ended=ended,
            tags=options.tags,
            limit=free,
            parents=list(self._running) if is_full else (),
            child_limit=child_limit,
        )
        self._is_crowded = is_full and len(turn.claimed) >= child_limit
        if ended:
            failpoint("complete.after_commit")
        if turn.claimed:
            failpoint("claim.after_commit")
        for one in ended:
            if one.id in turn.unseen:
                execution = self._running[one.id]
                self._follow(execution, execution.end_again())
                continue
            self._running.pop(one.id, None)
            self.jobs_executed += 1
            if one.id not in turn.ended:
                log.warning("lease lost", job=str(one.id), attempt=one.attempt)
        wait_s = SAFETY_POLL_S if turn.due_in_s is None else min(SAFETY_POLL_S, max(turn.due_in_s, 0.0) + 0.005)
        self._look_at_s = time.monotonic() + wait_s
        room = free - len(turn.claimed)
        if not turn.limited or room <= 0:
            return turn.claimed
        limited = await queue.claim_limited(database, worker=options.name, tags=options.tags, limit=room)
        return turn.claimed + limited

    def _start(self, job: ClaimedJob, claimed_at_s: float) -> None:
        """Start a claimed job, unless the answer came so late that others may already take it for lost."""
        ready = self._ahead.take(job)
        execution = Execution(self._parts, self._preparer, job, claimed_at_s=claimed_at_s, ready=ready)
        self._running[job.id] = execution
        if time.monotonic() >= jobs.dies_at(claimed_at_s, self._parts.options.self_kill_s):
            log.warning("claimed too late", job=str(job.id), attempt=job.attempt)
            execution.stop(Stop.WORKER_STOPS, "The answer to the claim came too late.")
        self._follow(execution, execution.run())

    def _follow(self, execution: Execution, work: Coroutine[None, None, Outcome]) -> None:
        task = asyncio.create_task(self._carry_out(execution, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, execution: Execution, work: Coroutine[None, None, Outcome]) -> None:
        """See a job to its end, and hand in how it ended. The one place that catches everything, and reports it."""
        job = execution.job
        try:
            outcome = await work
        except Unavailable as error:
            log.warning("database away while a job ended", job=str(job.id), error=str(error))
            outcome = None
        except Exception:
            log.exception("a job could not be run", job=str(job.id))
            outcome = Ended(
                id=job.id,
                attempt=job.attempt,
                status="failure",
                result=queue.kept_error("InternalError", "The worker met an internal error; its log tells more."),
                end_reason=EndReason.INTERNAL,
            )
        if isinstance(outcome, Again):
            await self._put_back(job, outcome)
        if isinstance(outcome, Ended) and job.flow_step_id is None:
            self._ended.append(outcome)
        elif isinstance(outcome, Ended | Look | Suspended):
            await self._bring_flow_forward(execution, outcome)
        else:
            self._running.pop(job.id, None)
        # What follows in a flow was taken with the end of its step, and of all else that comes due we are told.
        is_behind = self._is_behind and (self.running < self._parts.options.slots or self._is_crowded)
        self._look = self._look or is_behind or not isinstance(outcome, Ended | Look | Suspended)
        self._turned.set()

    async def _bring_flow_forward(self, execution: Execution, outcome: Ended | Look | Suspended) -> None:
        """Record the end of a step, or see what a flow has to do; what this worker takes with that starts at once."""
        job = execution.job
        sent_at_s = time.monotonic()
        answer: Answer
        try:
            answer = await self._tell_flow(job, outcome)
        except Unavailable as error:
            log.warning("database away while a flow was brought forward", job=str(job.id), error=str(error))
            answer = Refused.LOST
        except Exception:
            log.exception("a flow could not be brought forward", job=str(job.id))
            answer = Refused.LOST
        if answer is Refused.UNSEEN:
            self._follow(execution, execution.end_again())
            return
        if isinstance(answer, StateChanged):
            self._follow(execution, execution.fail_at_end(answer))
            return
        if answer is Refused.NO_FLOW and isinstance(outcome, Ended):
            await shared.remove_of(self._parts.options, job)
            self._ended.append(outcome)
            return
        if answer is Refused.LOST and not isinstance(outcome, Ended) and job.kind not in FLOW_KINDS:
            self._follow(execution, execution.end_if_canceled())
            return
        self._running.pop(job.id, None)
        if isinstance(answer, Refused):
            await shared.remove_of(self._parts.options, job)
            log.warning("lease lost", job=str(job.id), attempt=job.attempt)
            return
        self.jobs_executed += 1
        for claimed in answer:
            self._start(claimed, sent_at_s)

    async def _tell_flow(self, job: ClaimedJob, outcome: Ended | Look | Suspended) -> Answer:
        match outcome:
            case Ended():
                return await self._flows.end(job, outcome)
            case Look():
                return await self._flows.look(job)
            case Suspended():
                return await self._flows.suspend(job, outcome)

    async def _put_back(self, job: ClaimedJob, again: Again) -> None:
        with contextlib.suppress(Unavailable):  # the lease then expires by itself
            await queue.put_back(
                self._parts.database,
                job,
                worker=self._parts.options.name,
                end_reason=again.end_reason,
                error=again.error,
                retried=again.retried,
                delay_s=again.delay_s,
            )

    async def _until_something_happens(self) -> None:
        if self._ended or (self.draining and not self._running):
            return
        wait_s = self._look_at_s - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._turned.wait()
        self._turned.clear()
        self._look = self._look or time.monotonic() >= self._look_at_s

    async def _hear_of_jobs(self) -> None:
        with self._listener.subscribe(queue.QUEUE_CHANNEL) as subscription:
            async for notification in subscription:
                if self._is_for_us(notification):
                    self._look = True
                    self._turned.set()

    def _is_for_us(self, notification: Notification) -> bool:
        return notification.missed or notification.payload == "*" or notification.payload in self._parts.options.tags

    async def _hear_of_cancels(self) -> None:
        with self._listener.subscribe(queue.CANCEL_CHANNEL) as subscription:
            async for notification in subscription:
                await self._cancel(notification)

    async def _cancel(self, notification: Notification) -> None:
        """Look up who canceled what; a heartbeat ahead of its time does that for all held jobs."""
        held = [(job_id, each.job.attempt) for job_id, each in self._running.items()]
        if not notification.missed:
            held = [pair for pair in held if str(pair[0]) == notification.payload]
        if not held:
            return
        with contextlib.suppress(Unavailable):
            beats = await queue.heartbeat(self._parts.database.single, worker=self._parts.options.name, held=held)
            for job_id, _ in held:
                execution, beat = self._running.get(job_id), beats.get(job_id)
                if execution is not None and (beat is None or beat.canceled_by is not None):
                    why = Stop.LOST if beat is None else Stop.CANCELED
                    message = queue.cancel_message(beat.canceled_by or "", beat.cancel_reason) if beat else ""
                    execution.stop(why, message)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel `tasks` until they have ended: before Python 3.12 a wait that ends just then can swallow one."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_RETRY_S)
