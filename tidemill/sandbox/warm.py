"""Warm Python: parked interpreters, each in its own sandbox, that run one job after the other in fresh processes."""

import array
import asyncio
import json
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tidemill.sandbox.launcher import Process, moment
from tidemill.sandbox.output import Output
from tidemill.sandbox.port import WORK, Exit, ExitReason, Limits, Mount, Network, Program, PythonCall, Running

_READY_LIMIT_S: Final = 60.0
_CLEAN_LIMIT_S: Final = 5.0
_MOVED: Final = "The job moved its working directory away; what it left there is lost."


@dataclass(frozen=True, slots=True)
class Key:
    """What two jobs must share to follow each other in one sandbox."""

    python: PythonCall
    mounts: tuple[Mount, ...]
    limits: Limits
    network: Network
    home: Path
    """Where the work directories are: they move into the sandbox by a rename, which needs one file system."""


StartParked = Callable[[Program, Path, int], Awaitable[tuple[Process, int]]]
StartCold = Callable[[Program], Awaitable[Running]]
Give = Callable[[Path, int], None]


class Parked:
    """One sandbox with a parked interpreter."""

    def __init__(self, key: Key, directory: Path, process: Process, control: socket.socket, user: int) -> None:
        self.key = key
        self.directory = directory
        self.process = process
        self.user = user
        self.expiry: asyncio.TimerHandle | None = None
        self._control = control
        self._lines = bytearray()

    async def hear(self) -> dict[str, Any]:
        """The next message of the interpreter.

        Raises:
            EOFError: it is gone.
        """
        loop = asyncio.get_running_loop()
        while b"\n" not in self._lines:
            try:
                data = await loop.sock_recv(self._control, 4096)
            except OSError as error:
                raise EOFError from error
            if not data:
                raise EOFError
            self._lines += data
        line, _, rest = bytes(self._lines).partition(b"\n")
        self._lines = bytearray(rest)
        message: dict[str, Any] = json.loads(line)
        return message

    async def hand_over(self, env: Mapping[str, str], output: int) -> None:
        """Give the waiting child its job."""
        body = json.dumps(dict(env)).encode()
        data = len(body).to_bytes(4, "big") + body
        rights = array.array("i", [output])
        sent = self._control.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        if sent < len(data):
            await asyncio.get_running_loop().sock_sendall(self._control, data[sent:])

    def is_alive(self) -> bool:
        """Whether the sandbox is there and silent, as it must be between two jobs."""
        if self.process.ended.done() or self._lines:
            return False
        try:
            self._control.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def discard(self) -> None:
        """End the sandbox and remove its directory."""
        if self.expiry is not None:
            self.expiry.cancel()
        self.process.end("The warm sandbox is not needed any more.")
        await self.process.wait()
        self._control.close()
        self.process.out.close()
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)


class WarmRun:
    """A job in a parked sandbox. It is a `Running` of the port."""

    def __init__(self, parked: Parked) -> None:
        self.out = Output()
        self.done: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._parked = parked
        parked.process.on_note = self.out.note

    @property
    def output(self) -> AsyncIterator[bytes]:
        """See `Running.output`."""
        return self.out.pieces()

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await asyncio.shield(self.done)

    async def kill(self, reason: str) -> None:
        """See `Running.kill`."""
        if not self.done.done():
            self._parked.process.end(reason)

    async def outcome(self, program: Program) -> Exit:
        """Hand the job over and wait for its end."""
        process = self._parked.process
        try:
            await self._parked.hand_over(program.env, self.out.write_end)
            process.begin(self._parked.directory / WORK.name, moment(program.confirmed_at_s))
            self.out.handed_over()
            message = await self._parked.hear()
        except (EOFError, OSError):
            process.end("The warm interpreter is gone.")
            return await process.wait()
        code = os.waitstatus_to_exitcode(message["status"])
        exit_ = Exit(
            reason=ExitReason.FINISHED,
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            peak_memory_bytes=message["peak"],
        )
        if code == 0:
            return exit_
        found = await process.check(message["status"])
        return replace(exit_, reason=found.reason, message=found.message)

    def finish(self, exit_: Exit) -> None:
        """Tell those who wait."""
        self.done.set_result(exit_)
        self.out.end()


class Pool:
    """Parked sandboxes by what their jobs share. At most `most` at a time, each at most `idle_s` without work."""

    def __init__(
        self, start_parked: StartParked, start_cold: StartCold, give: Give, *, most: int, idle_s: float
    ) -> None:
        self._start_parked = start_parked
        self._start_cold = start_cold
        self._give = give
        self._most = most
        self._idle_s = idle_s
        self._idle: dict[Key, list[Parked]] = {}
        self._cleaning: dict[Key, list[tuple[asyncio.Task[bool], Parked]]] = {}
        self._all: set[Parked] = set()
        self._coming = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, program: Program) -> Running:
        """Run a job in a parked sandbox, in a new one that is kept, or cold when there is no room for one."""
        key = _key(program)
        parked = self._take(key) or await self._soon(key) or await self._park(key, program)
        if parked is None:
            return await self._start_cold(program)
        self._give(program.work, parked.user)
        program.work.rename(parked.directory / WORK.name)
        run = WarmRun(parked)
        self._do(self._attend(run, parked, program))
        return run

    async def _attend(self, run: WarmRun, parked: Parked, program: Program) -> None:
        """See a job through, and its sandbox to the next one."""
        before = _identity(parked.directory / WORK.name)
        exit_ = await run.outcome(program)
        if not _give_back(parked.directory / WORK.name, program.work, before):
            exit_ = replace(exit_, reason=ExitReason.KILLED, message=_MOVED)
        if exit_.reason is ExitReason.FINISHED and not parked.process.ended.done():
            parked.process.rest()
        fine = exit_.reason is ExitReason.FINISHED and exit_.signal is None
        cleaning = asyncio.get_running_loop().create_task(self._is_clean(parked, fine=fine))
        self._cleaning.setdefault(parked.key, []).append((cleaning, parked))
        run.finish(exit_)
        is_clean = await cleaning
        if (cleaning, parked) in self._cleaning.get(parked.key, []):
            self._cleaning[parked.key].remove((cleaning, parked))
            if is_clean:
                self._keep(parked)
        if not self._cleaning.get(parked.key):
            self._cleaning.pop(parked.key, None)
        if not is_clean:
            await self._drop(parked)

    async def _is_clean(self, parked: Parked, *, fine: bool) -> bool:
        """Whether the interpreter says that nothing is left of a job that ended well, and the directory agrees."""
        if not fine:
            return False
        try:
            message = await asyncio.wait_for(parked.hear(), _CLEAN_LIMIT_S)
        except (EOFError, TimeoutError):
            return False
        left = [
            path for path in parked.directory.iterdir() if path.is_symlink() or not path.is_dir() or not _emptied(path)
        ]
        return "clean" in message and not left and parked.is_alive()

    def _take(self, key: Key) -> Parked | None:
        waiting = self._idle.get(key, [])
        while waiting:
            parked = waiting.pop()
            if parked.expiry is not None:
                parked.expiry.cancel()
            if parked.is_alive():
                return parked
            self._do(self._drop(parked))
        return None

    async def _soon(self, key: Key) -> Parked | None:
        """One that is just being cleaned, when there is such a one: that takes less than to make another."""
        coming = self._cleaning.get(key)
        if not coming:
            return None
        cleaning, parked = coming.pop()
        return parked if await asyncio.shield(cleaning) else None

    async def _park(self, key: Key, program: Program) -> Parked | None:
        """A new parked sandbox, when there is room or an idle one can go; None when not, or when it did not start."""
        if len(self._all) + self._coming >= self._most:
            oldest = next((waiting[0] for waiting in self._idle.values() if waiting), None)
            if oldest is None:
                return None
            self._idle[oldest.key].remove(oldest)
            self._do(self._drop(oldest))
        self._coming += 1
        try:
            return await self._make(key, program)
        finally:
            self._coming -= 1

    async def _make(self, key: Key, program: Program) -> Parked | None:
        directory = _make_directory(key.home)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            process, user = await self._start_parked(replace(program, env={}), directory, theirs.fileno())
        except BaseException:
            ours.close()
            shutil.rmtree(directory, ignore_errors=True)
            raise
        finally:
            theirs.close()
        parked = Parked(key, directory, process, ours, user)
        self._all.add(parked)
        try:
            message = await asyncio.wait_for(parked.hear(), _READY_LIMIT_S)
        except (EOFError, TimeoutError):
            message = {}
        except asyncio.CancelledError:
            self._do(self._drop(parked))
            raise
        if "ready" in message:
            return parked
        await self._drop(parked)  # a cold start tells the user what is wrong with this interpreter
        return None

    def _keep(self, parked: Parked) -> None:
        self._idle.setdefault(parked.key, []).append(parked)
        parked.expiry = asyncio.get_running_loop().call_later(self._idle_s, self._expire, parked)

    def _expire(self, parked: Parked) -> None:
        waiting = self._idle[parked.key]
        if parked in waiting:
            waiting.remove(parked)
            self._do(self._drop(parked))

    async def _drop(self, parked: Parked) -> None:
        self._all.discard(parked)
        if not self._idle.get(parked.key):
            self._idle.pop(parked.key, None)
        await parked.discard()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every parked sandbox, and the jobs in them."""
        await asyncio.gather(*(self._drop(parked) for parked in list(self._all)))
        self._idle.clear()
        await asyncio.gather(*self._tasks)


def _key(program: Program) -> Key:
    assert program.python is not None
    return Key(program.python, program.mounts, program.limits, program.network, program.work.parent)


def _make_directory(home: Path) -> Path:
    directory = Path(tempfile.mkdtemp(prefix=".warm-", dir=home))
    directory.chmod(0o755)
    return directory


def _identity(path: Path) -> tuple[int, int, bool]:
    """Which file this is, and whether it is a directory; links are not followed."""
    state = path.lstat()
    return state.st_dev, state.st_ino, stat.S_ISDIR(state.st_mode)


def _give_back(place: Path, work: Path, before: tuple[int, int, bool]) -> bool:
    """Bring a work directory back to where it was.

    A job may have put something else in its place where it is of the worker's own user (a link to a directory of the
    host, say): then the caller gets an empty directory, and False.
    """
    try:
        if _identity(place) == before:
            place.rename(work)
            return True
    except FileNotFoundError:
        pass  # moved away altogether
    work.mkdir()
    return False


def _emptied(directory: Path) -> bool:
    """Remove a directory that a job made beside its own; whether that worked."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()
