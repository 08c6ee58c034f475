"""What happens between `fork` and `exec` of a program: groups, limits, user, filter, environment."""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidemill.sandbox import kernel
from tidemill.sandbox.cgroups import Group
from tidemill.sandbox.seccomp import denials, questions

OPTIONS_FD: Final = 3
FILTER_FD: Final = 4
INFO_FD: Final = 5
CONTROL_FD: Final = 6
ERROR_FD: Final = 7
LISTENER_FD: Final = 8

STAGE: Final = "/tmp"  # noqa: S108 # in a mount namespace of its own, on a fresh tmpfs
"""Where sources are staged for a user who could not walk to them: `<STAGE>/<name>`."""


MARK: Final = "_TIDEMILL_PROGRAM"
"""The environment variable by which the processes of a plain program are found."""


def mark(watchdog: int, number: int) -> str:
    """Its value."""
    return f"{watchdog}-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One program to start, as the worker's side describes it. Everything is JSON but the descriptors."""

    id: int
    argv: Sequence[str]
    options: Sequence[str] | None
    """Options of bubblewrap, given to it in a memory file; None starts `argv` as a plain process."""
    env: Mapping[str, str]
    """Of a plain process; bubblewrap itself always gets an empty one."""
    cwd: str
    limits: Mapping[str, int]
    user: int
    """User and group id to become; -1 to stay."""
    stage: Sequence[Sequence[str]]
    """Source and name of everything to make visible below STAGE."""
    asks: bool
    """Whether `connect` and `listen` become questions to a broker."""
    network: Mapping[str, Any]
    busy: bool
    confirmed_at_s: float

    @property
    def is_isolated(self) -> bool:
        """Whether bubblewrap starts it."""
        return self.options is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Descriptors that the child takes over; -1 is none."""

    output: int
    control: int
    info: int
    error: int
    listener: int


def run(order: Order, ends: Ends, group: Group | None) -> None:
    """Become the program. Never returns; what goes wrong before is written to `ends.error`."""
    try:
        os.setsid()
        if group is not None:
            group.join()
        _arrange(order, ends)
        _limit(order, counts_by_user=group is None)
        if order.stage:
            _stage(order.stage)
        if order.user >= 0:
            become(order.user)
        if order.asks:
            _install_listener()
        _reset_signals()
        _execute(order)
    except BaseException as error:  # noqa: BLE001 # nothing above may ever run on in a forked child
        with contextlib.suppress(OSError):
            os.write(ERROR_FD, f"{getattr(error, 'errno', 0) or 0} {error}".encode()[:4000])
    finally:
        os._exit(127)


def become(user: int) -> None:
    """Take another user and group id for good, and with that lose all privileges."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _arrange(order: Order, ends: Ends) -> None:
    """Put every descriptor at its fixed number and close all others."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = {0: nothing, 1: ends.output, 2: ends.output, CONTROL_FD: ends.control, ERROR_FD: ends.error}
    if order.options is not None:
        wanted |= {INFO_FD: ends.info, LISTENER_FD: ends.listener}
        wanted[OPTIONS_FD] = _memory_file("options", b"".join(os.fsencode(text) + b"\0" for text in order.options))
        wanted[FILTER_FD] = _memory_file("filter", denials(kernel.machine()))
    # First out of the way of the numbers that we are about to fill.
    lifted = {number: _lift(source) for number, source in wanted.items() if source >= 0}
    os.closerange(0, 64)
    for number, source in lifted.items():
        os.dup2(source, number, inheritable=number not in {ERROR_FD, LISTENER_FD})
    os.closerange(LISTENER_FD + 1, _most_files())


def _lift(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, 64)


def _most_files() -> int:
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20)


def _memory_file(name: str, content: bytes) -> int:
    descriptor = os.memfd_create(name)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _limit(order: Order, *, counts_by_user: bool) -> None:
    limits = order.limits
    _set(resource.RLIMIT_CORE, 0, 0)
    _set(resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"])
    _set(resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"])
    _set(resource.RLIMIT_CPU, limits["cpu_s"], limits["cpu_s"] + 5)
    if counts_by_user and order.is_isolated:
        # Without a control group a backstop against fork bombs: the kernel counts by user, not by program.
        # Twice what is allowed, so that the watchdog sees who goes too far.
        most = _processes_of(os.getuid() if order.user < 0 else order.user) + 2 * limits["processes"]
        _set(resource.RLIMIT_NPROC, most, most)


def _set(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; what the host has lower already stays."""
    _, present = resource.getrlimit(kind)
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(kind, (soft, hard))


def _processes_of(user: int) -> int:
    count = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 # pathlib is slow to import
        with contextlib.suppress(OSError):
            count += name.isdigit() and os.stat(f"/proc/{name}").st_uid == user  # noqa: PTH116 # as above
    return count


def _stage(sources: Sequence[Sequence[str]]) -> None:
    """In a mount namespace of our own, make each source visible at STAGE/<name>.

    The user that the program runs as may not be able to walk to a source (below a home directory, say).
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    held = [(os.open(source, os.O_PATH | os.O_CLOEXEC), name) for source, name in sources]
    kernel.mount(
        "tmpfs", STAGE, filesystem="tmpfs", flags=kernel.MS_NOSUID | kernel.MS_NODEV, options="mode=755,size=1m"
    )
    for descriptor, name in held:
        target = f"{STAGE}/{name}"
        _make_place(descriptor, target)
        kernel.mount(f"/proc/self/fd/{descriptor}", target, flags=kernel.MS_BIND | kernel.MS_REC)
        os.close(descriptor)


def _make_place(descriptor: int, target: str) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.mkdir(target, 0o755)  # noqa: PTH102 # pathlib is slow to import
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def _install_listener() -> None:
    """Turn `connect` and `listen` of all that follows into questions, and hand over where they are answered."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    listener = kernel.install_listener(questions(kernel.machine()))
    with socket.socket(fileno=os.dup(LISTENER_FD)) as channel:
        socket.send_fds(channel, [b"."], [listener])
    os.close(listener)
    os.close(LISTENER_FD)


def _reset_signals() -> None:
    """What is ignored here (by Python, and because the watchdog outlives a Ctrl-C) would be ignored by the program."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _execute(order: Order) -> None:
    os.umask(0o022)
    if order.is_isolated:
        os.chdir("/")
        os.execve(order.argv[0], list(order.argv), {})  # noqa: S606 # without a shell is what we want
    os.chdir(order.cwd)
    # Whatever leaves the process group is found by this again.
    env = {**order.env, MARK: mark(os.getppid(), order.id)}
    os.execvpe(order.argv[0], list(order.argv), env)  # noqa: S606 # as above
