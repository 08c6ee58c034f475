"""Warm Python: one process a job, and nothing left behind for the next one (F03)."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from tests.contracts.sandbox.conftest import Runner, isolated_or_skip, limits
from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.launcher import Process
from tidemill.sandbox.port import WORK, ExitReason, Mount, Network, PythonCall
from tidemill.sandbox.warm import Key, Parked

ME = "demo/u/alice"
BOOT = "import os\ndef main(): return open('/proc/1/stat').read().split()[21]\n"

LEAVE = """
import atexit, json, os, random, signal, socket, subprocess, sys, threading, builtins
sys.path.append('/tmp/evil')
sys.modules['evil'] = json
builtins.evil = 1
json.loads = None
random.seed(1)
def main():
    os.environ['EVIL'] = '1'
    os.chdir('/')
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    socket.setdefaulttimeout(0.1)
    s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen()
    tcp = socket.socket(); tcp.bind(('127.0.0.1', 4567)); tcp.listen()
    os.makedirs('/tmp/closed/in/in'); os.chmod('/tmp/closed/in', 0); os.chmod('/tmp/closed', 0)
    open('/dev/shm/left', 'w').close(); os.symlink('/', '/tmp/root'); open('/work/job/mine', 'w').close()
    os.mkfifo('/tmp/fifo')
    subprocess.Popen(['sh', '-c', "trap '' TERM HUP; setsid sleep 1000 & while :; do sleep 1000; done"],
                     start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        while True: signal.pause()
    threading.Thread(target=signal.pause, daemon=True).start()
    os.umask(0o77)
    return 'left'
"""
LOOK = """
import builtins, json, os, random, signal, socket, sys, threading
def main():
    tcp = socket.socket(); tcp.bind(('127.0.0.1', 4567))
    try:
        socket.socket(socket.AF_UNIX).connect('\\0left')
    except ConnectionRefusedError:
        abstract = 'closed'
    old = os.umask(0o22)
    return {
        'modules': [name for name in ('evil',) if name in sys.modules], 'builtins': hasattr(builtins, 'evil'),
        'json': callable(json.loads), 'path': [p for p in sys.path if 'evil' in p], 'env': sorted(os.environ),
        'cwd': os.getcwd(), 'umask': old, 'threads': threading.active_count(), 'abstract': abstract,
        'term': signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, 'timer': signal.getitimer(signal.ITIMER_REAL)[0],
        'timeout': socket.getdefaulttimeout(), 'tmp': os.listdir('/tmp'), 'shm': os.listdir('/dev/shm'),
        'work': sorted(os.listdir('/work/job')), 'above': os.listdir('/work'),
        'fds': sorted(map(int, os.listdir('/proc/self/fd')))[:3],
        'others': len([p for p in os.listdir('/proc') if p.isdigit()]),
    }
"""


async def test_nothing_is_left_behind_for_the_next_job(run: Runner) -> None:
    boot = (await run.python(BOOT, identity=ME)).result
    assert (await run.python(LEAVE, identity=ME)).result == "left"
    found = (await run.python(LOOK, identity=ME)).result
    assert (await run.python(BOOT, identity=ME)).result == boot, "it was the same sandbox all the time"
    assert found.pop("others") <= 4  # init, the parked interpreter, the next child, and the job
    assert found == {
        "modules": [], "builtins": False, "json": True, "path": [], "env": ["LANG", "PATH"], "cwd": "/work/job",
        "umask": 0o22, "threads": 1, "abstract": "closed", "term": True, "timer": 0.0, "timeout": None, "tmp": [],
        "shm": [], "work": ["main.py"], "above": ["job"], "fds": [0, 1, 2],
    }  # fmt: skip


async def test_control_leftovers_are_seen_within_one_job(run: Runner) -> None:
    """The same look finds them when both are one job."""
    source = LEAVE.replace("def main()", "def first()") + LOOK.replace(
        "tcp = socket.socket(); tcp.bind(('127.0.0.1', 4567))", "first()"
    )
    source = source.replace("abstract = 'closed'", "abstract = 'closed'\n    else:\n        abstract = 'open'")
    source = source.replace("json.loads = None", "")
    found = (await run.python(source, identity=ME)).result
    assert (found["abstract"], found["cwd"], found["env"]) == ("open", "/", ["EVIL", "LANG", "PATH"])
    assert "left" in found["shm"]
    assert found["others"] > 4


async def test_each_job_is_a_process_of_its_own(run: Runner) -> None:
    ran = [await run.python("import os\ndef main(): return os.getpid()", identity=ME) for _ in range(5)]
    assert len({each.result for each in ran}) == 5


async def test_identities_never_share_a_sandbox(run: Runner) -> None:
    boots = [(await run.python(BOOT, identity=who)).result for who in ("a", "b", "a", "b")]
    assert boots[0] == boots[2]
    assert boots[1] == boots[3]
    assert boots[0] != boots[1]


async def test_secrets_of_a_job_are_not_in_the_parked_interpreter(run: Runner) -> None:
    source = (
        "import os\ndef main():\n    found = []\n    for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "        for name in ('environ', 'mem', 'maps', 'fd'):\n            path = f'/proc/{pid}/{name}'\n"
        "            if int(pid) != os.getpid() and pid != '1':\n                try:\n"
        "                    (os.listdir if name == 'fd' else open)(path)\n                    found.append(path)\n"
        "                except PermissionError: pass\n    return found, open('/proc/1/environ').read()\n"
    )
    await run.python(source, identity=ME, env={"TOKEN": "canary"})
    assert (await run.python(source, identity=ME)).result == [[], ""]


async def test_random_numbers_differ_between_jobs(run: Runner) -> None:
    values = "random.random(), str(uuid.uuid4()), ssl.RAND_bytes(8).hex()"
    source = f"import random, uuid, ssl\ndef main(): return [{values}]"
    results = [(await run.python(source, identity=ME, preload=("random", "ssl", "uuid"))).result for _ in range(4)]
    for column in zip(*results, strict=True):
        assert len(set(column)) == 4


async def test_modules_are_imported_ahead(run: Runner, tmp_path: Path) -> None:
    source = "import sys\nwas = 'sqlite3' in sys.modules\ndef main(): return was"
    assert (await run.python(source, identity=ME)).result is False
    assert (await run.python(source, identity=ME, preload=("sqlite3", "not_installed"))).result is True


async def test_environments_are_on_the_path_and_their_hooks_are_not_run(run: Runner, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "extra").mkdir(parents=True)
    (site / "lib.py").write_text("value = 1")
    (site / "some.pth").write_text("extra\nimport builtins; builtins.hooked = 1\n")  # F09: nobody reads it
    source = (
        "import builtins, lib, sys\ndef main(): return [lib.value, hasattr(builtins, 'hooked'), "
        "any(path.endswith('extra') for path in sys.path)]"
    )
    for identity in ("", ME):
        ran = await run.python(source, identity=identity, paths=(str(site),), mounts=(Mount(site, site),))
        assert ran.result == [1, False, False]


async def test_an_environment_below_tmp_stays_and_keeps_the_sandbox_warm(run: Runner) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        site = Path(directory) / "deep" / "site"
        site.mkdir(parents=True)
        (site / "lib.py").write_text("value = 1")
        source = f"import lib, os, pathlib\npathlib.Path('{site.parent}/left').write_text('x')\n{BOOT}"
        told = {"paths": (str(site),), "mounts": (Mount(site, site),), "identity": ME}
        boots = [(await run.python(source, **told)).result for _ in range(3)]
        assert boots[0] == boots[1] == boots[2]
        seen = f"import os, lib\ndef main(): return [lib.value, sorted(os.listdir('{site.parent}'))]"
        assert (await run.python(seen, **told)).result == [1, ["site"]]


async def test_jobs_of_one_identity_run_at_once(run: Runner) -> None:
    """Each in a sandbox of its own: they meet at a fifo that only they can make in turn."""
    source = "def main(n):\n    print(n)\n    return n"
    ran = await asyncio.gather(*(run.python(source, {"n": n}, identity=ME) for n in range(12)))
    assert [(each.result, each.text) for each in ran] == [(n, f"{n}\n") for n in range(12)]


async def test_number_of_warm_sandboxes_is_bounded(tmp_path: Path) -> None:
    sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0, warm_sandboxes=2)
    try:
        await isolated_or_skip(sandbox)
        run = Runner(sandbox, tmp_path / "jobs")
        for n in range(5):
            assert (await run.python("def main(): return 1", identity=f"u/{n}")).result == 1
        assert len(list((tmp_path / "jobs").glob(".warm-*"))) <= 3  # one of them is just being removed
    finally:
        await sandbox.close()
    assert not list((tmp_path / "jobs").glob(".warm-*"))


async def test_job_that_says_it_is_done_has_ended_and_is_ended(run: Runner) -> None:
    boot = (await run.python(BOOT, identity=ME)).result
    source = """
import os, signal, time
def main():
    if os.fork() == 0: time.sleep(1000)
    os.kill(os.getppid(), signal.SIGUSR1)
    print('still here', flush=True)
    time.sleep(1000)
"""
    ran = await run.python(source, identity=ME)
    assert (ran.exit.reason, ran.exit.code, ran.exit.files) == (ExitReason.FINISHED, 0, {})
    ran = await run.python(BOOT.replace("return", "return os.listdir('/proc').count('1'), "), identity=ME)
    assert ran.result == [1, boot]
    assert (await run.python(LOOK, identity=ME)).result["others"] == 3


async def test_what_is_mounted_beside_the_work_directory_is_there(run: Runner, tmp_path: Path) -> None:
    """Hosts may have data below there: nothing can be mounted in a sandbox that is kept, so that none is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept").write_text("here")
    mount = Mount(tmp_path / "data", WORK.parent / "data")
    source = f"def main(): return open('{mount.target}/kept').read()\n"
    for _ in range(2):
        ran = await run.python(source, identity=ME, mounts=(mount,))
        assert ran.result == "here", ran.text


async def test_interpreter_that_is_gone_at_once_is_not_waited_for(run: Runner, tmp_path: Path) -> None:
    """Whoever made it may ask only after its end was heard of."""
    process, _ = await run.start("/bin/true")
    assert isinstance(process, Process)
    await process.wait()
    call = PythonCall(interpreter=Path(sys.executable), identity=ME)
    key = Key(python=call, mounts=(), limits=limits(), network=Network(), home=tmp_path)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.close()
    with ours:
        parked = Parked(key, tmp_path, process, ours)
        await turns_of_the_loop()
        assert parked.ready.done()
        assert await parked.ready == {}
        assert not parked.is_alive()


async def turns_of_the_loop() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ends", ["os.kill(parked, signal.SIGUSR1), os._exit(0)", "sys.exit(0)"])
async def test_child_of_a_job_cannot_say_that_it_is_done(run: Runner, ends: str) -> None:
    source = f"""
import os, signal, sys
def main():
    parked = os.getppid()
    child = os.fork()
    if child == 0:
        {ends}
    os.waitpid(child, 0)
    import time; time.sleep(0.3)
    return 'mine'
"""
    assert (await run.python(source, identity=ME)).result == "mine"


async def test_the_most_memory_that_a_job_had_is_told_whether_it_is_in_a_hurry_or_not(run: Runner) -> None:
    source = "def main(): return len(b'x' * 60_000_000)"
    alone = await run.python(source, identity=ME)
    beside, _ = await run.start_python("import time\ndef main(): time.sleep(1000)", identity=ME)
    other, _ = await run.start_python(source, identity=ME)
    peaks = [alone.exit.peak_memory_bytes, (await other.wait()).peak_memory_bytes]
    assert all(60_000_000 < peak < 150_000_000 for peak in peaks)
    assert alone.exit.files == {"result.json": b"60000000"}
    await beside.kill("over")
    await beside.wait()


async def test_only_a_job_alone_is_in_a_hurry(run: Runner) -> None:
    first, _ = await run.start_python("import time\ndef main(): time.sleep(1000)", identity=ME)
    second, _ = await run.start_python("def main(): return 1", identity=ME)
    assert [first._hurry, second._hurry] == [True, False]
    assert (await second.wait()).files["result.json"] == b"1"
    await first.kill("over")
    await first.wait()


async def test_killed_job_ends_with_the_whole_sandbox(run: Runner) -> None:
    boot = (await run.python(BOOT, identity=ME)).result
    running, _ = await run.start_python("def main():\n    print('up')\n    while True: pass", identity=ME)
    output = running.output
    assert await anext(output) == b"up\n"
    await running.kill("timeout")
    ended = await running.wait()
    assert (ended.reason, ended.message) == (ExitReason.KILLED, "timeout")
    assert (await run.python(BOOT, identity=ME)).result != boot


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("b = bytearray(4 << 30)", ExitReason.OUT_OF_MEMORY),
        (
            "import os\n    while True:\n        try: os.fork()\n        except OSError: pass",
            ExitReason.TOO_MANY_PROCESSES,
        ),
        ("f = open('/tmp/x', 'wb')\n    while True: f.write(bytes(1 << 20))", ExitReason.DISK_FULL),
        ("while True: pass", ExitReason.CPU_TIME),
    ],
)
async def test_limits_hold_and_the_next_job_is_fine(run: Runner, body: str, reason: ExitReason) -> None:
    changes = limits(cpu_s=1 if reason is ExitReason.CPU_TIME else 100)
    ran = await run.python(f"def main():\n    {body}\n", identity=ME, limits=changes)
    assert ran.exit.reason is reason, ran
    assert (await run.python("def main(): return 1", identity=ME, limits=changes)).result == 1


@pytest.mark.parametrize(
    "attack",
    [
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "[os.kill(int(p), 9) for p in os.listdir('/proc') if p.isdigit() and p not in ('1', str(os.getpid()))]",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "[os.kill(os.getppid(), number) for number in (signal.SIGUSR1, signal.SIGCHLD) * 3]",
        "ctypes.CDLL(None).shmget(0, 4096, 0o1600)",
        "os.mkdir('/work/other'), open('/work/file', 'w')",
        "os.rename('/work/job', '/work/away')",
    ],
)
async def test_attack_on_the_parked_interpreter_harms_no_later_job(run: Runner, attack: str) -> None:
    source = (
        f"import ctypes, os, resource, signal\ndef main():\n    try: {attack}\n    except OSError: pass\n    return 1\n"
    )
    running, _ = await run.start_python(source, identity=ME)
    try:
        await asyncio.wait_for(running.wait(), 3)
    except TimeoutError:
        await running.kill("timeout")
        await running.wait()
    for _ in range(3):
        ran = await run.python("import os\ndef main(): return os.getpriority(0, 0), os.listdir('/work')", identity=ME)
        assert ran.result == [0, ["job"]]


@pytest.mark.parametrize(
    "junk",
    [
        b"result.json " + b"9" * 200 + b"\n",
        b"other " + b"9" * 200 + b"\n",
        b"result.json -1\n1",
        b"result.json 7\n1",
        b"x" * 5000,
        b"a 0\n" * 1000,
        b"\xff\xfe 1\n\n",
    ],
)
async def test_junk_in_the_place_of_a_result_is_no_result(run: Runner, junk: bytes) -> None:
    source = f"import os\ndef main():\n    os.pwrite(3, {junk!r}, 0)\n    os._exit(0)\n"
    ran = await run.python(source, identity=ME)
    assert (ran.exit.reason, ran.exit.code) == (ExitReason.FINISHED, 0)
    assert "result.json" not in ran.exit.files
    assert (await run.python("def main(): return 1", identity=ME)).result == 1


async def test_closing_ends_the_jobs_that_run(tmp_path: Path) -> None:
    sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0)
    await isolated_or_skip(sandbox)
    run = Runner(sandbox, tmp_path / "jobs")
    running, _ = await run.start_python("def main():\n    print('up')\n    while True: pass", identity=ME)
    output = running.output
    assert await anext(output) == b"up\n"
    await sandbox.close()
    assert (await running.wait()).reason in {ExitReason.KILLED, ExitReason.LOST}
    assert not list((tmp_path / "jobs").glob(".warm-*"))


async def test_dead_parked_sandbox_is_replaced(run: Runner) -> None:
    boot = (await run.python(BOOT, identity=ME)).result
    (pool,) = [run.sandbox._pool]
    (parked,) = pool._all
    os.kill(int(_inner(parked.process)), signal.SIGKILL)
    await parked.process.wait()
    assert (await run.python(BOOT, identity=ME)).result != boot


def _inner(process: object) -> str:
    """The process id of bubblewrap: the one whose work directory is the parked one."""
    marker = str(process._launcher.watchdog_pid)
    children = Path(f"/proc/{marker}/task/{marker}/children").read_text().split()
    return next(pid for pid in children if b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes())


async def test_broken_interpreter_tells_its_own_error(run: Runner) -> None:
    ran = await run.python("def main(): return 1", identity=ME, preload=("antigravity_that_is_not_there",))
    assert ran.result == 1
