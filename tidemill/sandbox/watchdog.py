"""The watchdog: a small process beside each worker that starts its programs, watches them and ends them.

It is the parent of every program and lives by a socket to the worker. When the worker is frozen (no ping for
`self_kill_s`) it kills what is running; when the worker dies (the socket closes) it kills everything and goes. Since
each sandbox dies with its parent, killing the watchdog ends them too. It imports the standard library only.

Messages from the worker: `start`, `kill`, `busy`, `idle`, `check`, `ping`. To the worker: `started`, `failed`, `note`,
`usage`, `exit`; each names the program by `id`.
"""

import contextlib
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from tidemill.engine.addresses import Policy
from tidemill.sandbox import broker, cgroups, child, frames, kernel, seccomp
from tidemill.sandbox.watched import FIRST_LOOK_S, Watched

_LOOK_S: Final = 0.2


class Watchdog:
    """Starts and watches programs for the worker at the other end of a socket."""

    def __init__(self, worker: socket.socket, *, self_kill_s: float) -> None:
        self._worker = worker
        self._inbox = frames.Inbox(worker)
        self._self_kill_s = self_kill_s
        self._pinged_at_s = 0.0
        self._programs: dict[int, Watched] = {}
        self._by_pid: dict[int, Watched] = {}
        self._brokers: dict[int, int] = {}
        self._dying_groups: list[cgroups.Group] = []
        self._selector = selectors.DefaultSelector()
        self._groups = cgroups.find() if sys.platform == "linux" else None
        self._worker_is_there = True
        _assemble_filters()

    def run(self) -> None:
        """Serve until the worker is gone; then kill everything."""
        self._watch_children()
        self._selector.register(self._worker, selectors.EVENT_READ, self._read)
        while self._worker_is_there:
            for key, _ in self._selector.select(self._patience()):
                if self._selector.get_map().get(key.fileobj) is key:  # an earlier one may have ended this one
                    key.data()
            self._look_after()
        self._end()

    def _watch_children(self) -> None:
        """Have the end of a child wake the loop."""
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._reap(reader))

    def _patience(self) -> float | None:
        """Seconds until something must be looked at without being told."""
        if any(program.is_busy for program in self._programs.values()):
            first = any(program.looks == 0 for program in self._programs.values() if program.is_busy)
            return FIRST_LOOK_S if first else _LOOK_S
        return _LOOK_S if self._dying_groups else None

    def _read(self) -> None:
        try:
            self._worker_is_there = self._inbox.read()
        except ConnectionError:
            self._worker_is_there = False
        while self._worker_is_there and (taken := self._inbox.take()) is not None:
            message, descriptors = taken
            self._obey(message, descriptors)

    def _obey(self, message: dict[str, Any], descriptors: list[int]) -> None:
        orders: dict[str, Callable[[Watched], None]] = {
            "kill": lambda program: program.kill("killed", message["message"]),
            "busy": lambda program: program.begin(message["work"], message["at"]),
            "idle": Watched.rest,
            "check": lambda program: self._tell_usage(program, message["status"]),
        }
        match message["op"]:
            case "ping":
                self._pinged_at_s = max(self._pinged_at_s, message["at"])
            case "start":
                self._start(message, descriptors)
            case name:
                program = self._programs.get(message["id"])
                if program is not None:
                    orders[name](program)

    def _start(self, message: dict[str, Any], descriptors: list[int]) -> None:
        order = child.Order(**message["order"])
        try:
            program = self._fork(order, descriptors)
        except OSError as error:
            self._send({"op": "failed", "id": order.id, "errno": error.errno, "message": str(error)})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._programs[order.id] = self._by_pid[program.pid] = program
        self._selector.register(program.error, selectors.EVENT_READ, lambda: self._started(program))

    def _fork(self, order: child.Order, descriptors: list[int]) -> Watched:
        group = self._make_group(order)
        info, error, channel = os.pipe(), os.pipe(), socket.socketpair()
        ends = child.Ends(
            output=descriptors[0],
            control=descriptors[1] if len(descriptors) > 1 else -1,
            info=info[1],
            error=error[1],
            listener=channel[1].fileno(),
        )
        pid = os.fork()
        if pid == 0:
            child.run(order, ends, group)
        for end in (info[1], error[1]):
            os.close(end)
        channel[1].close()
        return Watched(order, pid, group, info=info[0], error=error[0], channel=channel[0])

    def _make_group(self, order: child.Order) -> cgroups.Group | None:
        if self._groups is None:
            return None
        # bubblewrap and its init count as two more.
        most = order.limits["processes"] + (2 if order.is_isolated else 0)
        name = f"tidemill-{os.getpid()}-{order.id}"
        return self._groups.make(name, memory_bytes=order.limits["memory_bytes"], processes=most)

    def _started(self, program: Watched) -> None:
        """The child has executed its program, or could not."""
        self._selector.unregister(program.error)
        failure = os.read(program.error, 4096).decode(errors="replace")
        if failure:
            number, _, text = failure.partition(" ")
            program.failed = True
            self._send({"op": "failed", "id": program.id, "errno": int(number), "message": text})
            return
        listener = program.take_listener()
        if listener >= 0:
            self._selector.register(listener, selectors.EVENT_READ, lambda: self._start_broker(program, listener))
        self._send({"op": "started", "id": program.id})

    def _start_broker(self, program: Watched, listener: int) -> None:
        """The first question of a sandbox: from now on a process of its own answers."""
        self._selector.unregister(listener)
        if not _has_question(listener):
            return
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become_broker(program, listener, writer)
        os.close(writer)
        program.has_broker(pid, reader)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._pass_on(program, reader))

    def _become_broker(self, program: Watched, listener: int, notes: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            kept = [os.dup(listener), os.dup(notes)]
            for descriptor in range(3, 1024):
                if descriptor not in kept:
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
            if program.order.user >= 0:
                child.become(program.order.user)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
            broker.run(kept[0], _routes(program.order.network), machine=kernel.machine(), notes=kept[1])
        except OSError as error:
            sys.stderr.write(f"tidemill: the network broker stopped: {error}\n")
        finally:
            os._exit(1)

    def _pass_on(self, program: Watched, reader: int) -> None:
        text = os.read(reader, 4096)
        if text:
            self._send({"op": "note", "id": program.id, "text": text.decode(errors="replace")})
        else:
            self._selector.unregister(reader)

    def _reap(self, reader: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 4096)
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            program = self._by_pid.pop(pid, None)
            if program is not None:
                self._ended(program, status, used.ru_maxrss)

    def _ended(self, program: Watched, status: int, largest: int) -> None:
        for descriptor in program.descriptors():
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        if program.notes >= 0:
            self._pass_on_rest(program)
        del self._programs[program.id]
        program.sweep()
        outcome = program.outcome(status, largest)
        if not program.failed:
            self._send({"op": "exit", "id": program.id, **outcome})
        program.close()
        if program.group is not None and not program.group.remove():
            program.group.kill()
            self._dying_groups.append(program.group)

    def _pass_on_rest(self, program: Watched) -> None:
        """What the broker still had to say."""
        os.set_blocking(program.notes, False)
        with contextlib.suppress(BlockingIOError):
            while text := os.read(program.notes, 4096):
                self._send({"op": "note", "id": program.id, "text": text.decode(errors="replace")})

    def _tell_usage(self, program: Watched, status: int) -> None:
        self._send({"op": "usage", "id": program.id, **program.outcome(status, 0)})

    def _look_after(self) -> None:
        now = time.monotonic()
        for program in list(self._programs.values()):
            if not program.is_busy:
                continue
            if self._is_unconfirmed(program, now):
                program.kill("lost", f"The worker did not confirm its heartbeat for {self._self_kill_s:g} s.")
            elif program.next_look <= now:
                program.look()
                program.next_look = time.monotonic() + max(_LOOK_S, 10 * (time.monotonic() - now))
        self._dying_groups = [group for group in self._dying_groups if not group.remove()]

    def _is_unconfirmed(self, program: Watched, now: float) -> bool:
        """Whether its job may be somebody else's by now. A heartbeat is for all jobs that are held when it is sent."""
        newest = max(self._pinged_at_s, program.confirmed_at_s)
        return self._self_kill_s > 0 and now - newest > self._self_kill_s

    def _send(self, message: dict[str, Any]) -> None:
        """A worker that is gone is noticed by reading."""
        with contextlib.suppress(ConnectionError):
            frames.send(self._worker, message)

    def _end(self) -> None:
        """Kill everything, and wait for it, so that nothing is left of our groups."""
        for program in self._programs.values():
            program.kill("lost", "The worker is gone.")
        deadline = time.monotonic() + 5
        while self._by_pid and time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, 0)
            program_ended = self._by_pid.pop(pid, None)
            if program_ended is not None:
                program_ended.close()
                if program_ended.group is not None:
                    self._dying_groups.append(program_ended.group)
        while any(not group.remove() for group in self._dying_groups) and time.monotonic() < deadline:
            time.sleep(0.01)


def _routes(network: Any) -> broker.Routes:
    return broker.Routes(
        policy=Policy.parse(tuple(network["allow"])),
        api_port=network["api_port"],
        api=(network["api_host"], network["api_host_port"] or network["api_port"]),
        resolvers=tuple(network["resolvers"]),
    )


def _assemble_filters() -> None:
    """Once here and not in every child."""
    if sys.platform == "linux" and kernel.machine() in seccomp.ARCHITECTURES:
        seccomp.denials(kernel.machine())
        seccomp.questions(kernel.machine())


def _has_question(listener: int) -> bool:
    """Whether somebody asks; a listener wakes us for the last time when nobody is left who could."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


def main(descriptor: int, self_kill_s: float) -> None:
    """Be the watchdog of the worker at the other end of `descriptor`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with its worker, not before
    if sys.platform == "linux":
        kernel.harden_this_process()
    os.setsid()
    Watchdog(socket.socket(fileno=descriptor), self_kill_s=self_kill_s).run()
