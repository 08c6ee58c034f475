"""The environment of DuckDB jobs: the engine, the extensions that came with Tidemill, and what runs a script in it."""

import asyncio
import functools
import hashlib
import sys
from pathlib import Path
from typing import Final

from tidemill.languages.base_environment import closure, link, link_distribution, make_aside
from tidemill.languages.environments import only_builder
from tidemill.languages.locking import interpreter
from tidemill.languages.port import Environment, Workshop

PACKAGE: Final = "tidemill_duckdb"
_DISTRIBUTIONS: Final = (
    "duckdb",
    "duckdb-extension-httpfs",
    "duckdb-extension-postgres-scanner",
    "duckdb-extension-mysql-scanner",
    "duckdb-extension-azure",
)
_INSIDE: Final = Path(__file__).parent / "inside" / "duckdb"


async def ensure(workshop: Workshop) -> Environment:
    """The environment, made from Tidemill's own installation where it is not there yet; needs no network."""
    root = workshop.environments_dir.resolve()
    root.mkdir(parents=True, exist_ok=True)
    final = root / await asyncio.to_thread(_name)
    if not final.exists():
        async with only_builder(root, "duckdb"):
            await asyncio.to_thread(make_aside, final, _fill)
    return Environment(path=final, python=interpreter(), site_dirs=(final,))


@functools.cache
def _name() -> str:
    """Name of its directory, fixed by all that is in it. Worked out once a process: an installation does not change."""
    digest = hashlib.sha256(sys.version.encode())
    for name in _DISTRIBUTIONS:
        for found in closure(name):
            digest.update(f"{found.name}=={found.version}".encode() + b"\0")
    for file in _sources():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"duckdb-{digest.hexdigest()[:32]}"


def _fill(made: Path) -> None:
    found = {each.name: each for name in _DISTRIBUTIONS for each in closure(name)}
    for each in found.values():
        link_distribution(each, made)
    for file in _sources():
        link(file, made / PACKAGE / file.name, copy=True)


def _sources() -> list[Path]:
    return sorted(_INSIDE.glob("*.py"))
