"""A Snowflake account of a user's."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

from tidemill.engine.egress import Egress
from tidemill.model.errors import Unsupported
from tidemill.stores.databases.json_http import OverHttp
from tidemill.stores.databases.pool import to_its_end
from tidemill.stores.databases.port import Capabilities, SessionOptions, Statement
from tidemill.stores.databases.snowflake.api import SnowflakeApi
from tidemill.stores.databases.snowflake.config import SnowflakeConfig
from tidemill.stores.databases.snowflake.session import SnowflakeSession
from tidemill.stores.databases.snowflake.types import digits_of
from tidemill.stores.renewed import utc_now

_ABOUT: Final = "select current_version() as version, current_user() as who, current_role() as role"
_THIRD: Final = Statement(text="select 1::float / 3 as third")


class SnowflakeDatabase(OverHttp):
    """A `Database`."""

    can = Capabilities(transactions=False, together=True, read_only=False, row_locks=False, upsert="merge")

    def __init__(self, config: SnowflakeConfig, egress: Egress) -> None:
        self._config = config
        self._api = SnowflakeApi(config, egress, now=utc_now)
        super().__init__(self._api)
        self._float_digits: int | None = None
        self._asking = asyncio.Lock()

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(SnowflakeConfig.of(value), egress)

    @asynccontextmanager
    async def session(self, options: SessionOptions) -> AsyncIterator[SnowflakeSession]:
        """See `Database.session`."""
        if options.read_only:
            raise Unsupported("Snowflake has no sessions that only read: use a resource whose role may only read.")
        session = SnowflakeSession(self._api, options, self._float_digits_of_server)
        try:
            yield session
            session.require_going()
        except BaseException:
            await to_its_end(session.stop())
            raise

    async def test(self) -> str:
        """See `Database.test`."""
        async with self.session(SessionOptions(statement_timeout_s=10)) as session:
            (result,) = await session.run(Statement(text=_ABOUT))
            (((version, who, role),),) = [batch async for batch in result.batches(1)]
        tls = "encrypted by TLS" if self._config.origin.startswith("https") else "not encrypted"
        return f"Snowflake {version} answers as {who} with the role {role}, {tls}."

    async def _float_digits_of_server(self) -> int:
        """After how many digits Snowflake cuts floats in JSON (some versions: 9); 0 where it does not. Asked once."""
        async with self._asking:
            if self._float_digits is None:
                warehouse = {"warehouse": self._config.warehouse} if self._config.warehouse else {}
                handle = await self._api.submit({"statement": _THIRD.text, **warehouse}, _THIRD)
                answer = await self._api.completed(handle, _THIRD)
                third = str(answer["data"][0][0])
                self._float_digits = 0 if float(third) == 1 / 3 else digits_of(third)
            return self._float_digits
