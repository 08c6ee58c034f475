"""Real sandboxes, and short ways to run something in them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.port import Exit, Limits, Program, PythonCall, Running, Sandbox
from tidemill.sandbox.process import ProcessSandbox

MIB = 1024 * 1024
RESULTS = ("result.json", "error.json", "preprocessed.json")
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Ran:
    """What came of a program."""

    text: str
    exit: Exit
    work: Path

    @property
    def result(self) -> Any:
        return json.loads(self.exit.files["result.json"])

    @property
    def error(self) -> Any:
        return json.loads(self.exit.files["error.json"])


Run = Callable[..., Awaitable[Ran]]


def limits(**changes: int) -> Limits:
    return Limits(
        **{"memory_bytes": 512 * MIB, "processes": 64, "tmp_bytes": 64 * MIB, "file_bytes": 64 * MIB, **changes}
    )


async def finish(running: Running, work: Path) -> Ran:
    text = b"".join([piece async for piece in running.output])
    return Ran(text.decode(errors="replace"), await running.wait(), work)


class Runner:
    """Starts programs in directories of their own below `home`."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox = sandbox
        self.home = home
        self._numbers = count(1)

    def work(self) -> Path:
        directory = self.home / f"job-{next(self._numbers)}"
        directory.mkdir(parents=True)
        return directory

    async def start(self, *argv: str, work: Path | None = None, **changes: Any) -> tuple[Running, Path]:
        work = work or self.work()
        options: dict[str, Any] = {"env": ENV, "limits": limits(), **changes}
        return await self.sandbox.start(Program(argv=argv, work=work, **options)), work

    async def __call__(self, *argv: str, **changes: Any) -> Ran:
        return await finish(*await self.start(*argv, **changes))

    async def shell(self, script: str, **changes: Any) -> Ran:
        return await self("/bin/bash", "-c", script, **changes)

    async def start_python(
        self,
        source: str,
        args: Mapping[str, Any] | None = None,
        *,
        identity: str = "",
        call: Mapping[str, Any] | None = None,
        paths: tuple[str, ...] = (),
        preload: tuple[str, ...] = (),
        **changes: Any,
    ) -> tuple[Running, Path]:
        files = {
            "main.py": source.encode(),
            "args.json": json.dumps(args or {}).encode(),
            "call.json": json.dumps({"file": "main.py", **(call or {})}).encode(),
        }
        python = PythonCall(interpreter=Path(sys.executable), identity=identity, paths=paths, preload=preload)
        return await self.start_files(files, python=python, **changes)

    async def start_files(self, files: Mapping[str, bytes], *argv: str, **changes: Any) -> tuple[Running, Path]:
        """Start a program whose directory the sandbox makes."""
        work = self.home / f"job-{next(self._numbers)}"
        return await self.start(*argv, work=work, files=files, **{"results": RESULTS, **changes})

    async def python_files(self, files: Mapping[str, bytes], *, identity: str = "", **changes: Any) -> Ran:
        """Run Python with these files, its call among them."""
        python = PythonCall(interpreter=Path(sys.executable), identity=identity)
        return await finish(*await self.start_files(files, python=python, **changes))

    async def python(self, source: str, args: Mapping[str, Any] | None = None, **changes: Any) -> Ran:
        return await finish(*await self.start_python(source, args, **changes))


async def isolated_or_skip(sandbox: Sandbox) -> None:
    capability = await sandbox.probe()
    if capability.isolated and capability.brokered:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must be able to isolate jobs: {capability.reason}")
    pytest.skip(capability.reason)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Path]:
    """Where jobs have their directories. What they left is removed by a program that takes trees of any depth."""
    yield tmp_path / "jobs"
    subprocess.run(["rm", "-rf", str(tmp_path / "jobs")], check=True)


@pytest.fixture
async def sandbox(tmp_path: Path, jobs: Path) -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0)
    try:
        await isolated_or_skip(sandbox)
        yield sandbox
    finally:
        await sandbox.close()


@pytest.fixture
def run(sandbox: BubblewrapSandbox, jobs: Path) -> Runner:
    return Runner(sandbox, jobs)


@pytest.fixture
async def plain(tmp_path: Path, jobs: Path) -> AsyncIterator[Runner]:
    sandbox = ProcessSandbox(state_dir=tmp_path / "state", self_kill_s=0)
    try:
        yield Runner(sandbox, jobs)
    finally:
        await sandbox.close()


@pytest.fixture(params=["bubblewrap", "process"])
async def any_run(request: pytest.FixtureRequest, tmp_path: Path, jobs: Path) -> AsyncIterator[Runner]:
    """Each kind of sandbox: what is tested with it is promised by the port."""
    kinds = {"bubblewrap": BubblewrapSandbox, "process": ProcessSandbox}
    sandbox = kinds[request.param](state_dir=tmp_path / "state", self_kill_s=0)
    try:
        if request.param == "bubblewrap":
            await isolated_or_skip(sandbox)
        yield Runner(sandbox, jobs)
    finally:
        await sandbox.close()
