"""What a running program uses beyond what the kernel limits for us: disk, and where there are no groups, memory."""

import contextlib
import os
from collections.abc import Mapping
from typing import Final

SIGN: Final = "/run/tidemill/tidemill_inside"
_DEEPEST: Final = 100
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Disk:
    """Watches /tmp and /dev/shm of one sandbox, and the work directory of one program."""

    def __init__(self, limits: Mapping[str, int], work: str) -> None:
        self._limits = limits
        self._work = work
        self._tmp: list[int] = []
        self._was_full = False

    def complaint(self, inner: int, *, has_ended: bool = False) -> str:
        """What is full, as a sentence; "" when nothing is. `inner` is any process inside, 0 when none is known.

        Full temporary files are complained of from the second look on, or when the program `has_ended`: it hears of
        them first by its own writes, and what it says of that tells more than we can.
        """
        if inner and not self._tmp:
            self._open(inner)
        most = self._limits["tmp_bytes"]
        states = [os.statvfs(descriptor) for descriptor in self._tmp]
        was_full, self._was_full = self._was_full, any(state.f_bavail == 0 and state.f_blocks for state in states)
        if self._was_full and (was_full or has_ended):
            return f"The temporary files filled their {most} bytes (job_tmp_bytes)."
        for state in states:
            if state.f_files - state.f_ffree > self._limits["files"]:
                return f"There were more than {self._limits['files']} temporary files."
        return self._work_complaint(most)

    def _open(self, inner: int) -> None:
        """Hold on to the file systems, so that they can be asked even after the program has ended."""
        with contextlib.suppress(OSError):  # not mounted yet, or gone: the next look tells
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            # While bubblewrap is at work, its root holds other things; this one is there only in the finished sandbox.
            os.close(os.open(f"/proc/{inner}/root{SIGN}", flags))
            for place in ("tmp", "dev/shm"):
                self._tmp.append(os.open(f"/proc/{inner}/root/{place}", flags))

    def _work_complaint(self, most: int) -> str:
        files, size, too_deep = measure(self._work, most_files=self._limits["files"], most_bytes=most)
        if too_deep:
            return f"The work directory is more than {_DEEPEST} directories deep."
        if files > self._limits["files"]:
            return f"The work directory held more than {self._limits['files']} files."
        return f"The work directory held more than {most} bytes (job_tmp_bytes)." if size > most else ""

    def close(self) -> None:
        """Let go of the file systems."""
        for descriptor in self._tmp:
            os.close(descriptor)
        self._tmp.clear()


def measure(directory: str, *, most_files: int, most_bytes: int) -> tuple[int, int, bool]:
    """Files, bytes, and whether it is deeper than we go. Links are not followed; stops once a limit is passed."""
    files = size = 0
    waiting = [(directory, 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth > _DEEPEST:
            return files, size, True
        with contextlib.suppress(OSError), os.scandir(place) as entries:  # removed meanwhile
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, depth + 1))
                else:
                    size += _size(entry)
                if files > most_files or size > most_bytes:
                    return files, size, False
    return files, size, False


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def tree(root: int) -> list[int]:
    """The process `root` and all below it."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 # pathlib is slow to import
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123 # as above
                    waiting += [int(child) for child in file.read().split()]
    return found


def marked(text: str) -> list[int]:
    """Processes that were started with `text` (`NAME=value`) in their environment."""
    found = []
    wanted = text.encode()
    for name in os.listdir("/proc"):  # noqa: PTH208 # as above
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 # as above
                if wanted in file.read().split(b"\0"):
                    found.append(int(name))
    return found


def memory_and_tasks(pids: list[int]) -> tuple[int, int]:
    """Resident bytes and number of threads of these processes together."""
    resident = tasks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 # as above
                resident += int(file.read().split()[1]) * _PAGE
            tasks += len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 # as above
    return resident, tasks
