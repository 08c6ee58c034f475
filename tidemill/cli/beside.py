"""Runs what a command does on the database, beside servers that work on it, or alone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import typer

from tidemill.cli.logs import set_up_logs
from tidemill.db.migrate import pending
from tidemill.db.pool import Actor, Database
from tidemill.model.errors import BadRequest, DatabaseUnusable
from tidemill.model.identity import Principal
from tidemill.settings import Settings
from tidemill.wiring.database import reach_database, use_database

T = TypeVar("T")

OPERATOR = Principal(email="command line")
"""Who signs what a command changes: whoever may run it holds the database and its keys anyway."""
OPERATING = Actor("command line")


def on_database(data_dir: Path | None, work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """What `work` gives, on the database of the settings or of `data_dir`, which must be migrated."""
    settings = command_settings(data_dir)

    async def run() -> T:
        async with migrated_database(settings) as database:
            return await work(database, settings)

    return asyncio.run(run())


def command_settings(data_dir: Path | None) -> Settings:
    """The settings of a command; its log tells of trouble only."""
    settings = Settings.from_environment(data_dir=data_dir)
    set_up_logs(settings, quiet=True)
    return settings


@asynccontextmanager
async def migrated_database(settings: Settings) -> AsyncIterator[Database]:
    """The database that servers use, or would.

    Raises:
        DatabaseUnusable: it has not the schema of this release.
    """
    async with reach_database(settings) as dsn:
        if missing := await pending(dsn):
            raise DatabaseUnusable(
                f"The database lacks {len(missing)} migrations of this release: run `tidemill migrate`."
            )
        async with use_database(settings, dsn, application="tidemill command") as database:
            yield database


def read_password() -> str:
    """One line of standard input."""
    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise BadRequest("There is no password on standard input.")
    return password


def confirm(question: str, *, sure: bool) -> None:
    """Ask before something that cannot be undone; `--yes` answers.

    Raises:
        BadRequest: there is nobody to ask.
    """
    if sure:
        return
    if not sys.stdin.isatty():
        raise BadRequest(f"{question} Say --yes.")
    typer.confirm(question, abort=True, err=True)
