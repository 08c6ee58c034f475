"""The same walls when the worker is an ordinary user: no control groups, no user of its own for each job."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemill.sandbox.profile import find_binary

SYSTEM_PYTHON = "/usr/bin/python3"

SCRIPT = """
import asyncio, json, os, sys, tempfile
from pathlib import Path
from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.port import Limits, Network, Program, PythonCall
from tidemill.sandbox.profile import Binary

async def main(binary, bundle, port):
    home = Path(tempfile.mkdtemp())
    binary = Binary(Path(binary), tuple(map(Path, bundle)))
    sandbox = BubblewrapSandbox(state_dir=home / "state", self_kill_s=0, binary=binary)
    capability = await sandbox.probe()
    found = {"isolated": capability.isolated, "brokered": capability.brokered, "reason": capability.reason}
    async def run(name, *argv, python=None, **options):
        work = home / "jobs" / name
        options["files"], options["results"] = {}, ("result.json",)
        if python:
            call = b'{"file": "main.py"}'
            options["files"] = {"main.py": python.encode(), "args.json": b"{}", "call.json": call}
            options["python"] = PythonCall(interpreter=Path(sys.executable), identity=name[0])
        running = await sandbox.start(Program(argv=argv, work=work, env={"PATH": "/usr/bin:/bin"}, **options))
        text = b"".join([piece async for piece in running.output]).decode()
        ended = await running.wait()
        found[name] = [text, ended.reason, json.loads(ended.files.get("result.json", b"null"))]
    if capability.isolated:
        reach = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) && echo reached; "
        reach += "(exec 3<>/dev/tcp/10.0.0.1/80) 2>/dev/null || echo not"
        await run("network", "/bin/bash", "-c", reach, network=Network(api_port=port))
        look = "cat /proc/1/environ; ls -A /work /tmp; (echo x > /etc/x) 2>/dev/null || echo no"
        await run("files", "/bin/bash", "-c", look)
        await run("memory", sys.executable, "-c", "x = []\\nwhile True: x.append(bytearray(1 << 20))",
                  limits=Limits(memory_bytes=200 << 20))
        await run("bomb", sys.executable, "-c", "import os\\nwhile True:\\n try: os.fork()\\n except OSError: pass",
                  limits=Limits(processes=40))
        source = "import os\\ndef main():\\n    open('/tmp/left', 'w')\\n    return len(os.listdir('/tmp'))\\n"
        for name in ("warm1", "warm2"):
            await run(name, python=source)
        for name in ("link", "gone"):
            source = "import os\\ndef main():\\n    os.rename('/work/job', '/work/away')\\n"
            source += "    os.symlink('/etc', '/work/job')\\n" if name == "link" else ""
            await run(name, python=source + "    return 'moved'\\n")
        await run("after", python="import os\\ndef main(): return os.listdir('/work')")
    await sandbox.close()
    print(json.dumps(found))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.fixture
def readable() -> Iterator[Path]:
    """A copy of the sandbox that everybody may read; this checkout may belong to root alone."""
    root = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        copy.chmod(0o755)
        for part in ("sandbox", "model"):
            shutil.copytree(root / "tidemill" / part, copy / "tidemill" / part)
        shutil.copy(root / "tidemill" / "__init__.py", copy / "tidemill")
        binary = find_binary()
        if binary is not None:
            for bundle in binary.bundle:
                shutil.copytree(bundle, copy / bundle.name)
        (copy / "home").mkdir()
        (copy / "home").chmod(0o1777)
        subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
        yield copy


def test_walls_stand_for_an_unprivileged_worker(readable: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the whole suite runs as an unprivileged user already")
    binary = find_binary()
    if binary is None or not Path(SYSTEM_PYTHON).exists() or not shutil.which("setpriv"):
        pytest.skip("needs bubblewrap, a Python that everybody may run, and setpriv")
    is_old = [SYSTEM_PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if subprocess.run(is_old, check=False).returncode:
        pytest.skip("the system's Python is older than 3.11")
    bundle = [readable / path.name for path in binary.bundle]
    path = bundle[0] / binary.path.relative_to(binary.bundle[0]) if bundle else binary.path
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        become = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
        arguments = [str(path), json.dumps([str(part) for part in bundle]), str(port)]
        ran = subprocess.run(
            [*become, SYSTEM_PYTHON, "-c", SCRIPT, *arguments],
            env={"PYTHONPATH": str(readable), "TMPDIR": str(readable / "home"), "SECRET": "canary"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    if not found["isolated"]:
        pytest.skip(found["reason"])
    assert sorted(found["network"][0].splitlines())[1:] == ["not", "reached"]
    assert "[tidemill] connection to 10.0.0.1:80 was refused" in found["network"][0]
    assert found["files"][0] == "/tmp:\n\n/work:\njob\nno\n"
    assert found["memory"][1] == "out_of_memory"
    assert found["bomb"][1] == "too_many_processes"
    for name in ("link", "gone"):
        assert found[name][1:] == ["finished", "moved"]
    assert found["after"][2] == ["job"]
    assert found["warm1"][2] == found["warm2"][2] == 1
