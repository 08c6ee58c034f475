"""Brings a database to the schema of this release: numbered SQL files, forward only, each applied once.

Several servers may start at once: an advisory lock lets one of them migrate while the others wait. Each file runs in a
transaction of its own together with its line in `schema_migration`, so after a crash the next start goes on where
the last one got to. A file whose first line is `-- no transaction` (for CREATE INDEX CONCURRENTLY) runs statement by
statement and may thus be run again from its start: each of its statements must be harmless the second time.

The lock belongs to a session, so `dsn` must be a direct connection, not a transaction pooler.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import AsyncConnection, errors, sql
from psycopg.pq import TransactionStatus

from tidemill.db.checks import RUNTIME_ROLE, require_version
from tidemill.db.queries import statements
from tidemill.db.transaction import translated_errors
from tidemill.model.errors import DatabaseUnusable, Unavailable

MIGRATIONS: Final = Path(__file__).parent / "migrations"
NO_TRANSACTION: Final = "-- no transaction"
LOCK_KEY: Final = 0x7469_6465_6D69_6C6C
"""The advisory lock of migrations: "tidemill" in ASCII."""
LOCK_POLL_S: Final = 0.1
LOCK_TIMEOUT_MS: Final = 2000
"""How long a migration may wait for a table that is in use; while it waits, everybody behind it waits too."""
ATTEMPTS: Final = 15

_FILE: Final = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its file name without `.sql`, its text, and the SHA-256 of that in hex."""

    number: int
    name: str
    text: str
    checksum: str

    @property
    def in_transaction(self) -> bool:
        """Whether it runs whole in one transaction, as all do that do not say otherwise in their first line."""
        return self.text.splitlines()[:1] != [NO_TRANSACTION]


async def migrate(dsn: str, *, directory: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, in order; the names of what was applied, empty where all was there.

    Raises:
        DatabaseUnusable: an applied file has changed, the database is newer than this release, or the server is too
            old; the message names the way out.
        Unavailable: the server cannot be reached, or a table was in use for longer than we retry.
    """
    files = migrations(directory)
    async with _session(dsn) as connection, _lock(connection):
        await connection.execute(
            "create table if not exists schema_migration ("
            " number int primary key, name text not null, checksum text not null,"
            " applied_at timestamptz not null default now())"
        )
        missing = _missing(files, await _applied(connection))
        for migration in missing:
            await _apply_patiently(connection, migration)
        await _make_runtime_role(connection)
    return [migration.name for migration in missing]


async def pending(dsn: str, *, directory: Path = MIGRATIONS) -> list[str]:
    """The names of what `migrate` would apply now; the same errors."""
    async with _session(dsn) as connection:
        cursor = await connection.execute("select to_regclass('schema_migration') is not null")
        row = await cursor.fetchone()
        applied = await _applied(connection) if row and row[0] else {}
    return [migration.name for migration in _missing(migrations(directory), applied)]


def migrations(directory: Path = MIGRATIONS) -> list[Migration]:
    """All files of the directory by number; raises DatabaseUnusable on two of one number or a name out of form."""
    found: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None or int(match["number"]) in found:
            raise DatabaseUnusable(
                f"{path.name} is not a migration: its name must be NNNN_name.sql and its number its own."
            )
        raw = path.read_bytes()
        number = int(match["number"])
        found[number] = Migration(number, path.stem, raw.decode(), hashlib.sha256(raw).hexdigest())
    return list(found.values())


@asynccontextmanager
async def _session(dsn: str) -> AsyncIterator[AsyncConnection[Any]]:
    with translated_errors():
        connection = await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10, prepare_threshold=None)
        async with connection:
            require_version(connection.info.server_version // 10000)
            yield connection


@asynccontextmanager
async def _lock(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Hold the advisory lock.

    It is asked for again and again instead of waited for in the server: a statement that waits there holds a snapshot,
    and CREATE INDEX CONCURRENTLY in the process that has the lock would wait for that one to end, for ever.
    """
    while True:
        cursor = await connection.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY])
        row = await cursor.fetchone()
        if row and row[0]:
            break
        await asyncio.sleep(LOCK_POLL_S)
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute("select pg_advisory_unlock(%s)", [LOCK_KEY])


async def _applied(connection: AsyncConnection[Any]) -> dict[int, tuple[str, str]]:
    cursor = await connection.execute("select number, name, checksum from schema_migration order by number")
    return {number: (name, checksum) for number, name, checksum in await cursor.fetchall()}


def _missing(files: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """What is to be applied, after a check that what was applied is what we know."""
    known = {migration.number: migration for migration in files}
    for number, (name, checksum) in applied.items():
        if number not in known:
            raise DatabaseUnusable(
                f"The database has migration {name}, which this release does not know: it was used by a newer one. "
                "Start that release or a later one, or restore a backup from before the upgrade."
            )
        if known[number].checksum != checksum:
            raise DatabaseUnusable(
                f"Migration {name} is not the file that was applied to this database. Applied migrations never change: "
                "install the release again, and put a change of your own into a new file with a higher number."
            )
    last = max(applied, default=0)
    missing = [migration for migration in files if migration.number not in applied]
    if missing and missing[0].number < last:
        raise DatabaseUnusable(
            f"Migration {missing[0].name} was never applied, but later ones were. Give it a number above {last:04}."
        )
    return missing


async def _apply_patiently(connection: AsyncConnection[Any], migration: Migration) -> None:
    """Apply it; a table in use is let go and tried again, so that nobody queues up behind us for long."""
    for attempt in range(ATTEMPTS):
        try:
            await _apply(connection, migration)
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            await connection.rollback()
            if attempt == ATTEMPTS - 1:
                raise Unavailable(
                    f"Migration {migration.name} needs a table that stays in use. Stop long transactions and old "
                    "servers, then start again; what was applied before is kept."
                ) from error
            await asyncio.sleep(min(0.1 * 2**attempt, 5))
        else:
            return


async def _apply(connection: AsyncConnection[Any], migration: Migration) -> None:
    if not migration.in_transaction:
        await _drop_invalid_indexes(connection, migration)
        await connection.execute(f"set lock_timeout = {LOCK_TIMEOUT_MS}; set tidemill.workspace = '*'".encode())
        for statement in statements(migration.text):
            await connection.execute(statement.encode())
        await connection.execute("reset lock_timeout; reset tidemill.workspace")
        await _record(connection, migration)
        return
    await connection.execute(
        f"begin; set local lock_timeout = {LOCK_TIMEOUT_MS}; set local tidemill.workspace = '*'".encode()
    )
    try:
        await connection.execute(migration.text.encode())
        await _record(connection, migration)
        await connection.commit()
    except BaseException:
        if not connection.closed:
            await connection.rollback()
        raise


async def _record(connection: AsyncConnection[Any], migration: Migration) -> None:
    expected = TransactionStatus.INTRANS if migration.in_transaction else TransactionStatus.IDLE
    if connection.info.transaction_status != expected:
        raise DatabaseUnusable(f"Migration {migration.name} begins or ends a transaction; it must leave that to us.")
    await connection.execute(
        "insert into schema_migration (number, name, checksum) values (%s, %s, %s)",
        [migration.number, migration.name, migration.checksum],
    )


async def _drop_invalid_indexes(connection: AsyncConnection[Any], migration: Migration) -> None:
    """What a broken CREATE INDEX CONCURRENTLY left: IF NOT EXISTS would take it for the index."""
    cursor = await connection.execute(
        "select relname from pg_index join pg_class on pg_class.oid = indexrelid"
        " where not indisvalid and relnamespace = current_schema()::regnamespace"
    )
    for (name,) in await cursor.fetchall():
        if re.search(rf"\b{re.escape(name)}\b", migration.text):
            await connection.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(name)))


async def _make_runtime_role(connection: AsyncConnection[Any]) -> None:
    """Where we logged in above row-level security: the role that transactions step down to, with rights on all tables.

    Roles belong to the whole server, so it may be there already, made by a Tidemill in another database.
    """
    cursor = await connection.execute(
        "select rolsuper, current_schema()::text from pg_roles"
        " where rolname = current_user and (rolsuper or rolbypassrls)"
    )
    row = await cursor.fetchone()
    if row is None:
        return
    is_superuser, schema = row
    names = {"role": sql.Identifier(RUNTIME_ROLE), "schema": sql.Identifier(schema)}
    cursor = await connection.execute("select 1 from pg_roles where rolname = %s", [RUNTIME_ROLE])
    try:
        if await cursor.fetchone() is None:
            await _create_role(connection, names)
        if not is_superuser:
            await connection.execute(sql.SQL("grant {role} to current_user").format(**names))
        for grant in _GRANTS:
            await connection.execute(sql.SQL(grant).format(**names))
    except errors.InsufficientPrivilege as error:
        raise DatabaseUnusable(
            f"We log in above row-level security and may not make the role {RUNTIME_ROLE} to step down to. Have "
            f"an administrator run `create role {RUNTIME_ROLE} nologin; grant {RUNTIME_ROLE} to current_user`, or "
            "connect as a role without BYPASSRLS that owns the database."
        ) from error


async def _create_role(connection: AsyncConnection[Any], names: dict[str, sql.Identifier]) -> None:
    try:
        await connection.execute(sql.SQL("create role {role} nologin").format(**names))
    except (errors.DuplicateObject, errors.UniqueViolation):
        return  # another database's migration was faster


_GRANTS: Final = (
    "grant usage on schema {schema} to {role}",
    "grant select, insert, update, delete on all tables in schema {schema} to {role}",
    "grant usage, select on all sequences in schema {schema} to {role}",
    "grant execute on all functions in schema {schema} to {role}",
    "revoke insert, update, delete on schema_migration from {role}",
    "alter default privileges in schema {schema} grant select, insert, update, delete on tables to {role}",
    "alter default privileges in schema {schema} grant usage, select on sequences to {role}",
)
