"""A SQL Server of a user's."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Self

from tidemill.engine.egress import Egress
from tidemill.stores.databases.blocking.database import BlockingDatabase, Connect
from tidemill.stores.databases.blocking.session import BlockingSession
from tidemill.stores.databases.mssql.config import MssqlConfig
from tidemill.stores.databases.mssql.connection import MssqlConnection
from tidemill.stores.databases.mssql.errors import connection_failed
from tidemill.stores.databases.port import Capabilities, SessionOptions
from tidemill.stores.reach import addresses_of


class MssqlDatabase:
    """A `Database`. Connections that were made to read may lead to a replica, and are kept apart."""

    can = Capabilities(transactional_ddl=True, several_statements=True, row_locks=False, plans=True, upsert="merge")

    def __init__(self, config: MssqlConfig, egress: Egress) -> None:
        self._config, self._egress = config, egress
        self._writing = BlockingDatabase(self._find_server, self.can)
        self._reading = BlockingDatabase(self._find_server, self.can)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(MssqlConfig.of(value), egress)

    def session(self, options: SessionOptions) -> AbstractAsyncContextManager[BlockingSession]:
        """See `Database.session`."""
        return (self._reading if options.read_only else self._writing).session(options)

    async def test(self) -> str:
        """See `Database.test`."""
        return await self._writing.test()

    async def close_idle(self, idle_s: float) -> int:
        """See `Database.close_idle`."""
        return await self._writing.close_idle(idle_s) + await self._reading.close_idle(idle_s)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._writing.close()
        await self._reading.close()

    async def _find_server(self) -> Connect:
        """Connecting asks again where it is sent to: names are looked up in the loop, under the rule."""
        loop = asyncio.get_running_loop()
        try:
            await addresses_of(self._config.host, self._config.port, self._egress)
        except OSError as error:
            raise connection_failed(error, secret=self._config.secret) from error

        def look_up(host: str, port: int) -> Sequence[str]:
            return asyncio.run_coroutine_threadsafe(addresses_of(host, port, self._egress), loop).result()

        return partial(MssqlConnection, self._config, look_up)
