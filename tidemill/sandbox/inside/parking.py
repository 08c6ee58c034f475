"""A warm interpreter: it imports ahead and forks children ahead, and each child runs one job.

The worker sends each job (its environment and its output) over a socket; the waiting child takes it. When the job has
ended, what it left running is killed, the worker is told, and the temporary directories are emptied. When anything is
odd the interpreter ends itself, and the sandbox with it: the worker then takes a fresh one. Neither this process nor a
waiting child holds a secret, and no other process may look into them.
"""

from __future__ import annotations

import array
import ctypes
import gc
import importlib
import json
import linecache
import os
import resource
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
from .bootstrap import leave, perform, run_job, write
from .results import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

CONTROL_FD = 6
WORK = "/work/job"
TEMPORARY = ("/tmp", "/dev/shm")
REHEARSAL = "def main(a, b=2):\n    return {str(a): [b, 0.5, None]}\n"
NEEDED = ("inspect", "traceback", "importlib.util", "base64", "datetime", "enum", "atexit")
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


class Odd(Exception):
    """Something that must not be: the sandbox is given up."""


def park(preload: list[str]) -> NoReturn:
    """Run job after job until the worker closes the socket."""
    control = socket.socket(fileno=CONTROL_FD)
    try:
        import_ahead(preload)
        rehearse()
        set_process(PR_SET_DUMPABLE, 0)
        set_process(PR_SET_CHILD_SUBREAPER, 1)
        gc.collect()
        gc.freeze()
        serve(control)
    except Odd as error:
        tell(control, {"odd": str(error)})
    finally:
        os._exit(3)


def import_ahead(names: list[str]) -> None:
    """Import what can be; what cannot tells the job that really needs it."""
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"[tidemill] {name} could not be imported ahead: {error!r}", file=sys.stderr)
    for name in NEEDED:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise Odd("importing ahead started threads, which a fork would lose")


def rehearse() -> None:
    """Run a job that does nothing, so that all that Python prepares on first use is there before the first fork."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (("main.py", REHEARSAL), ("args.json", '{"a": 1}'), ("call.json", '{"file": "main.py"}')):
            write(directory, name, text.encode())
        write(directory, "result.json", to_json(perform(directory), "result"))
    del sys.modules["main"]
    linecache.clearcache()


def serve(control: socket.socket) -> None:
    """One child runs its job while the next one waits."""
    before = own_state()
    mounted = mounts_below(TEMPORARY)
    tell(control, {"ready": True})
    child, began = fork_ahead(control)
    while True:
        if os.read(began, 1) != b"s":
            raise Odd("the waiting process is gone")
        os.close(began)
        job, (child, began) = child, fork_ahead(control)
        _, status, used = os.wait4(job, 0)
        if clear_processes(child):
            os.close(began)
            child, began = fork_ahead(control)
        tell(control, {"status": status, "peak": used.ru_maxrss * 1024})
        clear_files(mounted)
        if own_state() != before:
            raise Odd("the job changed the limits or the priority of the parked interpreter")
        if has_shared_memory():
            raise Odd("the job left System V shared memory, semaphores or queues")
        tell(control, {"clean": True})


def fork_ahead(control: socket.socket) -> tuple[int, int]:
    """A child that waits for a job; its id, and a pipe that gets one byte when it begins."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    try:
        os.close(reader)
        be_a_job(control, writer)
    finally:
        os._exit(3)


def be_a_job(control: socket.socket, began: int) -> NoReturn:
    """Wait for a job, become it, run it."""
    env = receive(control)
    control.close()
    os.setsid()
    os.chdir(WORK)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # the random module does this by itself
    set_process(PR_SET_DUMPABLE, 1)
    os.write(began, b"s")
    os.close(began)
    leave(run_job())


def receive(control: socket.socket) -> dict[str, str]:
    """Wait for a job: take its output as ours; its environment."""
    data, ancillary, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(4))
    while data and (len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big")):
        more = control.recv(1 << 20)
        data = data + more if more else b""
    if not data:
        os._exit(0)
    for _, _, rights in ancillary:
        numbers = array.array("i")
        numbers.frombytes(rights)
        for number in numbers:
            os.dup2(number, 1)
            os.dup2(number, 2)
            os.close(number)
    env: dict[str, str] = json.loads(data[4:])
    return env


def tell(control: socket.socket, message: dict[str, Any]) -> None:
    """Send one line to the worker."""
    control.sendall(json.dumps(message).encode() + b"\n")


def set_process(option: int, value: int) -> None:
    """`prctl(2)`."""
    if ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise Odd(f"prctl({option}) failed")


def clear_processes(waiting: int) -> bool:
    """Kill what the job left running. True when the waiting child was killed with it."""
    if not others({1, os.getpid(), waiting}):
        return False
    for _ in range(1000):
        try:
            os.kill(-1, signal.SIGKILL)  # everything but us and the init process, at once: no fork gets away
        except ProcessLookupError:
            time.sleep(0.001)
        reap()
        if not others({1, os.getpid()}):
            return True
    raise Odd("what the job left running could not be killed")


def reap() -> None:
    """Take note of all that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def others(known: set[int]) -> set[int]:
    """Processes of the sandbox beyond the known ones."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()} - known


def mounts_below(places: tuple[str, ...]) -> frozenset[str]:
    """What is mounted below the temporary directories (environments may be kept there), and the way to it."""
    found = set()
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            path = line.split()[4].encode().decode("unicode_escape")
            while any(path.startswith(place + "/") for place in places):
                found.add(path)
                path = os.path.dirname(path)
    return frozenset(found)


def clear_files(mounted: frozenset[str]) -> None:
    """Empty the temporary directories of all but what is mounted there."""
    for place in TEMPORARY:
        try:
            for name in os.listdir(place):
                remove(os.path.join(place, name), mounted)
            os.chmod(place, 0o1777)
        except OSError as error:
            raise Odd(f"{place} could not be emptied: {error}") from error


def remove(path: str, mounted: frozenset[str]) -> None:
    """Remove a file or a directory with all that is in it, whatever its mode; what is `mounted` stays."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    if os.path.ismount(path) and path in mounted:
        return
    os.chmod(path, 0o700)
    for name in os.listdir(path):
        remove(os.path.join(path, name), mounted)
    if path in mounted:
        os.chmod(path, 0o755)
    else:
        os.rmdir(path)


def own_state() -> tuple[Any, ...]:
    """What a job of the same user could change in another process of the sandbox."""
    kinds = [value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")]
    limits = tuple(resource.getrlimit(kind) for kind in kinds)
    return limits, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), frozenset(os.sched_getaffinity(0))


def has_shared_memory() -> bool:
    """Whether System V objects are left in the sandbox."""
    return any(lines("/proc/sysvipc/" + kind) > 1 for kind in ("shm", "msg", "sem"))


def lines(path: str) -> int:
    """Lines of a file; 0 where the kernel has none."""
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except OSError:
        return 0
