"""One attempt of one job, from its claim to how it ended."""

import asyncio
import contextlib
import enum
import random
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tidemill.db import queue
from tidemill.db.pool import Json
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.engine import job_token, retry
from tidemill.engine.cache_key import cache_key
from tidemill.engine.environment import JobContext, job_environment
from tidemill.model import jsontext
from tidemill.model.errors import InvalidJson, TidemillError, TooLarge
from tidemill.model.failpoint import failpoint
from tidemill.sandbox.port import Exit, ExitReason, Mount, Program, PythonCall, Running
from tidemill.worker import files
from tidemill.worker.context import WorkerParts
from tidemill.worker.output import Output
from tidemill.worker.prepare import Prepared, Preparer

T = TypeVar("T")

ERROR: Final = "error.json"
_NULL: Final = b"null"


class Stop(enum.Enum):
    """Why a job is ended from outside."""

    CANCELED = "canceled"
    LOST = "lost"
    """The lease is gone: whatever it did is somebody else's now."""
    WORKER_STOPS = "worker_stops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The job goes back to the queue: to be retried, or because the worker stops."""

    end_reason: str
    error: Json | None = None
    retried: bool = False
    delay_s: float = 0.0


Outcome = Ended | Again | None
"""None: the lease is lost, and there is nothing to report."""


class JobFailed(Exception):
    """Ends an attempt as a failure; `result` is what clients see."""

    def __init__(self, reason: str, name: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.result = queue.error_result(name, message).raw


class Execution:
    """Runs one claimed job. `stop` ends it from outside, `run` says how it ended."""

    def __init__(self, parts: WorkerParts, preparer: Preparer, job: ClaimedJob) -> None:
        self.job = job
        self._parts = parts
        self._preparer = preparer
        self._read_after = 0
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
        """End the job as soon as possible. The first reason counts, but a lost lease outweighs all."""
        if not self._stopped.done():
            self._stopped.set_result((why, message))

    async def run(self) -> Outcome:
        """Everything from the arguments to the kept result; never raises for what a job or its script does wrong."""
        try:
            result = await self._attempt()
        except JobFailed as error:
            return await self._failed(error.reason, error.result)
        except TidemillError as error:
            return await self._failed(error.code, queue.error_result(type(error).__name__, str(error)).raw)
        if isinstance(result, Stop):
            return await self._ended_from_outside(result)
        return await self._ended("success", result)

    async def _attempt(self) -> bytes | Stop:
        job = self.job
        match job.kind:
            case "noop":
                return _NULL
            case "dependencies":
                return await self._or_stopped(self._lock())
            case _:
                return await self._run_script()

    async def _lock(self) -> bytes:
        lock = await self._preparer.resolve_lock(self.job)
        if self.job.script_hash is not None:
            await queue.store_lock(self._parts.database.single, self.job.workspace_id, self.job.script_hash, lock)
        return jsontext.dumps({"lock": lock})

    async def _run_script(self) -> bytes | Stop:
        raw = await self._parts.values.fetch(self.job.args, self.job.args_object) or b"{}"
        resolved = await self._parts.data.resolve(self.job, raw)
        self._output.remember(resolved.secrets)
        key = self._cache_key(resolved.args)
        if key is not None and (hit := await queue.cached_result(self._parts.database.single, *key)) is not None:
            found = await self._parts.values.fetch(hit.inline.raw if hit.inline else None, hit.digest)
            return found or _NULL
        prepared = await self._or_stopped(self._preparer.prepare(self.job))
        if isinstance(prepared, Stop):
            return prepared
        result = await self._in_directory(prepared, resolved.args)
        if key is not None and isinstance(result, bytes):
            kept = await self._parts.values.keep(result, what="The result")
            await queue.keep_result(self._parts.database.single, *key, kept, ttl_s=self.job.cache_ttl_s or 0)
        return result

    def _cache_key(self, args: bytes) -> tuple[str, bytes] | None:
        job = self.job
        if not job.cache_ttl_s:
            return None
        version = str(job.script_hash) if job.script_hash is not None else f"{job.lock}\0{job.content}"
        arguments = jsontext.object_fields(args)
        key = cache_key(
            workspace=job.workspace_id,
            version=version,
            permissioned_as=job.permissioned_as,
            arguments=arguments,
        )
        return job.workspace_id, key

    async def _in_directory(self, prepared: Prepared, args: bytes) -> bytes | Stop:
        launch = self._preparer.launch(self.job, prepared, args)
        work = self._parts.options.jobs_dir / f"{self.job.id}-{self.job.attempt}"
        try:
            await asyncio.to_thread(files.lay_out, work, launch.files)
            ended = await self._in_sandbox(self._program(work, prepared, launch.argv))
            if isinstance(ended, Stop):
                return ended
            wanted = {*launch.result_files, ERROR}
            found = await asyncio.to_thread(files.collect, work, wanted, max_bytes=self._parts.values.max_bytes)
            return await self._result(ended, found, prepared)
        finally:
            await asyncio.to_thread(files.clear, work)

    def _program(self, work: Path, prepared: Prepared, argv: tuple[str, ...]) -> Program:
        options, job, environment = self._parts.options, self.job, prepared.environment
        mounts: tuple[Mount, ...] = ()
        python: PythonCall | None = None
        if environment is not None:
            mounts = tuple(Mount(path, path) for path in environment.site_dirs)
            if not argv:
                python = PythonCall(
                    interpreter=environment.python,
                    paths=tuple(str(path) for path in environment.site_dirs),
                    preload=("wmill",) if "wmill" in (job.content or "") else (),
                    identity=f"{job.workspace_id}/{job.permissioned_as}",
                )
        return Program(
            argv=argv,
            work=work,
            env=self._environment(),
            mounts=mounts,
            limits=options.limits,
            network=options.network,
            python=python,
        )

    def _environment(self) -> dict[str, str]:
        options, job = self._parts.options, self.job
        internal = f"http://localhost:{options.api_port}"
        context = JobContext(
            workspace=job.workspace_id,
            token=job_token.issue(self._parts.job_secret, job.id, job.attempt),
            email=job.email,
            username=job.permissioned_as.removeprefix("u/"),
            permissioned_as=job.permissioned_as,
            base_url=options.base_url,
            base_internal_url=internal,
            job_id=job.id,
            attempt=job.attempt,
            scheduled_for=job.run_at,
            script_path=job.script_path or "",
            script_hash="" if job.script_hash is None else f"{job.script_hash:016x}",
            schedule_path=job.schedule_path or "",
            root_job_id=job.root_job,
            worker_group=options.group,
        )
        self._output.remember([context.token.encode()])
        own = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC"}  # noqa: S108
        return {**own, **job_environment(context)}

    async def _in_sandbox(self, program: Program) -> Exit | Stop:
        failpoint("prepare.after_arguments")
        running = await self._parts.sandbox.start(program)
        failpoint("run.after_start")
        async with _alongside(self._output.keep_flushing()):
            ended = await self._until_ended(running)
        if isinstance(ended, Stop) and ended is Stop.LOST:
            return ended
        await self._output.flush(final=True)
        return Stop.LOST if self._output.lost else ended

    async def _until_ended(self, running: Running) -> Exit | Stop:
        """Read the output to its end, within the time limit, unless the job is stopped."""
        limit_s = self.job.timeout_s or self._parts.options.timeout_s
        reading = asyncio.create_task(self._read_output(running))
        try:
            either: set[asyncio.Future[Any]] = {reading, self._stopped}
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if self._stopped.done():
                why, message = self._stopped.result()
                await running.kill(message)
                await running.wait()
                return why
            if not reading.done():
                await running.kill("It ran too long.")
                await running.wait()
                raise JobFailed("timeout", "Timeout", f"The job was ended after its time limit of {limit_s} s.")
            await reading
            return await running.wait()
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _read_output(self, running: Running) -> None:
        async for chunk in running.output:
            await self._output.take(chunk)
            if self._output.lost:
                self.stop(Stop.LOST, "The lease is lost.")

    async def _result(self, ended: Exit, found: dict[str, bytes], prepared: Prepared) -> bytes:
        if ended.reason is not ExitReason.FINISHED:
            raise JobFailed(ended.reason.value, _EXIT_NAMES.get(ended.reason, "ExecutionErr"), ended.message)
        if ERROR in found:
            failure = JobFailed("error", "ExecutionErr", "")
            failure.result = b'{"error":' + self._checked(found[ERROR]) + b"}"
            raise failure
        if ended.code != 0:
            how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
            raise JobFailed("error", "ExecutionErr", f"The script ended with exit {how}.{self._last_words()}")
        result = prepared.language.result(found)
        if result is None:
            raise JobFailed("error", "NoResult", "The script ended without a result, perhaps by os._exit.")
        if self._output.streamed and result.strip() == _NULL:
            return jsontext.dumps(self._output.streamed.decode(errors="replace"))
        return self._checked(result)

    def _last_words(self) -> str:
        last = self._output.last_line.decode(errors="replace")[:500]
        return f" Its last line was: {last}" if last else ""

    def _checked(self, raw: bytes) -> bytes:
        """What a job wrote as its result, if it is JSON that we keep faithfully."""
        try:
            jsontext.check(raw, max_bytes=self._parts.values.max_bytes)
        except (InvalidJson, TooLarge) as error:
            raise JobFailed(error.code, type(error).__name__, f"The result cannot be kept: {error}") from error
        return raw

    async def _failed(self, reason: str, result: bytes) -> Outcome:
        policy = retry.parse(jsontext.loads(self.job.retry)) if self.job.retry is not None else None
        delay_s = None
        if policy is not None:
            delay_s = retry.delay_s(policy, self.job.retries, random=random.random())  # noqa: S311
        if delay_s is None:
            return await self._ended("failure", result, reason=reason)
        await self._output.flush(final=True)
        return Again(end_reason="retry", error=Json(self._output.mask(result)), retried=True, delay_s=delay_s)

    async def _ended_from_outside(self, why: Stop) -> Outcome:
        match why:
            case Stop.LOST:
                return None
            case Stop.CANCELED:
                _, message = self._stopped.result()
                return await self._ended("canceled", queue.error_result("Canceled", message).raw, reason="canceled")
            case Stop.WORKER_STOPS if self.job.on_worker_loss == "fail":
                result = queue.error_result(
                    "WorkerStopped",
                    "The worker had to stop, and the job must not start twice (on_worker_loss: fail).",
                ).raw
                return await self._ended("failure", result, reason="worker_stopped")
            case Stop.WORKER_STOPS:
                return Again(end_reason="worker_stopped")

    async def _ended(self, status: str, result: bytes, *, reason: str | None = None) -> Outcome:
        await self._output.learn_secrets()
        masked = self._output.mask_result(result)
        try:
            kept = await self._parts.values.keep(masked, what="The result")
        except TooLarge as error:
            status, reason = "failure", "too_large"
            kept = Kept(inline=queue.error_result("TooLarge", str(error)))
        await self._output.flush(final=True)
        if self._output.lost:
            return None
        return Ended(id=self.job.id, attempt=self.job.attempt, status=status, result=kept, end_reason=reason)

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
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return self._stopped.result()[0]
        return task.result()


_EXIT_NAMES: Final = {
    ExitReason.OUT_OF_MEMORY: "OutOfMemory",
    ExitReason.TOO_MANY_PROCESSES: "TooManyProcesses",
    ExitReason.FILE_TOO_LARGE: "FileTooLarge",
    ExitReason.DISK_FULL: "DiskFull",
    ExitReason.CPU_TIME: "CpuTime",
    ExitReason.LOST: "WorkerLost",
}


@contextlib.asynccontextmanager
async def _alongside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `work` during the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
