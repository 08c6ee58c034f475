"""One program under the watchdog: what is known of it, why it is killed, how it ended."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any, Final

from tidemill.sandbox.cgroups import Group
from tidemill.sandbox.child import MARK, Order, mark
from tidemill.sandbox.usage import Disk, marked, memory_and_tasks, tree

FIRST_LOOK_S: Final = 0.03
_SIGNAL_CODES: Final = range(129, 129 + 64)


class Watched:
    """A started program. Only the watchdog uses it."""

    def __init__(
        self, order: Order, pid: int, group: Group | None, *, info: int, error: int, channel: socket.socket
    ) -> None:
        self.order = order
        self.id = order.id
        self.pid = pid
        self.group = group
        self.error = error
        self.notes = -1
        self.failed = False
        self.is_busy = order.busy
        self.confirmed_at_s = order.confirmed_at_s
        self.looks = 0
        self.next_look = time.monotonic() + FIRST_LOOK_S
        self._info = info
        self._channel = channel
        self._listener = -1
        self._broker = 0
        self._inner = 0
        self._reason = ""
        self._message = ""
        self._peak = 0
        self._kills = self._refusals = 0
        self._disk = Disk(order.limits, order.cwd)
        os.set_blocking(info, False)

    def take_listener(self) -> int:
        """Where the questions of this sandbox arrive; -1 when it asks none."""
        if self.order.asks:
            _, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            self._listener = descriptors[0] if descriptors else -1
        return self._listener

    def has_broker(self, pid: int, notes: int) -> None:
        """A broker answers from now on, and writes to `notes`."""
        self._broker, self.notes = pid, notes
        os.close(self._listener)
        self._listener = -1

    def begin(self, work: str, confirmed_at_s: float) -> None:
        """A parked sandbox got a job in this directory, whose lease was confirmed then."""
        self.is_busy = True
        self.confirmed_at_s = confirmed_at_s
        self.looks, self.next_look = 0, time.monotonic() + FIRST_LOOK_S
        self._disk.close()
        self._disk = Disk(self.order.limits, work)

    def rest(self) -> None:
        """It is parked again."""
        self.is_busy = False

    def kill(self, reason: str, message: str) -> None:
        """End the whole tree. The first reason stays."""
        if not self._reason:
            self._reason, self._message = reason, message
        inner = self._inside()
        with contextlib.suppress(ProcessLookupError):
            if inner:
                os.kill(inner, signal.SIGKILL)  # the init of the namespace: the kernel takes all the others with it
            elif self.order.is_isolated:
                os.kill(self.pid, signal.SIGKILL)  # before the namespace is known: they die with their parent
            else:
                self._kill_plain()

    def sweep(self) -> None:
        """End what a plain program left running; a sandbox leaves nothing."""
        if not self.order.is_isolated:
            self._kill_plain()

    def _kill_plain(self) -> None:
        """A process group, and what left it as far as it can still be found."""
        if self.group is not None:
            self.group.kill()
        if sys.platform == "linux":
            for pid in {*tree(self.pid), *marked(f"{MARK}={mark(os.getpid(), self.id)}")}:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _inside(self) -> int:
        """The init process of the sandbox, as bubblewrap tells it once it is there; 0 before."""
        if self.order.is_isolated and not self._inner:
            with contextlib.suppress(BlockingIOError, ValueError):
                self._inner = json.loads(os.read(self._info, 4096) or b"{}").get("child-pid", 0)
        return self._inner

    def look(self) -> None:
        """Compare what it uses with its limits, and kill it when it is over one."""
        self.looks += 1
        found = self._complaint()
        if found and not self._reason:
            self.kill(*found)

    def _complaint(self, *, has_ended: bool = False) -> tuple[str, str] | None:
        """Reason and sentence, or None when all is well."""
        limits = self.order.limits
        if self.group is not None:
            if self.group.out_of_memory_kills():
                return (
                    "out_of_memory",
                    f"The job used more than {limits['memory_bytes']} bytes of memory (job_memory_bytes).",
                )
            if self.group.refused_processes():
                return "too_many_processes", f"The job had more than {limits['processes']} processes (job_processes)."
        elif sys.platform == "linux":
            resident, tasks = memory_and_tasks(tree(self.pid))
            self._peak = max(self._peak, resident)
            if resident > limits["memory_bytes"]:
                return (
                    "out_of_memory",
                    f"The job used more than {limits['memory_bytes']} bytes of memory (job_memory_bytes).",
                )
            if tasks > limits["processes"] + 2:
                return "too_many_processes", f"The job had more than {limits['processes']} processes (job_processes)."
        full = self._disk.complaint(self._inside(), has_ended=has_ended)
        return ("disk_full", full) if full else None

    def outcome(self, status: int, largest_kib: int) -> dict[str, Any]:
        """How it ended, as the worker's side reads it."""
        code, number = self._split(status)
        failed = number != 0 or code != 0
        if failed and not self._reason:
            self._explain(number)
        peak = self.group.peak_bytes() if self.group is not None else 0
        unit = 1 if sys.platform == "darwin" else 1024
        return {
            "reason": self._reason or "finished",
            "message": self._message,
            "code": None if number else code,
            "signal": number or None,
            "peak": peak or max(self._peak, largest_kib * unit),
        }

    def _split(self, status: int) -> tuple[int, int]:
        """Code and signal. bubblewrap tells of a signal as a shell does, by 128 + signal."""
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return 0, -code
        if self.order.is_isolated and code in _SIGNAL_CODES:
            return code, code - 128
        return code, 0

    def _explain(self, number: int) -> None:
        """Find out why something failed that nobody killed."""
        limits = self.order.limits
        if number == signal.SIGXFSZ:
            found: tuple[str, str] | None = (
                "file_too_large",
                f"The job wrote a file of more than {limits['file_bytes']} bytes (job_file_bytes).",
            )
        elif number == signal.SIGXCPU:
            found = "cpu_time", f"A process of the job used more than {limits['cpu_s']} s of processor time."
        else:
            found = self._complaint(has_ended=True)
        if found:
            self._reason, self._message = found

    def descriptors(self) -> list[int]:
        """Everything that a selector may hold."""
        return [number for number in (self.error, self._listener, self.notes) if number >= 0]

    def close(self) -> None:
        """Give back descriptors, and end the broker."""
        if self._broker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._broker, signal.SIGKILL)
        for number in (*self.descriptors(), self._info):
            os.close(number)
        self._channel.close()
        self._disk.close()
