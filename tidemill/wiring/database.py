"""Our Postgres: the one that the settings name, or the embedded one in the data directory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from tidemill.db.embedded import EmbeddedPostgres
from tidemill.db.migrate import migrate
from tidemill.db.pool import Database
from tidemill.settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def running_database(settings: Settings) -> AsyncIterator[str]:
    """The connection string of a database that answers: the embedded one is started and stopped around the block."""
    if settings.database_url:
        yield settings.database_url
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with EmbeddedPostgres(settings.data_dir) as embedded:
        yield embedded.dsn


@asynccontextmanager
async def open_database(settings: Settings, dsn: str, *, application: str) -> AsyncIterator[Database]:
    """A migrated database, open for use.

    Raises:
        DatabaseUnusable: it is too old, may lose acknowledged work, or belongs to a newer release.
    """
    for name in await migrate(dsn):
        log.info("migrated", migration=name)
    database = Database(
        dsn,
        pool_size=settings.database_pool_size,
        unsafe_durability=settings.unsafe_durability,
        application=application,
    )
    async with database:
        yield database
