"""P4: a frozen worker's jobs die within the limit, a dead worker's at once, with every grandchild."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contracts.sandbox.conftest import Runner, finish, isolated_or_skip
from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.port import ExitReason
from tidemill.sandbox.process import ProcessSandbox

WORKER = """
import asyncio, sys
from pathlib import Path
from tidemill.sandbox.detect import make_sandbox
from tidemill.sandbox.port import Program

async def main(home, self_kill_s, kind):
    sandbox = make_sandbox(state_dir=home / "state", self_kill_s=float(self_kill_s), unisolated=kind == "plain")
    work = home / "job"
    work.mkdir()
    script = "setsid sleep 1000 & (setsid sh -c 'trap \\"\\" TERM HUP; sleep 1000' &) ; echo up; sleep 1000"
    env = {"PATH": "/usr/bin:/bin"}
    running = await sandbox.start(Program(argv=("/bin/sh", "-c", script), work=work, env=env))
    output = running.output
    await anext(output)
    print(sandbox.watchdog_pid, flush=True)
    await running.wait()
    print("ended", flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


def start_worker(home: Path, *, self_kill_s: float, kind: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A worker with a running job; pidfds of everything below its watchdog, and of that."""
    env = {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), str(self_kill_s), kind], env=env, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    watchdog = int(worker.stdout.readline())
    tree = [watchdog]
    for pid in tree:
        for task in Path(f"/proc/{pid}/task").iterdir():
            tree += [int(child) for child in (task / "children").read_text().split()]
    sleepers = [pid for pid in tree if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(sleepers) >= (3 if kind == "bubblewrap" else 1)
    return worker, [os.pidfd_open(pid) for pid in tree]


def all_end(pidfds: list[int], *, within_s: float) -> bool:
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    left = set(pidfds)
    while left:
        ready = poll.poll(within_s * 1000)
        if not ready:
            return False
        for pidfd, _ in ready:
            poll.unregister(pidfd)
            left.discard(pidfd)
            os.close(pidfd)
    return True


@pytest.fixture(params=["bubblewrap", "plain"])
async def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "bubblewrap":
        sandbox = BubblewrapSandbox(state_dir=tmp_path / "probe", self_kill_s=0)
        await isolated_or_skip(sandbox)
        await sandbox.close()
    return str(request.param)


def test_killed_worker_leaves_nothing_running(tmp_path: Path, kind: str) -> None:
    worker, pidfds = start_worker(tmp_path, self_kill_s=1000, kind=kind)
    worker.kill()
    worker.communicate()
    assert all_end(pidfds, within_s=5)


def test_jobs_of_a_frozen_worker_die(tmp_path: Path, kind: str) -> None:
    worker, (watchdog, *job) = start_worker(tmp_path, self_kill_s=1.5, kind=kind)
    worker.send_signal(signal.SIGSTOP)
    try:
        assert all_end(job, within_s=10)
    finally:
        worker.send_signal(signal.SIGCONT)
    assert worker.communicate()[0] == "ended\n"
    assert all_end([watchdog], within_s=5)


async def test_programs_live_while_the_worker_pings(tmp_path: Path) -> None:
    """And die with a reason when it stops: no clock is waited for but the watchdog's."""
    sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0.5)
    try:
        await isolated_or_skip(sandbox)
        run = Runner(sandbox, tmp_path / "jobs")
        running, _ = await run.start(
            "/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.2; echo $i; done; sleep 1000"
        )
        seen = b""
        async for piece in running.output:
            sandbox.ping()
            seen += piece
        assert seen.split() == [str(n).encode() for n in range(1, 9)]
        ended = await running.wait()
        assert ended.reason is ExitReason.LOST
        assert "heartbeat" in ended.message
    finally:
        await sandbox.close()


async def test_idle_sandbox_needs_no_ping(tmp_path: Path) -> None:
    """A warm sandbox outlives the patience of the watchdog, and the next job's count begins anew."""
    sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0.4)
    try:
        await isolated_or_skip(sandbox)
        run = Runner(sandbox, tmp_path / "jobs")
        boot = "def main(): return open('/proc/1/stat').read().split()[21]"
        first = (await run.python(boot, identity="a")).result
        await subprocess_sleep(0.8)
        assert (await run.python(boot, identity="a")).result == first
    finally:
        await sandbox.close()


async def subprocess_sleep(seconds: float) -> None:
    """Let real time pass, which is what is tested here: the watchdog's clock cannot be handed in from outside."""
    import asyncio

    process = await asyncio.create_subprocess_exec("/bin/sleep", str(seconds))
    await process.wait()


def test_watchdog_survives_the_signals_of_a_terminal(tmp_path: Path, kind: str) -> None:
    """Ctrl-C reaches the group: it is the worker that decides what becomes of its jobs."""
    worker, (watchdog, *job) = start_worker(tmp_path, self_kill_s=1000, kind=kind)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.pidfd_send_signal(watchdog, number)
    poll = select.poll()
    poll.register(watchdog, select.POLLIN)
    assert poll.poll(200) == []
    worker.kill()
    worker.communicate()
    assert all_end([watchdog, *job], within_s=5)


async def test_a_program_dies_by_when_its_own_claim_was_sent(tmp_path: Path) -> None:
    """However fresh it is, and however often old heartbeats are told again."""
    sandbox = ProcessSandbox(state_dir=tmp_path / "state", self_kill_s=30)
    try:
        run = Runner(sandbox, tmp_path / "jobs")
        long_ago = time.monotonic() - 31
        sandbox.ping(long_ago)
        running, work = await run.start("/bin/sleep", "60", confirmed_at_s=long_ago)
        other, _ = await run.start("/bin/sleep", "60", confirmed_at_s=time.monotonic())
        sandbox.ping(long_ago)
        assert (await finish(running, work)).exit.reason is ExitReason.LOST
        await other.kill("The test is over.")
        assert (await other.wait()).reason is ExitReason.KILLED
    finally:
        await sandbox.close()
