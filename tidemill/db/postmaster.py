"""The process of an embedded Postgres: starting it, waiting for it, and dealing with one that was left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, TypeAlias

from tidemill.db.unprivileged import Account

IS_LINUX: Final = sys.platform == "linux"
REPORT_S: Final = 3.0
IMMEDIATE_AFTER_S: Final = 60.0
"""An orphan that a fast shutdown does not end in this time is told to stop at once; it recovers at the next start."""
WORKING_DIRECTORY: Final = Path("/proc/self/cwd")

_PR_SET_PDEATHSIG: Final = 1
_prctl: Final = ctypes.CDLL(None).prctl if IS_LINUX else None

Report = Callable[[str], None]
Process: TypeAlias = "subprocess.Popen[bytes]"


def spawn(
    binary: Path, cluster: Path, *, account: Account | None, by_path: bool, options: dict[str, str], log: IO[bytes]
) -> Process:
    """Start `postgres` as our direct child, in a session of its own so that Ctrl-C does not reach it before us.

    On Linux it is sent SIGINT (fast shutdown) when the thread that calls this ends, however that happens: call it from
    the main thread. With `by_path` false the account cannot reach the cluster by its path; the process then starts in
    that directory and names it `/proc/self/cwd`, for which no parent directory is asked.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    directory = cluster if by_path else WORKING_DIRECTORY
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return subprocess.Popen(
        [binary, "-D", directory, *settings],
        cwd=cluster,
        env={"LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509  # two system calls; set last, for a change of user clears it
        **(account.popen_arguments() if account else {}),
    )


def is_ready(cluster: Path, pid: int) -> bool:
    """Whether the postmaster with that pid says, in its pid file, that it takes connections."""
    lines = _pid_file_lines(cluster)
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def wait_for_exit(process: Process) -> int:
    """The exit code, once there is one."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(process.pid) if IS_LINUX else -1
        if descriptor >= 0:
            await _readable(descriptor)
    while (code := process.poll()) is None:  # noqa: ASYNC110  # nothing else tells where there are no pid descriptors
        await asyncio.sleep(0.05)
    return code


async def stop_orphans(cluster: Path, report: Report) -> None:
    """End what a launcher that was killed left running on this directory, and only that.

    The caller holds the lock of the directory, so nobody who is alive wants it. A pid from the pid file is believed
    only if that process is a `postgres` that works in this very directory: pids are used again. A pid file that names
    some other process is removed, since Postgres would take that one for the owner.
    """
    started, told = time.monotonic(), 0.0
    while orphans := _processes_in(cluster):
        waited = time.monotonic() - started
        if waited >= told:
            report(f"Stopping the Postgres that a killed Tidemill left behind (pid {min(orphans)}).")
            main = _pid_in_file(cluster)
            if main in orphans:
                _signal(main, cluster, signal.SIGQUIT if waited > IMMEDIATE_AFTER_S else signal.SIGINT)
            told += REPORT_S
        await asyncio.sleep(0.02)
    if IS_LINUX and _is_alive(_pid_in_file(cluster)):
        (cluster / "postmaster.pid").unlink(missing_ok=True)


async def _readable(descriptor: int) -> None:
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _pid_in_file(cluster: Path) -> int:
    """The pid of the postmaster, or 0."""
    lines = _pid_file_lines(cluster)
    return int(lines[0]) if lines and lines[0].isdigit() else 0


def _processes_in(cluster: Path) -> set[int]:
    """The pids of `postgres` processes on this directory; without /proc, at most the one that the pid file names."""
    if IS_LINUX:
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return {pid for pid in pids if _works_in(pid, cluster)}
    pid = _pid_in_file(cluster)
    if not pid:
        return set()
    shown = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return {pid} if Path(shown.strip()).name == "postgres" else set()


def _works_in(pid: int, cluster: Path) -> bool:
    with contextlib.suppress(OSError):
        process = Path("/proc") / str(pid)
        return (process / "comm").read_text().strip() == "postgres" and (process / "cwd").samefile(cluster)
    return False


def _signal(pid: int, cluster: Path, number: signal.Signals) -> None:
    """Signal the process only if it is still the one that we looked at."""
    with contextlib.suppress(ProcessLookupError):
        if not IS_LINUX:
            os.kill(pid, number)
            return
        descriptor = os.pidfd_open(pid)
        try:
            if _works_in(pid, cluster):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _is_alive(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()
