"""A warm interpreter: it imports ahead and forks children ahead, and each child runs one job.

The worker sends each job over a socket, as a memory file and its output; the waiting child takes it. When the job has
ended, what it left running is killed, the directories are emptied, the worker is told, and the next child is forked:
no process of ours but this one is ever there beside a job. Where the worker is in a hurry, as it has nothing else to
do, a job that is done says so before it ends: the kernel takes longer to take a small one apart than it ran. When
anything is odd the interpreter ends itself, and the sandbox with it: the worker then takes a fresh one. Neither this
process nor a waiting child holds a secret, and no other process may look into them.

A fork copies nothing but the pages that are written to after it, and that is what most of a job's time goes to. So
what runs here between two forks, and in a child before its script does, touches as little as it can, and modules that
do something at each fork (`random`, `threading`, `logging`) are not imported here.
"""

from __future__ import annotations

import array
import ctypes
import gc
import importlib
import json
import linecache
import os
import signal
import socket
import stat
import sys
import time
import _thread
from .bootstrap import perform, run_job, set_up, wind_up
from .results import from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

MEMORY_FD = 3
CONTROL_FD = 6
FIRST_FREE_FD = 64
"""This process has never more open."""
WORK = "/work/job"
ABOVE = "/work"
TEMPORARY = ("/tmp", "/dev/shm")
PLACES = (*TEMPORARY, WORK, ABOVE)
WATCHED = ("/proc/self/limits", "/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem")
REHEARSAL = b"def main(a, b=2):\n    return {str(a): [b, 0.5, None]}\n"
NEEDED = ("inspect", "traceback", "importlib.util", "base64", "datetime", "enum", "atexit")
ZONE = "UTC"
PR_SET_DUMPABLE = 4
DONE = int(signal.SIGUSR1)
"""A job sends it to its parent when it has nothing left to do but to end."""
SIGNALS = (DONE, int(signal.SIGCHLD))
ENDING_S = 0.1
"""What has not ended so long after that is killed."""
LARGEST_GAP = 110_000
"""In bytes; larger pieces of memory are not of the heap."""
MOST_GAPS = 100_000

LIBC = ctypes.CDLL(None)
prctl = LIBC.prctl
prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
USAGE = ctypes.create_string_buffer(144)
"""A `struct rusage`: two times of 16 bytes, and then `ru_maxrss` in KiB."""
set_mask: Any = sys.modules["_signal"].pthread_sigmask
"""That of `signal` makes an object of each number, on memory that each child would have to copy."""


class Odd(Exception):
    """Something that must not be: the sandbox is given up."""


class Handed:
    """A job as the worker handed it over, in a memory file that its results go into.

    The file has the size of its head (4 bytes), the head as JSON (`env`, `files`: name and size of each, `hurry` where
    it is so), the files one after the other. Each result is a line of name and size, and its content. In a hurry
    there is one more: `peak`, the most memory that the job had, which is told with its end otherwise.
    """

    path = WORK

    def __init__(self, files: dict[str, bytes], descriptor: int) -> None:
        self._files = files
        self._descriptor = descriptor
        self._end = 0

    def read(self, name: str) -> bytes:
        """A file of the job."""
        return self._files[name]

    def write(self, name: str, content: bytes) -> None:
        """Add a result."""
        rest = memoryview(b"%s %d\n%s" % (name.encode(), len(content), content))
        while rest:
            written = os.pwrite(self._descriptor, rest, self._end)
            self._end += written
            rest = rest[written:]

    def prepare(self) -> None:
        """Put the files of the script where it expects them; its call and arguments are for us only."""
        for name, content in self._files.items():
            if name in ("args.json", "call.json", "checkpoint.json"):
                continue
            if "/" in name:
                os.makedirs(os.path.dirname(name), 0o700, exist_ok=True)
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)


def park(preload: list[str]) -> NoReturn:
    """Run job after job until the worker closes the socket."""
    control = socket.socket(fileno=CONTROL_FD)
    # Before the imports: a library's own threads (DuckDB has some) would take a signal that only this one blocks, and
    # end the process with it.
    set_mask(signal.SIG_BLOCK, SIGNALS)
    try:
        os.environ.clear()
        os.environ["TZ"] = ZONE
        time.tzset()  # most jobs then need not
        del os.environ["TZ"]
        import_ahead(preload)
        rehearse()
        surroundings = Surroundings()
        set_process(PR_SET_DUMPABLE, 0)
        serve(surroundings, control)
    except Exception as error:
        tell(json.dumps({"odd": str(error) if isinstance(error, Odd) else repr(error)}).encode())
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
    if _thread._count() > 0:
        raise Odd("importing ahead started threads, which a fork would lose")


def rehearse() -> None:
    """Run a job that does nothing, so that all that Python prepares on first use is there before the first fork."""
    os.chdir(WORK)
    reader, writer = os.pipe()
    place = Handed({"main.py": REHEARSAL, "args.json": b'{"a": 1}', "call.json": b'{"file": "main.py"}'}, writer)
    to_json(perform(place), "result")
    for descriptor in (reader, writer):
        os.close(descriptor)
    os.unlink("main.py")
    os.chdir("/")
    del sys.modules["main"]
    linecache.clearcache()
    set_up(WORK)


def serve(surroundings: Surroundings, control: socket.socket) -> None:
    """Fork a child that waits for a job, see the job to its end, clear up after it; and again."""
    tell(b'{"ready": true}')
    gc.collect()
    gc.freeze()
    use_up_gaps()
    while True:
        while signal.sigtimedwait(SIGNALS, 0):
            pass  # of processes that are gone
        job = os.fork()
        if not job:
            try:
                set_mask(signal.SIG_UNBLOCK, SIGNALS)
                be_a_job(control)
            finally:
                os._exit(3)
        end = end_of(job)
        is_told = end is None
        if end is None:
            tell(b'{"status": 0, "peak": 0}')
            status, ended = end_soon(job), b'"then": true'
        else:
            status, peak = end
            ended = b'"status": %d, "peak": %d' % (status, peak)
        if status or not is_alone() or not surroundings.clear():
            if not is_told:
                tell(b"{%s}" % ended)  # who waits for the job need not wait for what may take long
                ended = b'"then": true'
            end_the_others()
            if status and not is_told and not control.recv(1):
                return  # the watchdog first looks whether it had filled the directories
            surroundings.clear_more()
        tell(b'{%s, "clean": true}' % ended)


def end_of(job: int) -> tuple[int, int] | None:
    """Wait until a job has ended: its status, and the most memory that it had; None when it is done, and about to."""
    while True:
        told = signal.sigwaitinfo(SIGNALS)
        if told.si_signo == DONE and told.si_pid == job:
            return None
        pid, status, used = os.wait4(job, os.WNOHANG)
        if pid:
            return status, used.ru_maxrss * 1024


def end_soon(job: int) -> int:
    """The status of a job that said that it was done. It ends now, or is killed."""
    signal.sigtimedwait((signal.SIGCHLD,), ENDING_S)
    os.kill(job, signal.SIGKILL)
    return os.waitpid(job, 0)[1]


def use_up_gaps() -> None:
    """Take all free memory between what is in use, so that children get theirs from the end of the heap.

    The gaps lie on as many pages, and each that a child touches must be copied for it.
    """
    allocate, release, trim = (getattr(LIBC, name, None) for name in ("malloc", "free", "malloc_trim"))
    if not (allocate and release and trim):
        return
    allocate.restype, release.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    trim(0)
    end = allocate(LARGEST_GAP)
    release(end)
    for size in (*range(LARGEST_GAP // 2, 8192, -1024), *range(8184, 1024, -128), *range(1016, 8, -16)):
        for _ in range(MOST_GAPS):
            place = allocate(size)
            if place is None or place >= end - 8192:  # that is the end itself
                release(place)
                break


def be_a_job(control: socket.socket) -> NoReturn:
    """Wait for a job, become it, run it."""
    memory = receive(control)
    parked = os.getppid()
    head, files = unpack(memory)
    os.setsid()
    os.chdir(WORK)
    env = head["env"]
    for name, value in env.items():
        os.environ[name] = value
    if env.get("TZ") != ZONE:
        time.tzset()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # the random module does this by itself
    set_process(PR_SET_DUMPABLE, 1)
    place = Handed(files, memory)
    code = run_job(place)
    try:
        wind_up()
        if not code and "hurry" in head:
            place.write("peak", b"%d" % own_peak())
            os.kill(parked, DONE)  # not the parent: a child that the script has forked may come here, too
    finally:
        os._exit(code)


def own_peak() -> int:
    """The most memory that this process had, in bytes."""
    LIBC.getrusage(0, USAGE)
    return int.from_bytes(USAGE.raw[32:40], sys.byteorder) * 1024


def receive(control: socket.socket) -> int:
    """Wait for a job: take its output as ours; the descriptor of its memory file."""
    data, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(8), socket.MSG_CMSG_CLOEXEC)
    if not data:
        os._exit(0)
    output, memory = array.array("i", ancillary[0][2])
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(memory, MEMORY_FD, inheritable=False)
    control.detach()
    os.closerange(MEMORY_FD + 1, FIRST_FREE_FD)
    return MEMORY_FD


def unpack(memory: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Head and files of the job in a memory file, which is empty after that."""
    data = os.pread(memory, os.fstat(memory).st_size, 0)
    os.ftruncate(memory, 0)
    at = 4 + int.from_bytes(data[:4], "big")
    head = from_json(data[4:at])
    files = {}
    for name, size in head["files"].items():
        files[name] = data[at : at + size]
        at += size
    return head, files


def tell(message: bytes) -> None:
    """Send one line of JSON to the worker."""
    os.write(CONTROL_FD, message + b"\n")


def set_process(option: int, value: int) -> None:
    """`prctl(2)`."""
    if prctl(option, value, 0, 0, 0) != 0:
        raise Odd(f"prctl({option}) failed")


def is_alone() -> bool:
    """Whether there is no other process in the sandbox, but for its init."""
    try:
        os.kill(-1, 0)  # that is: all but ourselves and the init process
    except ProcessLookupError:
        return True
    return False


def end_the_others() -> None:
    """Kill what the job left running."""
    for _ in range(1000):
        try:
            os.kill(-1, signal.SIGKILL)  # at once: no fork gets away
        except ProcessLookupError:
            return
        time.sleep(0.001)
    raise Odd("what the job left running could not be killed")


class Surroundings:
    """What jobs of one sandbox share: it must be the same before each of them."""

    def __init__(self) -> None:
        # Files of /proc can be read again and again, which takes less than to open them each time.
        self._files = [os.open(path, os.O_RDONLY) for path in WATCHED if os.path.exists(path)]
        self._mounted = mounts_below(TEMPORARY)
        self._before = self._look()

    def _look(self) -> list[Any]:
        """What a job of the same user could change in this process, the objects that outlive a process, the places."""
        found: list[Any] = [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getaffinity(0)]
        found += [os.pread(file, 1 << 16, 0) for file in self._files]
        for place in PLACES:
            state = os.lstat(place)
            found += (os.listdir(place), os.listxattr(place), state.st_ino, state.st_mode, state.st_uid, state.st_gid)
        return found

    def clear(self) -> bool:
        """Remove what most jobs leave, their script; False where more is to be done: `clear_more` does it."""
        if self._mounted:
            return False
        try:
            names = os.listdir(WORK)
            if len(names) > 1:
                return False
            for name in names:
                os.unlink(WORK + "/" + name)
        except OSError:
            return False
        return self._look() == self._before

    def clear_more(self) -> None:
        """Remove all that a job left.

        Raises:
            Odd: it cannot be, or something else is not as it was.
        """
        try:
            for place in (*TEMPORARY, WORK):
                for name in os.listdir(place):
                    remove(os.path.join(place, name), self._mounted)
                for name in os.listxattr(place):
                    os.removexattr(place, name)
                os.chmod(place, 0o700 if place == WORK else 0o1777)
            after = self._look()
        except OSError as error:
            raise Odd(f"the directories could not be emptied: {error}") from error
        if after != self._before:
            raise Odd(
                "the job left something beside its directory, or System V shared memory, semaphores or queues, "
                "or changed the parked interpreter"
            )


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
