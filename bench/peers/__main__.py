"""`python -m bench.peers`: flows of other systems and ours in one run, each peer in turns with ours; ratios."""

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import structlog
from rich.console import Console

from bench.figures import Figure, Report
from bench.instance import Instance
from bench.peers.environments import HOME, PEERS, Peer, command_of, environment_of, remove_environments
from bench.peers.ours import Ours, running
from bench.table import show

RESULTS = Path(__file__).parents[1] / "results"
FLOWS = ((40, 10), (10, 33))
_LONG_ROUNDS = 2
"""Of the flow whose steps take long: what lies between them hardly counts there."""
_MODES = {"apart": "a process for each step", "inside": "steps inside of its worker"}
_PATIENCE_S = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--clean", action="store_true", help="remove the environments of the peers, and run nothing")
    parser.add_argument("--rounds", type=int, default=5, help="how often each flow is run; once where it is slow")
    arguments = parser.parse_args()
    if arguments.clean:
        remove_environments()
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = asyncio.run(run(arguments.only or names, rounds=arguments.rounds))
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"peers-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    show(report, Console(width=None if sys.stdout.isatty() else 170))
    print(f"Kept in {kept}.")
    sys.exit(1 if report.failures else 0)


async def run(names: list[str], *, rounds: int) -> Report:
    """Each peer beside ours; one that cannot be had here is told, and the others go on."""
    report = Report()
    async with Instance() as instance, running(instance) as ours:
        report.figures += await _bare(ours, rounds)
        for peer in PEERS:
            if peer.name not in names:
                continue
            report.note_load(peer.name)
            print(f"» {peer.title}", file=sys.stderr, flush=True)
            try:
                report.figures += await _beside(ours, instance, peer, 1 if peer.slow else rounds)
            except (OSError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
                report.failures.append(f"{peer.name}: {type(error).__name__}: {error}")
    return report


async def _bare(ours: Ours, rounds: int) -> list[Figure]:
    figures = []
    for steps, number in FLOWS:
        mine, raw = [], []
        if number == 10:  # warms up: plans, the environment, the parked interpreter
            await ours.flow(steps, number)
        for _ in range(_rounds(number, rounds)):
            raw.append(await ours.bare(steps, number))
            mine.append(await ours.flow(steps, number))
        figures.append(_figure(steps, number, mine, raw, name="bare", against="a bare loop, children forked ahead"))
    return figures


async def _beside(ours: Ours, instance: Instance, peer: Peer, rounds: int) -> list[Figure]:
    figures = []
    async with _started(peer, instance) as (program, modes):
        await _asked(program, 2, 10, modes[0])  # imports, plans, processes
        for steps, number in FLOWS:
            for mode in modes:
                mine, theirs = [], []
                for _ in range(_rounds(number, rounds)):
                    mine.append(await ours.flow(steps, number))
                    theirs.append(await _asked(program, steps, number, mode))
                against = f"{peer.title}, {_MODES[mode]}"
                name, aim = f"{peer.name}_{mode}", peer.aim if number == 10 else None
                figures.append(_figure(steps, number, mine, theirs, name=name, against=against, aim=aim))
    return figures


def _rounds(number: int, rounds: int) -> int:
    return rounds if number == 10 else min(rounds, _LONG_ROUNDS)


def _figure(
    steps: int,
    number: int,
    mine: list[float],
    theirs: list[float],
    *,
    name: str,
    against: str,
    aim: float | None = None,
) -> Figure:
    return Figure(
        name=f"flow_{steps}_fib_{number}_{name}",
        title=f"a flow of {steps} steps of fib({number})",
        unit="s",
        ours=mine,
        raw=theirs,
        against=against,
        more_is_better=False,
        aim=aim,
    )


@asynccontextmanager
async def _started(peer: Peer, instance: Instance) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """The peer's program with the modes that it has, in a session of its own, which ends with the block."""
    command = command_of(peer)
    HOME.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{peer.name}-", dir=HOME))
    dsn = await _database(peer, instance)
    with (directory / "log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            *command,
            env=environment_of(peer, directory, dsn),
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        told = await _heard(program, directory)
        yield program, told["modes"]
    finally:
        await _ended(program)
        shutil.rmtree(directory, ignore_errors=True)


async def _database(peer: Peer, instance: Instance) -> str:
    """A database for the peer alone, on the same Postgres as ours; its URL."""
    async with await psycopg.AsyncConnection.connect(instance.superuser_dsn, autocommit=True) as connection:
        await connection.execute(f"drop database if exists peer_{peer.name}".encode())
        await connection.execute(f"create database peer_{peer.name}".encode())
        info = connection.info
        return f"postgresql://{info.user}:{info.password}@/peer_{peer.name}?host={info.host}&port={info.port}"


async def _asked(program: asyncio.subprocess.Process, steps: int, number: int, mode: str) -> float:
    assert program.stdin is not None
    program.stdin.write(f"{steps} {number} {mode}\n".encode())
    return float(await _heard(program, None))


async def _heard(program: asyncio.subprocess.Process, directory: Path | None) -> "float | dict[str, list[str]]":
    assert program.stdout is not None
    async with asyncio.timeout(_PATIENCE_S):
        line = await program.stdout.readline()
    if not line:
        said = "" if directory is None else (directory / "log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"It ended by itself. {said}")
    return json.loads(line)


async def _ended(program: asyncio.subprocess.Process) -> None:
    """Let it end by itself, and end what it left in its session."""
    assert program.stdin is not None
    program.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            await program.wait()
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    await program.wait()


if __name__ == "__main__":
    main()
