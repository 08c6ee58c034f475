"""What a process of ours gives up for good before it reads bytes that somebody hostile may have written.

Afterwards it has the sockets that it holds, memory, a clock, and nothing else: it opens no file, makes no connection,
starts no process or thread and sends no signal, whatever code it is tricked into running.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Collection
from typing import Final

from tidemill.sandbox import kernel
from tidemill.sandbox.child import become
from tidemill.sandbox.seccomp import only

_NOBODY: Final = 65534
_MOST_FILES: Final = 4096

# What an interpreter and a single-threaded library need to compute and to talk over a socket. Numbers as in `seccomp`.
_CALLS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19, "writev": 20,
        "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "sendto": 44, "recvfrom": 45,
        "exit": 60, "uname": 63, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99,
        "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204,
        "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
        "ppoll": 271, "set_robust_list": 273, "getcpu": 309, "getrandom": 318, "membarrier": 324, "rseq": 334,
    },
    "aarch64": {
        "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "ppoll": 73, "fstat": 80,
        "exit": 93, "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113,
        "clock_getres": 114, "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124,
        "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
        "uname": 160, "getrlimit": 163, "getrusage": 165, "getcpu": 168, "gettimeofday": 169, "getpid": 172,
        "gettid": 178, "sysinfo": 179, "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215, "mremap": 216,
        "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278, "membarrier": 283, "rseq": 293,
    },
}  # fmt: skip


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends. Linux only."""
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(*, keep: Collection[int], more_memory_bytes: int, cpu_s: int) -> None:
    """Give up everything but the descriptors in `keep`; take at most `more_memory_bytes` beyond what is held now.

    Import and open what is needed before. Elsewhere than on Linux only the limits are set.

    Raises:
        KeyError: the processor is not known, so that there is no filter for it.
        OSError: the kernel cannot.
    """
    _close_all_but(keep)
    _limit(more_memory_bytes, cpu_s)
    if sys.platform == "linux":
        if os.geteuid() == 0:
            become(_NOBODY)
            die_with_parent()  # changing the user took it back
        kernel.harden_this_process()
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        machine = kernel.machine()
        kernel.install_filter(only(machine, _CALLS[machine].values()))


def _close_all_but(keep: Collection[int]) -> None:
    start = 0
    for descriptor in (*sorted(keep), _MOST_FILES):
        os.closerange(start, descriptor)
        start = descriptor + 1


def _limit(more_memory_bytes: int, cpu_s: int) -> None:
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, _address_space_bytes() + more_memory_bytes),
    ):
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses a limit of the address space
            resource.setrlimit(kind, (wanted, wanted))


def _address_space_bytes() -> int:
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 # before all is closed, without pathlib
        return int(statm.read().split()[0]) * resource.getpagesize()
