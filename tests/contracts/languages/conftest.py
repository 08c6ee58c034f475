"""A workshop whose commands run as plain processes, with one cache of downloads for all tests."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uv

from tidemill.languages.port import Command, CommandResult, Workshop

NETWORK_VARIABLES = ("SSL_CERT_FILE", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "HTTPS_PROXY", "NO_PROXY")


@dataclass
class PlainRunner:
    """Runs commands without a sandbox and remembers them."""

    commands: list[Command] = field(default_factory=list)

    async def __call__(self, command: Command) -> CommandResult:
        self.commands.append(command)
        process = await asyncio.create_subprocess_exec(
            *command.argv, cwd=command.cwd, env=dict(command.env), stdout=asyncio.subprocess.PIPE, stderr=-2
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return CommandResult(exit_code=process.returncode, output=output)


@pytest.fixture
def runner() -> PlainRunner:
    return PlainRunner()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def registry(cache_dir: Path) -> dict[str, str]:
    """The environment in which uv reaches a package index; skips the test where there is none, fails it in CI."""
    given = {name: os.environ[name] for name in NETWORK_VARIABLES if name in os.environ}
    command = [uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--cache-dir", str(cache_dir)]
    probe = subprocess.run(command, input=b"six", env=given, capture_output=True, check=False)
    if probe.returncode != 0 and os.environ.get("CI") == "true":
        pytest.fail(probe.stderr.decode())
    if probe.returncode != 0:
        pytest.skip("uv reaches no package index from here")
    return given


@pytest.fixture
def workshop(tmp_path: Path, cache_dir: Path, runner: PlainRunner, registry: dict[str, str]) -> Workshop:
    return Workshop(environments_dir=tmp_path / "environments", cache_dir=cache_dir, run=runner, env=registry)


@pytest.fixture
def offline(tmp_path: Path, cache_dir: Path) -> Workshop:
    """A workshop in which nothing can be run at all."""

    async def refuse(command: Command) -> CommandResult:
        raise AssertionError(f"{command.argv} was run")

    return Workshop(environments_dir=tmp_path / "environments", cache_dir=cache_dir, run=refuse)


Execute = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def execute() -> Execute:
    """Runs a program with nothing in its environment; gives the exit code and its output."""

    async def run(*argv: str | Path, cwd: Path | None = None) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *map(str, argv), cwd=cwd, env={"PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE, stderr=-2
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    return run
