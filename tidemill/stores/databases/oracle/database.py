"""An Oracle database of a user's."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self

from tidemill.engine.egress import Egress
from tidemill.stores.databases.blocking.database import BlockingDatabase, Connect
from tidemill.stores.databases.oracle.config import OracleConfig
from tidemill.stores.databases.oracle.connection import OracleConnection
from tidemill.stores.databases.port import Capabilities
from tidemill.stores.reach import addresses_of


class OracleDatabase(BlockingDatabase):
    """A `Database`."""

    def __init__(self, config: OracleConfig, egress: Egress) -> None:
        super().__init__(self._find_server, Capabilities(many_rows=True, plans=True, upsert="merge"))
        self._config, self._egress = config, egress

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(OracleConfig.of(value), egress)

    async def _find_server(self) -> Connect:
        """The driver connects to several hosts, and where the listener sends it: each is looked up under the rule."""
        loop = asyncio.get_running_loop()

        def look_up(host: str, port: int) -> Sequence[str]:
            return asyncio.run_coroutine_threadsafe(addresses_of(host, port, self._egress), loop).result()

        return partial(OracleConnection, self._config, look_up)
