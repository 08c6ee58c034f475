"""The worker's side of the watchdog: starts that process, gives it programs to run, hears how they end."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from tidemill.model.errors import SandboxUnavailable
from tidemill.sandbox import frames
from tidemill.sandbox.output import Output
from tidemill.sandbox.port import Exit, ExitReason, Limits

_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tidemill.sandbox.watchdog import main; "
    "main(int(sys.argv[2]), float(sys.argv[3]))"
)
_ROOT: Final = Path(__file__).resolve().parents[2]
_REST_S: Final = 0.05
_STALE_S: Final = 1.0
_GONE: Final = Exit(reason=ExitReason.LOST, message="The process that supervised the job died.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the watchdog needs to start one program; see `child.Order`."""

    argv: Sequence[str]
    cwd: str
    limits: Limits
    options: Sequence[str] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = -1
    stage: Sequence[tuple[str, str]] = ()
    asks: bool = False
    network: Mapping[str, Any] = field(default_factory=dict)
    busy: bool = True
    confirmed_at_s: float = field(default_factory=time.monotonic)


def moment(confirmed_at_s: float | None) -> float:
    """A moment of `time.monotonic`; None is now."""
    return time.monotonic() if confirmed_at_s is None else confirmed_at_s


class Process:
    """A program under the watchdog. It is a `Running` of the port."""

    def __init__(self, launcher: "Launcher", number: int) -> None:
        loop = asyncio.get_running_loop()
        self.id = number
        self.out = Output()
        self.on_note: Callable[[str], None] = self.out.note
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self.usage: asyncio.Future[Exit] | None = None
        self._begun_at_s = 0.0
        self._launcher = launcher

    @property
    def output(self) -> AsyncIterator[bytes]:
        """See `Running.output`."""
        return self.out.pieces()

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await asyncio.shield(self.ended)

    async def kill(self, reason: str) -> None:
        """See `Running.kill`."""
        self.end(reason)

    def end(self, reason: str) -> None:
        """As `kill`, where there is nothing to wait for."""
        self._launcher.tell({"op": "kill", "id": self.id, "message": reason})

    def begin(self, work: Path, confirmed_at_s: float) -> None:
        """A parked sandbox gets a job, whose lease was confirmed then: it is watched from now on.

        Where the watchdog still takes it for busy with a job that was hardly older, it need not be told.
        """
        if self._launcher.resting.pop(self, None) is None or confirmed_at_s - self._begun_at_s > _STALE_S:
            self._launcher.tell({"op": "busy", "id": self.id, "work": str(work), "at": confirmed_at_s})
            self._begun_at_s = confirmed_at_s

    def rest(self) -> None:
        """It is parked again. The watchdog hears of that a little later, when no other job came meanwhile."""
        self._launcher.rest(self)

    async def check(self, status: int) -> Exit:
        """Why a job in it ended with this wait status, as the exit of the whole would say it."""
        if self.ended.done():
            return self.ended.result()
        self.usage = asyncio.get_running_loop().create_future()
        self._launcher.tell({"op": "check", "id": self.id, "status": status})
        return await self.usage

    def settle(self, exit_: Exit) -> None:
        """It has ended."""
        if not self.ended.done():
            self.ended.set_result(exit_)
        if self.usage is not None and not self.usage.done():
            self.usage.set_result(exit_)
        self.out.end()


class Launcher:
    """Starts programs through one watchdog process, which is made when first needed and again after it died."""

    def __init__(self, *, self_kill_s: float) -> None:
        self._self_kill_s = self_kill_s
        self._numbers = count(1)
        self._processes: dict[int, Process] = {}
        self._pinged_at_s = 0.0
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._burial: asyncio.Future[int] | None = None
        self._socket: socket.socket | None = None
        self._inbox: frames.Inbox | None = None
        self._outbox: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self._rounds: asyncio.TimerHandle | None = None
        self.resting: dict[Process, float] = {}
        """Parked sandboxes without a job that the watchdog still takes for busy, and since when."""

    @property
    def watchdog_pid(self) -> int:
        """Its process id; 0 when there is none."""
        return self._watchdog.pid if self._watchdog is not None else 0

    async def start(self, order: Order, *descriptors: int) -> Process:
        """Start a program; `descriptors` become its descriptors from CONTROL_FD on. It has been executed on return.

        Raises:
            OSError: the host could not make another process.
        """
        self._ensure_watchdog()
        process = Process(self, next(self._numbers))
        self._processes[process.id] = process
        message = asdict(order) | {"id": process.id}
        copies = tuple(os.dup(number) for number in (process.out.write_end, *descriptors))
        self.tell({"op": "start", "order": message}, *copies)
        process.out.handed_over()
        try:
            await process.started
        except BaseException:  # whoever asked for it does not get it, so nobody else would end it
            process.end("Its start was given up.")
            process.out.close()
            raise
        return process

    def ping(self, sent_at_s: float | None = None) -> None:
        """A heartbeat was confirmed that was sent then; None is now."""
        self._pinged_at_s = max(self._pinged_at_s, moment(sent_at_s))
        self.tell({"op": "ping", "at": self._pinged_at_s})

    def rest(self, process: Process) -> None:
        """`process` has no job; the watchdog is told unless it soon has another."""
        loop = asyncio.get_running_loop()
        self.resting[process] = loop.time()
        if self._rounds is None:
            self._rounds = loop.call_later(_REST_S, self._tell_of_rest)

    def _tell_of_rest(self) -> None:
        loop = asyncio.get_running_loop()
        for process, since_s in list(self.resting.items()):
            if loop.time() >= since_s + _REST_S:
                del self.resting[process]
                self.tell({"op": "idle", "id": process.id})
        self._rounds = loop.call_later(_REST_S, self._tell_of_rest) if self.resting else None

    def tell(self, message: dict[str, Any], *descriptors: int) -> None:
        """Send a message; the descriptors are closed when it is out. Without a watchdog there is nobody to tell."""
        if self._socket is None:
            return
        self._outbox.append((memoryview(frames.pack(message, len(descriptors))), descriptors))
        if len(self._outbox) == 1:
            self._flush()

    def _flush(self) -> None:
        sock = self._socket
        if sock is None:
            return
        loop = asyncio.get_running_loop()
        while self._outbox:
            data, descriptors = self._outbox[0]
            try:
                sent = frames.send_some(sock, bytes(data), descriptors)
            except BlockingIOError:
                loop.add_writer(sock, self._flush)
                return
            except (BrokenPipeError, ConnectionResetError):
                self._lost()
                return
            _close(descriptors)
            self._outbox.popleft()
            if sent < len(data):
                self._outbox.appendleft((data[sent:], ()))
        loop.remove_writer(sock)

    def _ensure_watchdog(self) -> None:
        if self._socket is not None:
            return
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        arguments = [str(_ROOT), str(theirs.fileno()), str(self._self_kill_s)]
        try:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={},
                cwd="/",
            )
        except OSError as error:
            ours.close()
            raise SandboxUnavailable(f"The watchdog of the jobs could not be started: {error}") from error
        finally:
            theirs.close()
        self._socket, self._inbox = ours, frames.Inbox(ours)
        asyncio.get_running_loop().add_reader(ours, self._read)
        self.tell({"op": "ping", "at": self._pinged_at_s})

    def _read(self) -> None:
        assert self._inbox is not None
        try:
            alive = self._inbox.read()
        except BlockingIOError:
            return
        except ConnectionError:
            alive = False
        while (taken := self._inbox.take()) is not None:
            self._hear(taken[0])
        if not alive:
            self._lost()

    def _hear(self, message: dict[str, Any]) -> None:
        if (process := self._processes.get(message["id"])) is not None:
            self._tell(process, message)

    def _tell(self, process: Process, message: dict[str, Any]) -> None:
        match message["op"]:
            case "started":
                if not process.started.done():
                    process.started.set_result(None)
            case "failed":
                self._forget(process)
                if not process.started.done():
                    process.started.set_exception(OSError(message["errno"], message["message"]))
            case "note":
                process.on_note(message["text"])
            case "usage":
                if process.usage is not None and not process.usage.done():
                    process.usage.set_result(_exit(message))
            case "exit":
                self._forget(process)
                if not process.started.done():
                    process.started.set_result(None)
                process.settle(_exit(message))

    def _forget(self, process: Process) -> None:
        del self._processes[process.id]
        self.resting.pop(process, None)

    def _lost(self) -> None:
        """The watchdog is gone, and with it every program."""
        self._drop_socket()
        self.resting.clear()
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            self._burial = asyncio.get_running_loop().run_in_executor(None, watchdog.wait)
        processes, self._processes = list(self._processes.values()), {}
        for process in processes:
            if not process.started.done():
                process.started.set_exception(OSError(3, _GONE.message))
            process.settle(_GONE)

    def _drop_socket(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(sock)
            loop.remove_writer(sock)
            sock.close()
        for _, descriptors in self._outbox:
            _close(descriptors)
        self._outbox.clear()

    async def close(self) -> None:
        """End the watchdog, and with it every program; returns when it is gone."""
        self._lost()
        if self._burial is not None:
            await self._burial


def _exit(message: dict[str, Any]) -> Exit:
    return Exit(
        reason=ExitReason(message["reason"]),
        code=message["code"],
        signal=message["signal"],
        peak_memory_bytes=message["peak"],
        message=message["message"],
    )


def _close(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
