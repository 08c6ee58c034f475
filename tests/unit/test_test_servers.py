"""What tests start leaves nothing behind, even when the tests are killed."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import time
from tests.processes import Processes, new_folder
folder = new_folder("orphan")
processes = Processes(folder)
processes.start(["sleep", "600"])
print(folder, processes._running[0].pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_servers_of_tests_that_were_killed_end_and_their_files_go() -> None:
    tests = subprocess.Popen([sys.executable, "-c", TESTS], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert tests.stdout is not None
    folder, server = tests.stdout.readline().split()
    ended = os.pidfd_open(int(server))
    tests.kill()
    tests.communicate()
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)
    again = "from tests.processes import new_folder; new_folder('next').rmdir()"
    subprocess.run([sys.executable, "-c", again], check=True, cwd=ROOT)
    assert not (folder.startswith("/dev/shm/") and Path(folder).exists())
