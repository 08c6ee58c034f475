"""A21: a program that goes over a limit ends alone, with the right reason, and the next one runs."""

import os
import sys

import pytest

from tests.contracts.sandbox.conftest import MIB, Runner, limits
from tidemill.sandbox import cgroups
from tidemill.sandbox.port import ExitReason

GREEDY = {
    "memory": ("b = bytearray(4 << 30)", ExitReason.OUT_OF_MEMORY),
    "memory in small steps": ("x = []\n    while True: x.append(bytearray(1 << 20))", ExitReason.OUT_OF_MEMORY),
    "memory of children": (
        "import os, time\n    for _ in range(40):\n        if os.fork() == 0:\n"
        "            x = b'x' * (100 << 20)\n            time.sleep(100)\n    time.sleep(100)",
        ExitReason.OUT_OF_MEMORY,
    ),
    "processes": (
        "import os, time\n    while True:\n        try: os.fork()\n        except OSError: pass",
        ExitReason.TOO_MANY_PROCESSES,
    ),
    "threads": (
        "import threading, time\n    while True: threading.Thread(target=time.sleep, args=(100,)).start()",
        ExitReason.TOO_MANY_PROCESSES,
    ),
    "temporary files": (
        "files = [open(f'/tmp/{n}', 'wb', buffering=0) for n in range(3)]\n    while True:\n        for f in files:\n"
        "            try: f.write(bytes(1 << 20))\n            except OSError: pass",
        ExitReason.DISK_FULL,
    ),
    "many temporary files": (
        "import time\n    for n in range(10**6): open(f'/tmp/{n}', 'w').close()",
        ExitReason.DISK_FULL,
    ),
    "many files": ("for n in range(10**6): open(str(n), 'w').close()", ExitReason.DISK_FULL),
    "work directory": (
        "while True:\n        for n in range(3):\n            with open(f'x{n}', 'wb') as f: f.write(bytes(60 << 20))",
        ExitReason.DISK_FULL,
    ),
    "deep directories": (
        "import os\n    while True:\n        os.mkdir('d'); os.chdir('d')",
        ExitReason.DISK_FULL,
    ),
    "processor time": ("while True: pass", ExitReason.CPU_TIME),
}


@pytest.mark.parametrize("name", GREEDY)
async def test_greedy_job_ends_with_the_right_reason(run: Runner, name: str) -> None:
    body, reason = GREEDY[name]
    changes = limits(cpu_s=1 if reason is ExitReason.CPU_TIME else 100, files=5000)
    ran = await run("/usr/bin/python3", "-c", f"def main():\n    {body}\nmain()", limits=changes)
    assert ran.exit.reason is reason, (ran.exit, ran.text[-500:])
    assert ran.exit.message.endswith(".")
    assert (await run.shell("echo next")).text == "next\n"


async def test_large_file_ends_a_program(run: Runner) -> None:
    ran = await run.shell("exec head -c 200000000 /dev/zero > big", limits=limits(tmp_bytes=512 * MIB, file_bytes=MIB))
    assert ran.exit.reason is ExitReason.FILE_TOO_LARGE


async def test_sparse_file_is_no_way_around(run: Runner) -> None:
    source = "def main():\n    with open('x', 'wb') as f: f.truncate(1 << 40)\n"
    ran = await run.python(source)
    assert (ran.error["name"], ran.error["limit"]) == ("OSError", "file_too_large")


async def test_python_is_told_of_a_full_disk(run: Runner) -> None:
    source = (
        "import os\ndef main():\n    try:\n        with open('/tmp/x', 'wb') as f:\n"
        "            while True: f.write(bytes(1 << 20))\n    finally: os.remove('/tmp/x')\n"
    )
    ran = await run.python(source, limits=limits(tmp_bytes=16 * MIB))
    if ran.exit.reason is ExitReason.FINISHED:  # a process that is held up between its failure and its end is killed
        assert (ran.error["limit"], ran.exit.code) == ("disk_full", 1)
    else:
        assert ran.exit.reason is ExitReason.DISK_FULL


async def test_too_many_open_files_are_an_error_of_the_script(run: Runner) -> None:
    ran = await run.python("import os\ndef main():\n    while True: os.dup(0)\n", limits=limits(open_files=100))
    assert ran.error["message"].startswith("[Errno 24] Too many open files")
    assert ran.exit.reason is ExitReason.FINISHED


async def test_within_its_limits_a_program_is_left_alone(run: Runner) -> None:
    source = (
        "import threading\ndef main():\n    b = bytearray(200 << 20)\n    open('/tmp/x', 'wb').write(b[:10 << 20])\n"
        "    ts = [threading.Thread(target=print) for _ in range(20)]\n    [t.start() for t in ts]\n    return len(b)"
    )
    ran = await run.python(source)
    assert ran.result == 200 << 20
    assert 200 * MIB < ran.exit.peak_memory_bytes < 512 * MIB


async def test_neighbour_of_a_greedy_job_goes_on(run: Runner) -> None:
    work = run.work()
    os.mkfifo(work / "gate")
    neighbour, _ = await run.start("/bin/sh", "-c", "echo up; read line < gate; echo done", work=work)
    output = neighbour.output
    assert await anext(output) == b"up\n"
    body, reason = GREEDY["processes"]
    assert (await run("/usr/bin/python3", "-c", f"def main():\n    {body}\nmain()")).exit.reason is reason
    (work / "gate").write_text("go\n")
    assert await anext(output) == b"done\n"
    assert (await neighbour.wait()).code == 0


@pytest.mark.parametrize("name", ["memory in small steps", "processes", "threads"])
async def test_without_control_groups_the_watchdog_looks_itself(
    run: Runner, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cgroups.find() is None:
        pytest.skip("every test here runs without control groups")
    monkeypatch.setattr("tidemill.sandbox.launcher._START", WITHOUT_GROUPS)
    body, reason = GREEDY[name]
    slow = body.replace("bytearray(1 << 20))", "bytearray(1 << 20)); time.sleep(0.002)")
    ran = await run("/usr/bin/python3", "-c", f"import time\ndef main():\n    {slow}\nmain()")
    assert ran.exit.reason is reason, ran.text[-500:]


WITHOUT_GROUPS = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tidemill.sandbox import cgroups, watchdog; "
    "cgroups.find = lambda: None; watchdog.main(int(sys.argv[2]), float(sys.argv[3]))"
)


async def test_plain_program_is_limited_too(plain: Runner) -> None:
    body, reason = GREEDY["memory in small steps"]
    ran = await plain(sys.executable, "-c", f"def main():\n    {body}\nmain()")
    assert ran.exit.reason is reason
    assert (await plain.shell("echo next")).text == "next\n"


def test_groups_of_dead_watchdogs_are_swept() -> None:
    hierarchy = cgroups.find()
    if hierarchy is None:
        pytest.skip("this host gives us no control groups")
    group = hierarchy.make(f"tidemill-{2**22 + 1}-7", memory_bytes=MIB, processes=3)
    mine = hierarchy.make(f"tidemill-{os.getpid()}-7", memory_bytes=MIB, processes=3)
    cgroups.find()
    assert not group.memory.exists()
    assert mine.memory.exists()
    assert mine.remove()


def test_groups_are_gone_after_use() -> None:
    hierarchy = cgroups.find()
    if hierarchy is None:
        pytest.skip("this host gives us no control groups")
    group = hierarchy.make("tidemill-test-gone", memory_bytes=MIB, processes=3)
    assert group.remove()
    assert not group.memory.exists()
    assert not group.processes.exists()
