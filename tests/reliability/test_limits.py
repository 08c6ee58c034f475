"""A21: a job that takes too much fails alone and with the right reason; its worker lives, and the next job is fine."""

import os

import pytest

from tests.reliability.harness import SLACK_S, Chaosbox, processes_with, until

MIB = 1024 * 1024
SETTINGS = {
    "TIDEMILL_JOB_MEMORY_BYTES": str(256 * MIB),
    "TIDEMILL_JOB_PROCESSES": "48",
    "TIDEMILL_JOB_FILE_BYTES": str(32 * MIB),
    "TIDEMILL_JOB_TMP_BYTES": str(64 * MIB),
    # Nothing here is about leases, and the attacks may hold up a small machine.
    "TIDEMILL_HEARTBEAT_S": "5",
    "TIDEMILL_SELF_KILL_S": "40",
    "TIDEMILL_LEASE_S": "60",
}
ATTACKS = {
    "memory": ("def main():\n    kept = []\n    while True: kept.append(bytearray(16 << 20))", "out_of_memory", None),
    "processes": (
        "import subprocess\ndef main():\n    kept = [subprocess.Popen(['sleep', '60']) for _ in range(200)]",
        None,
        ("TooManyProcesses", "BlockingIOError"),
    ),
    "file": ("def main():\n    open('/tmp/big', 'wb').write(b'x' * (64 << 20))", None, ("FileTooLarge", "OSError")),
    "disk": (
        "def main():\n    for n in range(100): open(f'/tmp/{n}', 'wb').write(b'x' * (8 << 20))",
        None,
        ("DiskFull", "OSError"),
    ),
    "files": (
        "import os\ndef main():\n    for n in range(10**6): os.close(os.open(f'/tmp/{n}', os.O_CREAT))",
        None,
        ("DiskFull", "OSError"),
    ),
    "descriptors": (
        "import os\ndef main():\n    for n in range(10**5): os.dup(0)",
        "error",
        ("OSError",),
    ),
    "time": ("import time\ndef main(): time.sleep(600)", "timeout", ("Timeout",)),
}


def test_what_takes_too_much_fails_alone_and_says_why(box: Chaosbox) -> None:
    box.start_server()
    worker = box.start_worker(isolated=True, **SETTINGS)
    jobs = {
        name: box.preview(source, language="python3", **({"timeout": 3} if name == "time" else {}))
        for name, (source, _, _) in ATTACKS.items()
    }
    for name, (_, reason, errors) in ATTACKS.items():
        row = box.ended(jobs[name])
        assert row["state"] == "failure", (name, row)
        assert reason is None or row["end_reason"] == reason, (name, row)
        assert errors is None or any(error in row["result"] for error in errors), (name, row["result"])
        assert row["attempt"] == 1
    assert worker.is_alive()
    after = box.preview("def main(): return 1", language="python3")
    assert box.ended(after, 20 + SLACK_S)["state"] == "success"


@pytest.mark.parametrize("language", ["bash", "python3"])
def test_a_canceled_job_is_gone_with_all_its_processes(box: Chaosbox, language: str) -> None:
    """P9: within five seconds, whatever it does against it, and with one end."""
    box.start_server()
    box.start_worker(isolated=True)
    seconds = f"987.{os.getpid()}"
    source = {
        "bash": f"trap '' TERM; setsid sleep {seconds} & echo up; sleep {seconds}",
        "python3": (
            f"import subprocess\ndef main():\n    p = subprocess.Popen(['setsid', 'sleep', '{seconds}'])\n"
            "    print('up', flush=True)\n    p.wait()"
        ),
    }[language]
    job = box.preview(source, language=language)
    until(lambda: "up" in box.log_of(job))
    box.cancel(job)
    row = box.ended(job, 5 + SLACK_S)
    assert (row["state"], row["end_reason"]) == ("canceled", "canceled")
    until(lambda: not processes_with(seconds), 5)
