"""The Linux system calls that Python has no name for. Every function raises OSError with the kernel's errno."""

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000

MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MS_NOSUID: Final = 2
MS_NODEV: Final = 4

NS_GET_USERNS: Final = 0xB701
SO_NETNS_COOKIE: Final = 71
PIDFD_THREAD: Final = os.O_EXCL

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_PIDFD_GETFD: Final = 438
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1
_SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 8

_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def machine() -> str:
    """The processor as the kernel calls it: `x86_64`, `aarch64`, ..."""
    return {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())


def harden_this_process() -> None:
    """Forbid other processes of this user to read our memory, environment and files; core dumps too. Linux only."""
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)


def prctl(option: int, value: int) -> None:
    """`prctl(2)` with one argument."""
    _checked(_libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def install_listener(program: bytes) -> int:
    """Install a seccomp filter for this thread; the file descriptor on which its notifications arrive.

    Raises:
        OSError: EBUSY when a filter above has a listener already, EINVAL or ENOSYS when the kernel cannot.
    """
    return _install(program, _SECCOMP_FILTER_FLAG_NEW_LISTENER)


def install_filter(program: bytes) -> None:
    """Install a seccomp filter for all threads of this process, which must have `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: the kernel cannot; ESRCH when a thread has a filter that this one did not get.
    """
    if _install(program, _SECCOMP_FILTER_FLAG_TSYNC):
        raise OSError(errno.ESRCH, "a thread of this process has a filter of its own")


def _install(program: bytes, flags: int) -> int:
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = _Filter(len(program) // 8, ctypes.addressof(buffer))
    call, operation = ctypes.c_long(_SECCOMP[machine()]), ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER)
    return _checked(_libc.syscall(call, operation, ctypes.c_ulong(flags), ctypes.byref(fprog)))


def unshare(flags: int) -> None:
    """`unshare(2)`."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def setns(fd: int, kind: int) -> None:
    """`setns(2)`: enter the namespace that `fd` stands for."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)))


def mount(source: str, target: str, *, filesystem: str = "", flags: int = 0, options: str = "") -> None:
    """`mount(2)`."""
    done = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        filesystem.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _checked(done, target)


def take_descriptor(pidfd: int, descriptor: int) -> int:
    """A duplicate of another process's file descriptor (`pidfd_getfd(2)`), close-on-exec."""
    return _checked(_libc.syscall(ctypes.c_long(_PIDFD_GETFD), pidfd, descriptor, 0))


def read_memory(pid: int, address: int, size: int) -> bytes:
    """`size` bytes of another process's memory, copied at once (`process_vm_readv(2)`).

    Raises:
        OSError: EFAULT when not all of it can be read.
    """
    buffer = ctypes.create_string_buffer(size)
    here = _Piece(ctypes.addressof(buffer), size)
    there = _Piece(address, size)
    done = _libc.process_vm_readv(
        pid, ctypes.byref(here), ctypes.c_ulong(1), ctypes.byref(there), ctypes.c_ulong(1), ctypes.c_ulong(0)
    )
    if _checked(done) != size:
        raise OSError(14, os.strerror(14))
    return buffer.raw


def pidfd_of(tid: int) -> int:
    """A pidfd for a thread; where the kernel (before 6.9) has none for threads, of its process."""
    try:
        return os.pidfd_open(tid, PIDFD_THREAD)
    except OSError:
        return os.pidfd_open(_process_of(tid), 0)


def _process_of(tid: int) -> int:
    with open(f"/proc/{tid}/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 # pathlib is slow to import
        return next(int(line.split()[1]) for line in status if line.startswith("Tgid:"))


def pack_u64(value: int) -> bytes:
    """As the kernel's structures hold it."""
    return struct.pack("=Q", value)


def _checked(result: int, name: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(result)


def connect(descriptor: int, address: bytes) -> None:
    """`connect(2)` with the address as the kernel sees it."""
    _checked(_libc.connect(descriptor, address, len(address)))


def system_call(number: int, *arguments: int | bytes) -> int:
    """Any other system call."""
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))
