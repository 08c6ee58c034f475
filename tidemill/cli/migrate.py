"""`tidemill migrate`: brings the database to this release."""

import asyncio
import sys
from typing import Annotated

import typer

from tidemill.cli.beside import command_settings
from tidemill.cli.output import DataDir, Json, emit, new_app, write_line
from tidemill.db import migrate as migrations
from tidemill.settings import Settings
from tidemill.wiring.database import reach_database

app = new_app()


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 when something is missing.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Apply what is missing, in order. `up` and `server` do this when they start; it is safe beside running ones."""
    applied, pending = asyncio.run(_migrate(command_settings(data_dir), check=check))
    if as_json:
        emit({"applied": applied, "pending": pending})
    else:
        for name in applied:
            write_line(f"applied  {name}")
        for name in pending:
            write_line(f"pending  {name}")
        if not applied and not pending:
            write_line("The database has all migrations of this release.")
    sys.exit(1 if pending else 0)


async def _migrate(settings: Settings, *, check: bool) -> tuple[list[str], list[str]]:
    async with reach_database(settings) as dsn:
        if check:
            return [], await migrations.pending(dsn)
        return await migrations.migrate(dsn), []
