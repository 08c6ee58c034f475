"""Memory and processor time of process trees, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        try:
            tasks = list(Path(f"/proc/{each}/task").iterdir())
            waiting += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def memory_mib(pids: Iterable[int]) -> float:
    """PSS of these processes together: what is shared counts once. RSS for those whose PSS we may not read."""
    return sum(map(_kib, pids)) / 1024


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def cpu_s(pids: Iterable[int]) -> float:
    """Processor time that these processes have used, and their children that have ended. In steps of 10 ms each."""
    return sum(map(_ticks, pids)) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return sum(map(int, text.rpartition(")")[2].split()[11:15]))


def _kib(pid: int) -> int:
    for file, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1])
    return 0
