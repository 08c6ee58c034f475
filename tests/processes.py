"""Servers that tests start: on free ports of loopback, with what they say in a file, ended by their process id."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tidemill.db.unprivileged import Account

START_S = 60
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 * 1024**3
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def new_folder(name: str) -> Path:
    """For the files of a server: in memory where there is room, as each commit and each new database waits for a disk.

    Servers are ended and killed in tests, but no machine is: what a process wrote is there either way.
    """
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        return Path(tempfile.mkdtemp(prefix=f"tm-{name}-", dir="/tmp"))
    _remove_what_is_left()
    return Path(tempfile.mkdtemp(prefix=f"tm-{os.getpid()}-{name}-", dir=_MEMORY))


@cache
def _remove_what_is_left() -> None:
    """Folders of tests that were killed: their servers ended with them, and memory is dear."""
    for folder in _MEMORY.glob("tm-*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def dying_with_us() -> Callable[[], None]:
    """The `preexec_fn` of a program that is killed when the tests end, however that is; for the main thread only."""
    parent = os.getpid()

    def ask_for_it() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return ask_for_it


class Processes:
    """Started programs; `stop` ends them in the opposite order."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "output.log"
        self._running: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, account: Account | None = None
    ) -> None:
        """`account`: of whom the program runs as, for those that refuse to be root."""
        with self._log.open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C ends the tests first, which then end the servers
                    cwd="/",
                    preexec_fn=dying_with_us(),
                    **(account.popen_arguments() if account else {}),
                )
            )

    def assert_alive(self) -> None:
        for process in self._running:
            assert process.poll() is None, f"{process.args!r} ended: {self._log.read_text(errors='replace')[-4000:]}"

    def stop(self) -> None:
        """By SIGKILL: what they hold is thrown away anyhow, and some take seconds to tidy up."""
        for process in reversed(self._running):
            process.kill()
        for process in self._running:
            process.wait()
        self._running.clear()


def wait_for_http(url: str, processes: Processes) -> None:
    """Until `url` answers, whatever it says; fails when a process ended or a minute has passed."""
    deadline = time.monotonic() + START_S
    while True:
        processes.assert_alive()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)


def wait_for_port(port: int, processes: Processes) -> None:
    """Until something listens on `port`; fails when a process ended or a minute has passed."""
    deadline = time.monotonic() + START_S
    while True:
        processes.assert_alive()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.02)


def forget_peak(process_id: int) -> None:
    """Let `peak_bytes` tell of what comes from now on."""
    Path(f"/proc/{process_id}/clear_refs").write_text("5")


def peak_bytes(process_id: int) -> int:
    """The most memory that the process had at once, ever or since `forget_peak`."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def need_strace() -> None:
    """Skips the test where there is none that works, and fails it there in CI."""
    probe = shutil.which("strace") and subprocess.run(["strace", "-o", "/dev/null", "true"], check=False)
    if not probe or probe.returncode:
        reason = "strace is missing or may not trace (Debian: apt-get install strace)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
