"""A MySQL or MariaDB of a user's."""

from collections.abc import Mapping
from functools import partial
from typing import Self

from tidemill.engine.egress import Egress
from tidemill.stores.databases.blocking.database import BlockingDatabase, Connect
from tidemill.stores.databases.mysql.config import MysqlConfig
from tidemill.stores.databases.mysql.connection import MysqlConnection
from tidemill.stores.databases.mysql.errors import connection_failed
from tidemill.stores.databases.port import Capabilities
from tidemill.stores.reach import addresses_of


class MysqlDatabase(BlockingDatabase):
    """A `Database`."""

    def __init__(self, config: MysqlConfig, egress: Egress) -> None:
        super().__init__(self._find_server, Capabilities(columnar=True, many_rows=True, upsert="on duplicate key"))
        self._config, self._egress = config, egress

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(MysqlConfig.of(value), egress)

    async def _find_server(self) -> Connect:
        try:
            addresses = await addresses_of(self._config.host, self._config.port, self._egress)
        except OSError as error:
            raise connection_failed(error, secret=self._config.password) from error
        return partial(MysqlConnection, self._config, addresses)
