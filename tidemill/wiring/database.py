"""Our Postgres: the one that the settings name, or the embedded one in the data directory."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from psycopg.conninfo import make_conninfo

from tidemill.db.cluster import APPLICATION, load_or_make_passwords
from tidemill.db.embedded import PORT, EmbeddedPostgres
from tidemill.db.migrate import migrate
from tidemill.db.pool import Database
from tidemill.db.prune import make_months
from tidemill.model.errors import ConfigurationError, TidemillError
from tidemill.settings import Settings

_RESTART_S: Final = 1.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def running_database(settings: Settings) -> AsyncIterator[str]:
    """The connection string of a database that answers: the embedded one is started and stopped around the block.

    Should the embedded one end by itself meanwhile, it is started again, at the same address.
    """
    if settings.database_url:
        yield settings.database_url
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with EmbeddedPostgres(settings.data_dir) as embedded:
        keeping = asyncio.create_task(_keep_running(embedded), name="embedded database")
        try:
            yield embedded.dsn
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


async def _keep_running(embedded: EmbeddedPostgres) -> None:
    while True:
        code = await embedded.wait()
        log.error("the database ended by itself; starting it again", code=code)
        try:
            await embedded.start()
        except TidemillError as error:
            log.warning("the database does not start", error=str(error))
            await asyncio.sleep(_RESTART_S)


@asynccontextmanager
async def reach_database(settings: Settings) -> AsyncIterator[str]:
    """The connection string of the database that `tidemill up` or your servers use, for a command beside them.

    That is DATABASE_URL, else the embedded one of the data directory: as it runs, or started for the block.

    Raises:
        ConfigurationError: there is neither.
    """
    if settings.database_url:
        yield settings.database_url
    elif running := running_embedded(settings.data_dir):
        yield running
    elif not (settings.data_dir / "postgres" / "cluster").exists():
        raise ConfigurationError(
            f"There is no database in {settings.data_dir.absolute()}: name the directory of `tidemill up` with "
            "--data-dir, or set DATABASE_URL."
        )
    else:
        async with EmbeddedPostgres(settings.data_dir) as embedded:
            yield embedded.dsn


def running_embedded(data_dir: Path) -> str:
    """The connection string of the embedded database that another process runs on `data_dir`; "" where none does.

    Where it listens is told by its pid file; the password is in a file that only its owner may read.
    """
    home = data_dir.absolute() / "postgres"
    cluster = home / "cluster"
    if not _is_locked(home / "lock"):
        return ""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    if len(lines) < 8 or lines[7].strip() != "ready":
        return ""
    passwords = load_or_make_passwords(home / "passwords.json", cluster)
    return make_conninfo(host=lines[4], port=PORT, user=APPLICATION, password=passwords.application, dbname=APPLICATION)


def _is_locked(path: Path) -> bool:
    """Whether a launcher holds the lock of its directory, and so lives."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@asynccontextmanager
async def open_database(settings: Settings, dsn: str, *, application: str) -> AsyncIterator[Database]:
    """A migrated database, open for use, with the partitions of the months to come.

    Those are made before jobs are taken: later, their making and the taking of jobs would wait for locks of each other.

    Raises:
        DatabaseUnusable: it is too old, may lose acknowledged work, or belongs to a newer release.
    """
    for name in await migrate(dsn):
        log.info("migrated", migration=name)
    async with use_database(settings, dsn, application=application) as database:
        await make_months(database)
        yield database


@asynccontextmanager
async def use_database(settings: Settings, dsn: str, *, application: str) -> AsyncIterator[Database]:
    """A database as it is, open for use: for commands, which migrate nothing unasked."""
    database = Database(
        dsn,
        pool_size=settings.database_pool_size,
        unsafe_durability=settings.unsafe_durability,
        application=application,
    )
    async with database:
        yield database
