"""Warm Python: parked interpreters, each in its own sandbox, that run one job after the other in fresh processes."""

import array
import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tidemill.model.errors import TooLarge
from tidemill.sandbox import handover
from tidemill.sandbox.launcher import Process, moment
from tidemill.sandbox.output import Output
from tidemill.sandbox.port import WORK, Exit, ExitReason, Limits, Mount, Network, Program, PythonCall, Running

_READY_LIMIT_S: Final = 60.0
_CLEAN_LIMIT_S: Final = 5.0
_PARKED_ENV: Final = {"LD_BIND_NOW": "1"}
"""Links everything at the start, so that no job of it has to. Not inherited by them."""
_MOST_KEYS: Final = 1000
_PEAK: Final = "peak"
_BYTES: Final = re.compile(rb"\d{1,15}")
_GONE: Final = "The warm interpreter is gone."

Message = dict[str, Any]
StartParked = Callable[[Program, Path, int], Awaitable[Process]]


@dataclass(frozen=True, slots=True)
class Key:
    """What two jobs must share to follow each other in one sandbox."""

    python: PythonCall
    mounts: tuple[Mount, ...]
    limits: Limits
    network: Network
    home: Path
    """Where the directories of sandboxes are."""
    number: int = field(init=False, compare=False, repr=False)
    """Its hash: it is looked up several times for a job."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", hash((self.python, self.mounts, self.limits, self.network, self.home)))

    def __hash__(self) -> int:
        return self.number


class Parked:
    """One sandbox with a parked interpreter.

    Attributes:
        ready: the first that the interpreter says; {} when it was gone before.
        on_message: gets what it says after that, and {} once when it is gone.
    """

    def __init__(self, key: Key, directory: Path, process: Process, control: socket.socket) -> None:
        self.key = key
        self.directory = directory
        self.process = process
        self.idle_since_s = 0.0
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Message] = loop.create_future()
        self.on_message: Callable[[Message], None] = self._begin
        self._is_silent = True
        self._control = control
        self._lines = b""
        loop.add_reader(control, self._read)

    def _read(self) -> None:
        try:
            data = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._is_silent = False
            asyncio.get_running_loop().remove_reader(self._control)
            self.on_message({})
            return
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            self.on_message(json.loads(line))

    def _begin(self, message: Message) -> None:
        self.fall_silent()
        if not self.ready.done():
            self.ready.set_result(message)

    def _unexpected(self, _: Message) -> None:
        self._is_silent = False

    def fall_silent(self) -> None:
        """From now on it must not say anything."""
        self.on_message = self._unexpected

    def hand_over(self, memory: int, output: int) -> None:
        """Give the waiting child its job.

        Raises:
            OSError: it is gone.
        """
        rights = array.array("i", [output, memory])
        self._control.sendmsg([b"j"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def let_clear(self) -> None:
        """After a job that failed: what it left is not needed any more."""
        with contextlib.suppress(OSError):
            self._control.send(b"c")

    def is_alive(self) -> bool:
        """Whether the sandbox is there and silent, as it must be between two jobs."""
        if self.process.ended.done() or not self._is_silent or self._lines:
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
        self.process.end("The warm sandbox is not needed any more.")
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self.process.out.close()
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)


class WarmRun:
    """A job in a parked sandbox, from its hand-over to the moment when the sandbox is clean. It is a `Running`.

    It costs no task of its own: the interpreter's messages drive it.
    """

    def __init__(
        self, parked: Parked, program: Program, *, after: Callable[[Parked, bool | None], None], hurry: bool = False
    ) -> None:
        """`after` is told whether the sandbox can be used again; None first where that is not known yet.

        `hurry`: the result is wanted before the process of the job is taken apart, for some more processor time.
        """
        loop = asyncio.get_running_loop()
        self.out = Output()
        self._done: asyncio.Future[Exit] = loop.create_future()
        self._parked = parked
        self._program = program
        self._hurry = hurry
        self._after = after
        self._exit: Exit | None = None
        self._rest: Message = {}
        self._asking: asyncio.Task[None] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._memory = -1
        parked.process.on_note = self.out.note
        parked.on_message = self._hear
        parked.process.ended.add_done_callback(self._lost)

    def begin(self) -> None:
        """Hand the job over."""
        program, process = self._program, self._parked.process
        try:
            self._memory = handover.pack(program.env, program.files or {}, hurry=self._hurry)
            process.begin(self._parked.directory / WORK.name, moment(program.confirmed_at_s))
            self._parked.hand_over(self._memory, self.out.write_end)
        except OSError:
            process.end(_GONE)
        self.out.handed_over()

    @property
    def output(self) -> AsyncIterator[bytes]:
        """See `Running.output`."""
        return self.out.pieces()

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await asyncio.shield(self._done)

    async def kill(self, reason: str) -> None:
        """See `Running.kill`."""
        if not self._done.done():
            self._parked.process.end(reason)

    def _hear(self, message: Message) -> None:
        if self._done.done():
            self._settle("clean" in message)
        elif self._exit is not None:  # why it failed is just being found out
            self._rest = message
        elif "status" in message:
            self._end(message)
        else:
            self._parked.process.end(_GONE)

    def _lost(self, ended: asyncio.Future[Exit]) -> None:
        """The whole sandbox has ended, and the job with it."""
        self._finish(ended.result())

    def _end(self, message: Message) -> None:
        """The job has ended; the same message tells whether the sandbox is clean already."""
        code = os.waitstatus_to_exitcode(message["status"])
        self._rest = message
        self._exit = Exit(
            reason=ExitReason.FINISHED,
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            peak_memory_bytes=message["peak"],
        )
        if code == 0:
            self._finish(self._exit)
        else:
            self._asking = asyncio.get_running_loop().create_task(self._ask_why(self._exit, message["status"]))

    async def _ask_why(self, exit_: Exit, status: int) -> None:
        """Let the watchdog say whether a limit is behind a failure."""
        found = await self._parked.process.check(status)
        self._parked.let_clear()
        self._finish(replace(exit_, reason=found.reason, message=found.message))

    def _finish(self, exit_: Exit) -> None:
        """Tell those who wait, and whoever wants the sandbox next."""
        if self._done.done():
            return
        try:
            wanted = self._program.results if exit_.reason is ExitReason.FINISHED and self._memory >= 0 else ()
            names, most = (*wanted, _PEAK), self._program.max_result_bytes
            found = handover.results(self._memory, names, max_bytes=most) if wanted else {}
            told = found.pop(_PEAK, b"")
            peak = exit_.peak_memory_bytes or (int(told) if _BYTES.fullmatch(told) else 0)
            self._done.set_result(replace(exit_, files=found, peak_memory_bytes=peak))
        except TooLarge as error:
            self._done.set_exception(error)
            self._done.exception()  # nobody needs to ask for it
        self._drop_memory()
        self.out.end()
        is_fine = exit_.reason is ExitReason.FINISHED and exit_.signal is None
        if not is_fine or self._rest.keys() & {"clean", "odd"}:
            self._settle(is_fine and "clean" in self._rest)
        else:
            self._limit = asyncio.get_running_loop().call_later(_CLEAN_LIMIT_S, self._settle, False)
            self._after(self._parked, None)

    def _settle(self, is_clean: bool) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._parked.fall_silent()
        self._parked.process.ended.remove_done_callback(self._lost)
        self._after(self._parked, is_clean)

    def _drop_memory(self) -> None:
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1


class Pool:
    """Parked sandboxes by what their jobs share. At most `most` at a time, each at most `idle_s` without work."""

    def __init__(self, start_parked: StartParked, *, most: int, idle_s: float) -> None:
        self._start_parked = start_parked
        self._most = most
        self._idle_s = idle_s
        self._keys: dict[Key, Key] = {}
        self._idle: dict[Key, list[Parked]] = {}
        self._cleaning: dict[Key, list[Parked]] = {}
        self._wanted: dict[Parked, asyncio.Future[Parked | None]] = {}
        self._all: set[Parked] = set()
        self._coming = 0
        self._expiry: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, program: Program) -> Running | None:
        """Run a job in a parked sandbox, or in a new one that is kept; None when there is no room for one."""
        key = self._known(_key(program))
        parked = self._take(key) or await self._soon(key) or await self._park(key, program)
        if parked is None:
            return None
        run = WarmRun(parked, program, after=self._after, hurry=self._is_only(parked))
        run.begin()
        return run

    def _known(self, key: Key) -> Key:
        """The same object for the same key: then nobody has to compare what is in it."""
        if len(self._keys) > _MOST_KEYS:
            self._keys.clear()
        return self._keys.setdefault(key, key)

    def _is_only(self, parked: Parked) -> bool:
        """Whether no other sandbox has a job, so that processors are free."""
        resting = sum(len(waiting) for places in (self._idle, self._cleaning) for waiting in places.values())
        return not self._coming and len(self._all) - resting == 1

    def _after(self, parked: Parked, is_clean: bool | None) -> None:
        """A job has ended; None: whether its sandbox can be used again is told later."""
        if is_clean is None:
            parked.process.rest()
            self._cleaning.setdefault(parked.key, []).append(parked)
            return
        _remove(self._cleaning, parked)
        wanted = self._wanted.pop(parked, None)
        is_wanted = wanted is not None and not wanted.done()
        if not is_clean:
            self._do(self._drop(parked))
        elif not is_wanted:
            self._keep(parked)
        if wanted is not None and is_wanted:
            wanted.set_result(parked if is_clean else None)

    def _take(self, key: Key) -> Parked | None:
        while waiting := self._idle.get(key):
            parked = waiting.pop()
            if parked.is_alive():
                return parked
            self._do(self._drop(parked))
        return None

    async def _soon(self, key: Key) -> Parked | None:
        """One that is just being cleaned, when there is such a one: that takes less than to make another."""
        if not self._cleaning.get(key):
            return None
        parked = self._cleaning[key].pop()
        wanted: asyncio.Future[Parked | None] = asyncio.get_running_loop().create_future()
        self._wanted[parked] = wanted
        return await wanted

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
            process = await self._start_parked(replace(program, env=_PARKED_ENV), directory, theirs.fileno())
        except BaseException:
            ours.close()
            shutil.rmtree(directory, ignore_errors=True)
            raise
        finally:
            theirs.close()
        parked = Parked(key, directory, process, ours)
        self._all.add(parked)
        try:
            message = await asyncio.wait_for(parked.ready, _READY_LIMIT_S)
        except TimeoutError:
            message = {}
        except asyncio.CancelledError:
            self._do(self._drop(parked))
            raise
        if "ready" in message:
            return parked
        await self._drop(parked)  # a cold start tells the user what is wrong with this interpreter
        return None

    def _keep(self, parked: Parked) -> None:
        loop = asyncio.get_running_loop()
        parked.process.rest()
        parked.idle_since_s = loop.time()
        self._idle.setdefault(parked.key, []).append(parked)
        if self._expiry is None:
            self._expiry = loop.call_later(self._idle_s, self._expire)

    def _expire(self) -> None:
        """Let go of those that had no work for long, and look again when the next one has."""
        loop = asyncio.get_running_loop()
        waiting = [parked for idle in self._idle.values() for parked in idle]
        gone = [parked for parked in waiting if loop.time() >= parked.idle_since_s + self._idle_s]
        for parked in gone:
            self._idle[parked.key].remove(parked)
            self._do(self._drop(parked))
        left = [parked.idle_since_s for parked in waiting if parked not in gone]
        self._expiry = loop.call_at(min(left) + self._idle_s, self._expire) if left else None

    async def _drop(self, parked: Parked) -> None:
        if parked not in self._all:
            return  # its job ended with the sandbox, which is being dropped
        self._all.remove(parked)
        for places in (self._idle, self._cleaning):
            if not places.get(parked.key):
                places.pop(parked.key, None)
        await parked.discard()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every parked sandbox, and the jobs in them."""
        if self._expiry is not None:
            self._expiry.cancel()
        await asyncio.gather(*(self._drop(parked) for parked in list(self._all)))
        self._idle.clear()
        await asyncio.gather(*self._tasks)


def _key(program: Program) -> Key:
    assert program.python is not None
    return Key(program.python, program.mounts, program.limits, program.network, program.work.parent)


def _make_directory(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".warm-", dir=home))
    directory.chmod(0o755)
    return directory


def _remove(places: dict[Key, list[Parked]], parked: Parked) -> None:
    if parked in places.get(parked.key, ()):
        places[parked.key].remove(parked)
