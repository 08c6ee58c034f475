"""One attempt of one job, from its claim to how it ended."""

import asyncio
import contextlib
import enum
import random
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from tidemill.db import debouncing, flows, queue
from tidemill.db.pool import Json
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.engine import job_token, jobs, retry
from tidemill.engine.cache_key import cache_key
from tidemill.languages import QUERY_LANGUAGES
from tidemill.languages.port import SUSPENDED
from tidemill.model import jsontext
from tidemill.model.errors import (
    ConnectionFailed,
    Denied,
    InterpolationFailed,
    LeaseLost,
    QueryFailed,
    StateChanged,
    TidemillError,
    TooLarge,
    Unavailable,
)
from tidemill.model.failpoint import failpoint
from tidemill.model.job import FLOW_KINDS, EndReason
from tidemill.registry import Entry
from tidemill.sandbox.port import Exit, Program, Running
from tidemill.worker.context import Resolved, WorkerParts
from tidemill.worker.flow_locks import locked_flow
from tidemill.worker.flows.workflows import Suspended
from tidemill.worker.output import Output
from tidemill.worker.prepare import Prepared, Preparer
from tidemill.worker.program import contextual_variables, job_variables, make_program
from tidemill.worker.query import query_of
from tidemill.worker.ready import Ready
from tidemill.worker.result import NULL, JobFailed, result_of
from tidemill.worker.rounds import begin_round, is_round, suspension_of
from tidemill.worker.settings import settings_of
from tidemill.worker.shared import check_size

if TYPE_CHECKING:  # imported when it is used
    from tidemill.worker.job_host import JobHost

T = TypeVar("T")

_JOB_HOST: Final = Entry("tidemill.worker.job_host:JobHost")


class Stop(enum.Enum):
    """Why a job is ended from outside."""

    CANCELED = "canceled"
    LOST = "lost"
    """The lease is gone: whatever it did is somebody else's now."""
    WORKER_STOPS = "worker_stops"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The job goes back to the queue: to be retried, or because the worker stops."""

    end_reason: str
    error: Json | None = None
    retried: bool = False
    delay_s: float = 0.0


_REASONS: Final = {
    TooLarge: EndReason.LIMIT,
    QueryFailed: EndReason.ERROR,
    ConnectionFailed: EndReason.ERROR,
}


@dataclass(frozen=True, slots=True)
class Look:
    """The job is a flow, or a workflow in code: it is to be seen what it has to do."""


Outcome = Ended | Again | Look | Suspended | None
"""None: the lease is lost, and there is nothing to report."""


class Execution:
    """Runs one claimed job. `stop` ends it from outside, `run` says how it ended."""

    def __init__(
        self,
        parts: WorkerParts,
        preparer: Preparer,
        job: ClaimedJob,
        *,
        claimed_at_s: float,
        ready: Ready | None = None,
    ) -> None:
        """`claimed_at_s`: when the claim was sent, by `time.monotonic`. `ready`: what was made ahead, if anything."""
        self.job = job
        self._ready = ready
        self.confirmed_at_s = claimed_at_s
        self._parts = parts
        self._preparer = preparer
        self._read_after = 0
        self._has_read = False
        self._peak_bytes: int | None = None
        self._keep_under: bytes | None = None
        self._unmasked: tuple[str, bytes, EndReason | None] | None = None
        self._stopped: asyncio.Future[tuple[Stop, str]] = asyncio.get_running_loop().create_future()
        self._output = Output(
            parts.database.single,
            job,
            secrets=[],
            new_secrets=self._new_secrets,
            max_bytes=parts.options.max_log_bytes,
            patience_s=parts.options.self_kill_s,
        )

    def stop(self, why: Stop, message: str) -> None:
        """End the job as soon as possible; the first reason counts."""
        if not self._stopped.done():
            self._output.lost = self._output.lost or why is Stop.LOST
            self._stopped.set_result((why, message))

    def confirm(self, sent_at_s: float) -> None:
        """A heartbeat for this job that was sent then has been confirmed."""
        self.confirmed_at_s = max(self.confirmed_at_s, sent_at_s)

    async def run(self) -> Outcome:
        """Everything from the arguments to the kept result; what a script does wrong is an outcome, not an error.

        Raises:
            Unavailable: the database or the object store is away for longer than we insist.
        """
        try:
            result = await self._attempt()
        except JobFailed as error:
            return await self._failed(error.reason, error.result)
        except LeaseLost:
            return None
        except Unavailable:
            raise
        except TidemillError as error:
            reason = _REASONS.get(type(error), EndReason.UNPREPARED)
            return await self._failed(reason, queue.error_result(type(error).__name__, str(error)).raw)
        if isinstance(result, Stop):
            return await self._ended_from_outside(result)
        if isinstance(result, Look | Suspended):
            await self._output.flush(final=True)
            return None if self._output.lost else result
        return await self._ended("success", result)

    async def _attempt(self) -> bytes | Stop | Look | Suspended:
        job = self.job
        if not job.may_run:
            raise Denied("Whoever the job acts for is not a member of its workspace any more.")
        if gathered := settings_of(job).gathers:
            await self._put_together(gathered)
        match job.kind:
            case "noop":
                return NULL
            case kind if kind in FLOW_KINDS:
                return Look()
            case "dependencies":
                return await self._or_stopped(self._lock())
            case "flowdependencies":
                return await self._or_stopped(self._lock_flow())
            case _ if self.job.language in QUERY_LANGUAGES:
                return await self._run_query()
            case _:
                return await self._run_script()

    async def _put_together(self, gathered: Sequence[str]) -> None:
        job, parts = self.job, self._parts
        kept = await debouncing.put_together(
            parts.database, parts.values, job.id, workspace=job.workspace_id, gathered=gathered
        )
        self.job = replace(job, args=None if kept.inline is None else kept.inline.raw, args_object=kept.digest)

    async def _lock(self) -> bytes:
        lock = await self._preparer.resolve_lock(self.job)
        if self.job.script_hash is not None:
            await queue.store_lock(self._parts.database.single, self.job.workspace_id, self.job.script_hash, lock)
        return jsontext.dumps({"lock": lock})

    async def _lock_flow(self) -> bytes:
        locked = await locked_flow(self.job, self._preparer.resolve_lock)
        if self.job.script_hash is not None:
            version, workspace = self.job.script_hash, self.job.workspace_id
            await flows.store_locks(self._parts.database.single, workspace, version, value=Json(locked))
        return jsontext.build_object({"updated_flow_value": locked})

    async def _run_script(self) -> bytes | Stop | Look | Suspended:
        """Run a program; it may be one round of a workflow, or a task of one."""
        if self._ready is not None:
            return await self._run_ready(self._ready)
        turn = None
        if is_round(self.job):
            turn = await begin_round(self._parts, self.job)
            if turn is None:
                return Look()
            self._output.of_workflow = turn.task is None
            if turn.log_ends is not None:
                self._output.go_on_at(turn.log_ends)
            self._output.remember(turn.secrets)
        _, resolved = await self._arguments(None if turn is None else turn.args)
        task = turn.task if turn is not None else None
        if (hit := await self._cached(resolved.args, about="" if task is None else f"task {task.key}")) is not None:
            return hit
        prepared: Prepared | Stop | None = self._preparer.at_hand(self.job)
        if prepared is None:
            prepared = await self._or_stopped(self._preparer.prepare(self.job))
        if isinstance(prepared, Stop):
            return prepared
        ended = await self._launched(prepared, resolved.args, None if turn is None else turn.checkpoint)
        if isinstance(ended, Stop):
            return ended
        if turn is not None and ended.code == 0 and (raw := ended.files.get(SUSPENDED)) is not None:
            found = await suspension_of(self._parts, self.job, raw, self._output, lock=prepared.lock)
            return Look() if found is None else found
        return self._result(prepared, ended)

    async def _run_ready(self, ready: Ready) -> bytes | Stop:
        """Run what was made ready while the claim was recorded."""
        self._output.remember([ready.token.encode()])
        ended = await self._in_sandbox(self._confirmed(ready.program_of(self.job)))
        if isinstance(ended, Stop):
            return ended
        await check_size(self._parts.options, self.job)
        return self._result(ready.prepared, ended)

    def _result(self, prepared: Prepared, ended: Exit) -> bytes:
        return result_of(
            ended,
            prepared.language,
            streamed=bytes(self._output.streamed),
            last_line=self._output.last_line,
            max_bytes=self._parts.values.max_bytes,
        )

    async def _arguments(self, raw: bytes | None = None) -> tuple[bytes, Resolved]:
        """The arguments as they were sent (or `raw` in their place), and with their references replaced."""
        if raw is None:
            raw = await self._parts.values.fetch(self.job.args, self.job.args_object) or b"{}"
        try:
            resolved = await self._parts.data.resolve(self.job, raw)
        except InterpolationFailed as error:
            if self.job.flow_step_id is None:
                raise
            raise InterpolationFailed(f"An input of step '{self.job.flow_step_id}': {error}") from error
        self._output.remember(resolved.secrets)
        self._has_read = resolved.args is not raw
        return raw, resolved

    async def _run_query(self) -> bytes | Stop:
        """Let a database run the script; a stop is passed on to its server."""
        raw, resolved = await self._arguments()
        if (hit := await self._cached(resolved.args)) is not None:
            return hit
        token = self._token()
        query = query_of(self._parts, self.job, raw=raw, args=resolved.args, token=token)
        self._has_read = True  # it may name its database itself
        host_class = cast("type[JobHost]", _JOB_HOST.load())
        connected = host_class.connected(self._parts, self.job, self._output, token=token)
        async with connected as host, self._output.flushing():
            result = await self._within_limit(self._parts.queries.run(query, host))
        self._output.end()
        return Stop.LOST if self._output.lost else result

    async def _within_limit(self, work: Coroutine[None, None, bytes]) -> bytes | Stop:
        limit_s = self.job.timeout_s or self._parts.options.timeout_s
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limit_s, self.stop, Stop.TIMED_OUT, "It ran too long.")
        try:
            result = await self._or_stopped(work)
        finally:
            timer.cancel()
        if result is Stop.TIMED_OUT:
            raise self._timed_out(limit_s)
        return result

    def _timed_out(self, limit_s: int) -> JobFailed:
        return JobFailed(EndReason.TIMEOUT, "Timeout", f"The job was ended after its time limit of {limit_s} s.")

    async def _cached(self, args: bytes, *, about: str = "") -> bytes | None:
        """The kept result for these arguments; where there is none, ours will be kept under the same key.

        Not where it imports sources that are not deployed. `about`: what of the script is run, if not all of it.
        """
        job = self.job
        if not job.cache_ttl_s or await self._parts.data.local_sources(job):
            return None
        version = str(job.script_hash) if job.script_hash is not None else f"{job.lock}\0{job.content}"
        key = cache_key(
            workspace=job.workspace_id,
            version=f"{version}\0{about}" if about else version,
            permissioned_as=job.permissioned_as,
            arguments=jsontext.object_fields(args),
        )
        hit = await queue.cached_result(self._parts.database.single, job.workspace_id, key)
        if hit is None:
            self._keep_under = key
            return None
        return await self._parts.values.fetch(hit.inline.raw if hit.inline else None, hit.digest) or NULL

    async def _launched(self, prepared: Prepared, args: bytes, checkpoint: bytes | None) -> Exit | Stop:
        variables = job_variables(self._parts.options, self.job, token=self._token())
        contextual = contextual_variables(variables)
        resources = await self._resources(prepared, args, contextual)
        launch = self._preparer.launch(
            self.job, prepared, args, resources=resources, contextual=contextual, checkpoint=checkpoint
        )
        options = self._parts.options
        program = make_program(options, self.job, prepared.environment, launch=launch, variables=variables)
        ended = await self._in_sandbox(self._confirmed(program))
        if isinstance(ended, Exit):
            await check_size(self._parts.options, self.job)
        return ended

    async def _resources(self, prepared: Prepared, args: bytes, contextual: Mapping[str, str]) -> Mapping[str, bytes]:
        """The resources that the script itself names, under the rights of whom the job runs as."""
        found: dict[str, bytes] = {}
        for path in prepared.language.resources(self.job.content or "", args=args, contextual=contextual):
            opened, secrets = await self._parts.data.resource(self.job, path)
            self._output.remember(secrets)
            self._has_read = True
            found[path] = opened.value
        return found

    def _confirmed(self, program: Program) -> Program:
        return replace(program, confirmed_at_s=self.confirmed_at_s, max_result_bytes=self._parts.values.max_bytes)

    def _token(self) -> str:
        token = job_token.issue(self._parts.job_secret, self.job.id, self.job.attempt)
        self._output.remember([token.encode()])
        return token

    async def _in_sandbox(self, program: Program) -> Exit | Stop:
        failpoint("prepare.after_arguments")
        if self._stopped.done():
            return self._stopped.result()[0]
        if time.monotonic() >= jobs.dies_at(self.confirmed_at_s, self._parts.options.self_kill_s):
            return Stop.LOST
        running = await self._parts.sandbox.start(program)
        failpoint("run.after_start")
        async with self._output.flushing():
            ended = await self._until_ended(running)
        if isinstance(ended, Exit) and ended.peak_memory_bytes:
            self._peak_bytes = ended.peak_memory_bytes
        failpoint("run.after_exit")
        self._output.end()
        return Stop.LOST if self._output.lost else ended

    async def _until_ended(self, running: Running) -> Exit | Stop:
        """Read the output to its end, within the time limit, unless the job is stopped: that kills the program."""
        limit_s = self.job.timeout_s or self._parts.options.timeout_s
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limit_s, self.stop, Stop.TIMED_OUT, "It ran too long.")
        killing: list[asyncio.Task[None]] = []

        def kill(stopped: asyncio.Future[tuple[Stop, str]]) -> None:
            killing.append(loop.create_task(running.kill(stopped.result()[1])))

        self._stopped.add_done_callback(kill)
        try:
            await self._read_output(running)
            ended = await running.wait()
        except BaseException:
            await running.kill("The worker gave it up.")
            raise
        finally:
            timer.cancel()
            self._stopped.remove_done_callback(kill)
        if not self._stopped.done():
            return ended
        why, _ = self._stopped.result()
        if why is Stop.TIMED_OUT:
            raise self._timed_out(limit_s)
        return why

    async def _read_output(self, running: Running) -> None:
        async for chunk in running.output:
            await self._output.take(chunk)
            if self._output.lost:
                self.stop(Stop.LOST, "The lease is lost.")

    async def _failed(self, reason: EndReason, result: bytes) -> Outcome:
        policy = retry.parse(jsontext.loads(self.job.retry)) if self.job.retry is not None else None
        delay_s = None
        if policy is not None:
            delay_s = retry.delay_s(policy, self.job.retries, random=random.random())  # noqa: S311
        if delay_s is None:
            return await self._ended("failure", result, reason=reason)
        await self._output.learn_secrets()
        await self._output.flush(final=True)
        return Again(end_reason=reason, error=Json(self._output.mask(result)), retried=True, delay_s=delay_s)

    async def _ended_from_outside(self, why: Stop) -> Outcome:
        match why:
            case Stop.LOST:
                return None
            case Stop.CANCELED:
                _, message = self._stopped.result()
                return await self._ended(
                    "canceled", queue.error_result("Canceled", message).raw, reason=EndReason.CANCELED
                )
            case Stop.WORKER_STOPS | Stop.TIMED_OUT:
                await self._output.learn_secrets()
                await self._output.flush(final=True)
                return Again(end_reason=EndReason.STOPPED)

    async def end_again(self) -> Outcome:
        """After the end of `run` was not taken, since the job had read more secrets: mask it, now with those."""
        assert self._unmasked is not None
        status, result, reason = self._unmasked
        self._unmasked = None
        return await self._ended(status, result, reason=reason, asks=True)

    async def fail_at_end(self, error: StateChanged) -> Outcome:
        """After the end of `run` was not taken, since what the job wrote to a state does not fit any more."""
        result = queue.error_result(type(error).__name__, str(error)).raw
        return await self._ended("failure", result, reason=EndReason.ERROR, asks=True)

    async def end_if_canceled(self) -> Outcome:
        """After a workflow could not be left waiting: somebody canceled it just then, or its lease is lost."""
        options, single = self._parts.options, self._parts.database.single
        held = [(self.job.id, self.job.attempt)]
        beat = (await queue.heartbeat(single, worker=options.name, held=held)).get(self.job.id)
        if beat is None or beat.canceled_by is None:
            return None
        message = queue.cancel_message(beat.canceled_by, beat.cancel_reason)
        return await self._ended("canceled", queue.error_result("Canceled", message).raw, reason=EndReason.CANCELED)

    async def _ended(
        self, status: str, result: bytes, *, reason: EndReason | None = None, asks: bool = False
    ) -> Outcome:
        """How it ended, with its secrets masked.

        Which secrets it read is asked for first where that matters before the end (`asks`, or there is something to be
        written ahead). Mostly there is not: then it is told up to where we know, and the end itself makes sure that
        this was all.
        """
        seen = None
        is_inline = len(result) <= self._parts.values.inline_bytes
        if asks or self._has_read or self._keep_under or not is_inline or not self._output.is_written:
            await self._output.learn_secrets()
        else:
            seen = self._read_after
            self._unmasked = (status, result, reason)
        masked = self._output.mask_result(result)
        try:
            kept = await self._parts.values.keep(masked, what="The result")
        except TooLarge as error:
            status, reason = "failure", EndReason.LIMIT
            kept = Kept(inline=queue.error_result("TooLarge", str(error)))
        if status == "success" and self._keep_under is not None:
            ttl_s = self.job.cache_ttl_s or 0
            await queue.keep_result(
                self._parts.database.single, self.job.workspace_id, self._keep_under, kept, ttl_s=ttl_s
            )
        await self._output.flush(final=True)
        if self._output.lost:
            return None
        return Ended(
            id=self.job.id,
            attempt=self.job.attempt,
            status=status,
            result=kept,
            end_reason=reason,
            memory_peak_bytes=self._peak_bytes,
            seen=seen,
        )

    async def _new_secrets(self) -> list[bytes]:
        found, self._read_after = await self._parts.data.secrets_read(self.job, after=self._read_after)
        return found

    async def _or_stopped(self, work: Coroutine[None, None, T]) -> T | Stop:
        """What `work` gives, or why the job was stopped meanwhile."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TidemillError):  # how it ended does not count any more
                await task
            return self._stopped.result()[0]
        return task.result()
