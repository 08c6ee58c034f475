"""Environments of Python jobs: built once for a lock, whole or not at all, layered on the base one."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.languages.conftest import Execute, PlainRunner
from tidemill.languages.port import Command, CommandResult, Environment, Requirements, Workshop
from tidemill.languages.python import Python
from tidemill.model.errors import InvalidScript, LockFailed

SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"


async def prepare(lock: str, workshop: Workshop) -> Environment:
    found = await Python().prepare(lock, workshop=workshop)
    assert found is not None
    return found


async def run(environment: Environment, code: str, execute: Execute) -> tuple[int, str]:
    """`code` by the environment's interpreter, started as a job's is."""
    paths = f"import sys; sys.path[1:1] = {[str(path) for path in environment.site_dirs]!r}\n"
    return await execute(environment.python, "-I", "-S", "-c", paths + textwrap.dedent(code))


def directories(workshop: Workshop) -> list[str]:
    """Names of what is in the environments' directory, but the locks."""
    return sorted(item.name for item in workshop.environments_dir.iterdir() if item.name != ".locks")


async def test_base_environment_needs_nothing_but_our_own_installation(offline: Workshop, execute: Execute) -> None:
    environment = await prepare("", offline)
    code = "import wmill, tidemill_client, httpx; print(wmill.__file__); print(wmill.Windmill.__name__)"
    exit_code, output = await run(environment, code, execute)
    assert exit_code == 0, output
    assert output.splitlines() == [str(environment.site_dirs[1] / "wmill" / "__init__.py"), "Windmill"]


async def test_base_environment_has_nothing_else_of_tidemill(offline: Workshop, execute: Execute) -> None:
    environment = await prepare("", offline)
    for name in ("tidemill", "fastapi", "psycopg", "cryptography", "uv", "pip"):
        exit_code, output = await run(environment, f"import {name}", execute)
        assert exit_code == 1
        assert "ModuleNotFoundError" in output


async def test_base_environment_is_made_once(offline: Workshop) -> None:
    first, *others = await asyncio.gather(*(prepare("", offline) for _ in range(8)))
    assert all(other == first for other in others)
    assert directories(offline) == [first.path.name]


async def test_base_environment_is_compiled(offline: Workshop) -> None:
    environment = await prepare("", offline)
    for module in (environment.site_dirs[1] / "wmill" / "client.py", environment.site_dirs[1] / "httpx" / "_client.py"):
        assert list((module.parent / "__pycache__").glob(f"{module.stem}.{sys.implementation.cache_tag}.pyc"))


async def test_lock_pins_all_with_hashes_and_tells_nothing_of_the_machine(workshop: Workshop) -> None:
    needs = Requirements(specifiers=("six", "python-dateutil>=2.8"))
    lock = await Python().lock(needs, workshop=workshop)
    assert lock.startswith(f"# py: {sys.version_info.major}.{sys.version_info.minor}\n")
    names = [line.partition("==")[0] for line in lock.splitlines() if "==" in line]
    assert {"python-dateutil", "six"} <= set(names)
    assert names == sorted(names)
    assert lock.count("--hash=sha256:") >= 4
    assert not [word for word in ("://", "/tmp", str(workshop.cache_dir), "index", "find-links") if word in lock]
    assert lock == await Python().lock(needs, workshop=workshop)
    assert directories(workshop) == []


async def test_script_without_packages_has_an_empty_lock_offline(offline: Workshop) -> None:
    assert await Python().lock(Requirements(), workshop=offline) == ""


@pytest.mark.parametrize(
    ("specifiers", "named"),
    [(("six>2", "six<1"), "six<1"), (("surely-no-such-package-0f3a",), "surely-no-such-package-0f3a")],
)
async def test_unresolvable_requirements_give_the_resolvers_explanation(
    specifiers: tuple[str, ...], named: str, workshop: Workshop
) -> None:
    with pytest.raises(LockFailed, match=named):
        await Python().lock(Requirements(specifiers=specifiers), workshop=workshop)
    assert directories(workshop) == []


async def test_python_that_the_workers_do_not_have_is_refused_before_anything_runs(offline: Workshop) -> None:
    with pytest.raises(LockFailed, match=r"requires Python <3"):
        await Python().lock(Requirements(requires_python="<3"), workshop=offline)


@pytest.mark.parametrize(
    "specifier", ["-r /etc/passwd", "--index-url=https://example.com", "six @ file:///x", "six\n-e ."]
)
async def test_options_never_reach_the_resolver(specifier: str, offline: Workshop) -> None:
    with pytest.raises(InvalidScript):
        await Python().lock(Requirements(specifiers=(specifier,)), workshop=offline)


@pytest.mark.parametrize(
    "lock",
    [
        "-r /etc/passwd",
        "--extra-index-url https://example.com\nsix==1.17.0",
        "-e .",
        "six",
        "six>=1",
        "six==1.*",
        "six==1,==2",
        "six==1.17.0 --hash=md5:00",
        "six==1.17.0 --global-option=x",
        "six @ file:///x.whl",
        "/x.whl",
        "six==1.17.0 \\\n    --hash=sha256:zz",
    ],
)
async def test_lock_of_a_stranger_is_checked(lock: str, offline: Workshop) -> None:
    with pytest.raises(InvalidScript):
        await prepare(lock, offline)


async def test_environment_holds_the_locked_packages_before_the_base_ones(workshop: Workshop, execute: Execute) -> None:
    lock = await Python().lock(Requirements(specifiers=("six==1.16.0", "idna==3.7")), workshop=workshop)
    environment = await prepare(lock, workshop)
    code = "import six, idna, wmill, tidemill_client; print(six.__version__, idna.__file__)"
    assert await run(environment, code, execute) == (0, f"1.16.0 {environment.path / 'site/idna/__init__.py'}\n")
    assert list((environment.path / "site" / "__pycache__").glob("six.*.pyc"))


async def test_same_lock_gives_the_same_environment_however_it_is_written(
    workshop: Workshop, runner: PlainRunner
) -> None:
    first = await prepare("# py: 3.11\n" + SIX, workshop)
    commands = len(runner.commands)
    assert await prepare(SIX.replace(" --hash", " \\\n    --hash") + "\n# via x\n", workshop) == first
    assert len(runner.commands) == commands


async def test_lock_without_hashes_is_installed(workshop: Workshop, execute: Execute) -> None:
    environment = await prepare("# py: 3.12\nsix==1.17.0\n", workshop)
    assert await run(environment, "import six", execute) == (0, "")


async def test_wrong_hash_is_refused_and_leaves_nothing(workshop: Workshop) -> None:
    await prepare("", workshop)
    before = directories(workshop)
    with pytest.raises(LockFailed, match=r"[Hh]ash"):
        await prepare(SIX.replace("4721", "0000"), workshop)
    assert directories(workshop) == before


async def test_lock_with_its_own_wmill_hides_ours(workshop: Workshop, execute: Execute) -> None:
    environment = await prepare("wmill==1.700.0\n", workshop)
    assert await run(environment, "import httpx", execute) != (0, "")
    code = "import importlib.util as u; print(u.find_spec('wmill').origin); print(u.find_spec('tidemill_client').name)"
    expected = f"{environment.path / 'site/wmill/__init__.py'}\ntidemill_client\n"
    assert await run(environment, code, execute) == (0, expected)


async def test_source_packages_are_built_without_the_shared_cache(
    workshop: Workshop, runner: PlainRunner, execute: Execute
) -> None:
    lock = await Python().lock(Requirements(specifiers=("docopt==0.6.2",)), workshop=workshop)
    environment = await prepare(lock, workshop)
    assert await run(environment, "import docopt", execute) == (0, "")
    for command in runner.commands:
        may_build = "--no-build" not in command.argv
        assert may_build is (command.writable == ())
        assert may_build is (command.env["UV_CACHE_DIR"] == ".cache")
    assert any("--no-build" not in command.argv for command in runner.commands)
    assert not (environment.path / ".cache").exists()


async def test_path_configuration_files_are_taken_out(workshop: Workshop, execute: Execute) -> None:
    environment = await prepare("setuptools==80.9.0\n", workshop)  # brings distutils-precedence.pth
    assert await run(environment, "import setuptools", execute) == (0, "")
    assert list(environment.path.rglob("*.pth")) == []


async def test_path_configuration_files_would_not_run(workshop: Workshop, tmp_path: Path, execute: Execute) -> None:
    environment = await prepare(SIX, workshop)
    (environment.path / "site" / "x.pth").write_text(f"import pathlib; pathlib.Path({str(tmp_path)!r}, 'ran').touch()")
    assert await run(environment, "import six", execute) == (0, "")
    assert not (tmp_path / "ran").exists()


async def test_several_builders_at_once_build_once(workshop: Workshop, runner: PlainRunner) -> None:
    first, *others = await asyncio.gather(*(prepare(SIX, workshop) for _ in range(4)))
    assert all(other == first for other in others)
    assert len(runner.commands) == 1


BUILDER = """
import asyncio, sys
from pathlib import Path
from tidemill.languages.port import Command, CommandResult, Workshop
from tidemill.languages.python import Python

async def run(command):
    print("building", flush=True)
    (command.cwd / "site").mkdir()
    (command.cwd / "site" / "half.py").write_text("x = 1")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return CommandResult(exit_code=0, output=b"")

async def main():
    root = Path(sys.argv[1])
    workshop = Workshop(environments_dir=root, cache_dir=root.parent / "cache", run=run)
    print((await Python().prepare(sys.argv[2], workshop=workshop)).path, flush=True)

asyncio.run(main())
"""


async def start_builder(workshop: Workshop) -> asyncio.subprocess.Process:
    """Another worker that builds the environment of SIX until a line on its stdin lets it finish."""
    root = Path(__file__).parents[3]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        BUILDER,
        str(workshop.environments_dir),
        SIX,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=pipe,
        stdout=pipe,
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def test_loser_of_a_race_between_processes_uses_what_the_winner_built(offline: Workshop) -> None:
    winner = await start_builder(offline)
    assert await line_of(winner) == "building"
    loser = asyncio.create_task(prepare(SIX, offline))  # would fail if it built by itself
    assert winner.stdin is not None
    winner.stdin.write(b"\n")
    await winner.stdin.drain()
    built = await line_of(winner)
    assert (await loser).path == Path(built)
    assert await winner.wait() == 0
    winner.stdin.close()


async def test_environment_of_a_killed_builder_is_never_used(
    workshop: Workshop, runner: PlainRunner, execute: Execute
) -> None:
    builder = await start_builder(workshop)
    assert await line_of(builder) == "building"
    assert any(name.startswith(".build-py") for name in directories(workshop))
    builder.send_signal(signal.SIGKILL)
    await builder.communicate()
    environment = await prepare(SIX, workshop)
    assert len(runner.commands) == 1
    assert await run(environment, "import six", execute) == (0, "")
    assert not (environment.path / "site" / "half.py").exists()
    assert not [name for name in directories(workshop) if name.startswith(".")]


async def test_cancelled_build_leaves_nothing(workshop: Workshop) -> None:
    await prepare("", workshop)
    before, started = directories(workshop), asyncio.Event()

    async def hang(command: Command) -> CommandResult:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    stuck = replace(workshop, run=hang)
    building = asyncio.create_task(prepare(SIX, stuck))
    await started.wait()
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert directories(workshop) == before
    assert (await prepare(SIX, workshop)).path.is_dir()


def played_by(play: Callable[[Path], None], workshop: Workshop) -> Workshop:
    """The same workshop, in which the code of a package does `play` to the build directory."""

    async def run(command: Command) -> CommandResult:
        play(command.cwd)
        return CommandResult(exit_code=0, output=b"")

    return replace(workshop, run=run)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "nothing", "other text", "link to nothing"])
async def test_lock_that_a_package_tampered_with_is_not_read(kind: str, offline: Workshop, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("six==1.17.0\n# the root key")

    def play(work: Path) -> None:
        target = work / "lock.txt"
        plays: dict[str, Callable[[], object]] = {
            "link": lambda: target.symlink_to(secret),
            "link to nothing": lambda: target.symlink_to("gone"),
            "pipe": lambda: os.mkfifo(target),
            "directory": target.mkdir,
            "nothing": lambda: None,
            "other text": lambda: target.write_text("--index-url https://example.com"),
        }
        plays[kind]()

    with pytest.raises((LockFailed, InvalidScript)):
        await Python().lock(Requirements(specifiers=("six",)), workshop=played_by(play, offline))


async def test_link_in_place_of_the_packages_is_not_followed(offline: Workshop, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.pth").write_text("")
    play = played_by(lambda work: (work / "site").symlink_to(tmp_path / "other"), offline)
    with pytest.raises(LockFailed, match="tampered"):
        await prepare(SIX, play)
    assert (tmp_path / "other" / "x.pth").exists()
    assert not [name for name in directories(offline) if not name.startswith("base-")]


async def test_what_a_package_leaves_beside_its_files_is_removed(offline: Workshop, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "tree").mkdir()

    def play(work: Path) -> None:
        (work / "site").mkdir()
        (work / "site" / "link.pth").symlink_to(tmp_path / "kept")
        (work / "extra").symlink_to(tmp_path / "tree")
        (work / "lock.txt").unlink()
        (work / "lock.txt").symlink_to(tmp_path / "kept")

    environment = await prepare(SIX, played_by(play, offline))
    assert sorted(item.name for item in environment.path.iterdir()) == ["lock.txt", "site"]
    assert (environment.path / "lock.txt").read_text() == SIX
    assert list((environment.path / "site").iterdir()) == []
    assert (tmp_path / "kept").read_text() == "kept"
    assert (tmp_path / "tree").is_dir()
