"""A Postgres of a user's, with the connections that are open to it."""

from collections.abc import Collection, Mapping
from typing import Final, Self

from tidemill.engine.egress import Egress
from tidemill.stores.databases.pool import Pool, to_its_end
from tidemill.stores.databases.port import Capabilities, SessionOptions
from tidemill.stores.databases.postgresql.config import Connecting, PostgresConfig
from tidemill.stores.databases.postgresql.connection import Connection
from tidemill.stores.databases.postgresql.session import PostgresSession
from tidemill.stores.databases.postgresql.user_types import UserType, UserTypes

TEST_S: Final = 10.0
_WHO: Final = """
select pg_catalog.version(), current_user::text, pg_catalog.current_database()::text
"""


class PostgresDatabase:
    """A `Database`. What is known of its own types is shared by its sessions."""

    can = Capabilities(transactional_ddl=True, columnar=True, many_rows=True, upsert="on conflict")

    def __init__(self, config: PostgresConfig, egress: Egress) -> None:
        self._config = config
        self._connecting = Connecting(config, egress)
        self._types = UserTypes()
        self._timeout_ms = 0
        self._application = SessionOptions().application
        self._pool: Pool[Connection] = Pool(self._connect)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(PostgresConfig.of(value), egress)

    def session(self, options: SessionOptions) -> "_Sitting":
        """See `Database.session`."""
        return _Sitting(self, options)

    async def begin(self, options: SessionOptions) -> PostgresSession:
        """A session of somebody who ends it by `end` or `give_up`."""
        self._timeout_ms = round(options.statement_timeout_s * 1000)
        self._application = options.application
        connection = await self._pool.take()
        session = PostgresSession(connection, options, types=self._types, look_up=self._look_up)
        try:
            await session.prepare()
        except BaseException:
            await self.give_up(session)
            raise
        return session

    async def end(self, session: PostgresSession) -> None:
        """Of one that went well."""
        try:
            await session.finish()
        except BaseException:
            await self.give_up(session)
            raise
        self._pool.give(session.connection)

    async def give_up(self, session: PostgresSession) -> None:
        """Of one that did not."""
        await to_its_end(self._given_up(session, session.connection))

    async def test(self) -> str:
        """See `Database.test`."""
        connection = await self._pool.take()
        try:
            (found,) = await connection.command(_WHO)
            version, user, database = ((found.get_value(0, column) or b"").decode() for column in range(3))
            tls = "encrypted by TLS" if connection.pgconn.ssl_in_use else "not encrypted"
            pooled = ", through a pooler" if connection.is_pooled else ""
        finally:
            await self._pool.drop(connection)
        product = " ".join(version.split()[:2]).rstrip(",")
        return f"{product} answers as {user} in database {database}, {tls}{pooled}."

    async def close_idle(self, idle_s: float) -> int:
        """See `Database.close_idle`."""
        return await self._pool.close_idle(idle_s)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._pool.close()
        self._connecting.close()

    async def _connect(self) -> Connection:
        return await Connection.open(
            self._connecting,
            timeout_ms=self._timeout_ms,
            application=self._application,
            secret=self._config.password,
        )

    async def _given_up(self, session: PostgresSession, connection: Connection) -> None:
        await session.abandon()
        if connection.is_lost:
            await self._pool.drop(connection)
        else:
            self._pool.give(connection)

    async def _look_up(self, oids: Collection[int]) -> dict[int, UserType]:
        """On another connection, while rows arrive on the session's."""
        connection = await self._pool.take()
        try:
            return await self._types.look_up(connection.driver, oids)
        finally:
            self._pool.give(connection)


class _Sitting:
    """A session as `async with` has it. A generator would cost a small query a twentieth of all."""

    def __init__(self, database: PostgresDatabase, options: SessionOptions) -> None:
        self._database, self._options = database, options

    async def __aenter__(self) -> PostgresSession:
        self._session = await self._database.begin(self._options)
        return self._session

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._database.end(self._session)
        else:
            await self._database.give_up(self._session)
