"""What we ask of a Postgres before we use it: its version, its durability, and that our policies bind us."""

from typing import Any, Final

from psycopg import AsyncConnection

from tidemill.model.errors import DatabaseUnusable

OLDEST_VERSION: Final = 14
RUNTIME_ROLE: Final = "tidemill_runtime"

_FACTS: Final = f"""
select current_setting('server_version_num')::int / 10000 as major,
       current_setting('server_encoding') as encoding,
       current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       current_user::text as login,
       (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as bypasses,
       (select not rolsuper and not rolbypassrls and pg_has_role(current_user, oid, 'member')
        from pg_roles where rolname = '{RUNTIME_ROLE}') as has_runtime_role
"""  # noqa: S608  # a constant of this module


async def check_server(connection: AsyncConnection[Any], *, unsafe_durability: bool) -> str:
    """The role that transactions must take so that row-level security binds; "" where the login's own will do.

    Raises:
        DatabaseUnusable: with the way out in the message.
    """
    cursor = await connection.execute(_FACTS.encode())
    row = await cursor.fetchone()
    assert row is not None
    columns = [column.name for column in cursor.description or ()]
    facts = dict(zip(columns, row, strict=True))
    require_version(facts["major"])
    if facts["encoding"] != "UTF8":
        raise DatabaseUnusable(
            f"The database's encoding is {facts['encoding']}, which cannot hold every text. "
            "Make one with `create database tidemill encoding 'UTF8' template template0`."
        )
    if not unsafe_durability:
        _require_durability(facts)
    if not facts["bypasses"]:
        return ""
    if facts["has_runtime_role"]:
        return RUNTIME_ROLE
    raise DatabaseUnusable(
        f"The role {facts['login']!r} is above row-level security, and there is no role {RUNTIME_ROLE} to step down "
        "to. Run `tidemill migrate`, which makes it; or connect as a role that is neither superuser nor BYPASSRLS."
    )


def require_version(major: int) -> None:
    """Refuse a server older than we test on."""
    if major < OLDEST_VERSION:
        raise DatabaseUnusable(
            f"This is Postgres {major}; Tidemill needs {OLDEST_VERSION} or later. Upgrade the server."
        )


def _require_durability(facts: dict[str, Any]) -> None:
    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if facts[name] == "off"]
    if off:
        raise DatabaseUnusable(
            f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off on this Postgres: a crash would lose work "
            "that was acknowledged. Turn it on; or, where the storage keeps it anyway or loss is fine, start with "
            "TIDEMILL_UNSAFE_DURABILITY=1."
        )
