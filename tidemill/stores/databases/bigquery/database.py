"""A BigQuery project of a user's."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

from tidemill.engine.egress import Egress
from tidemill.stores.databases.bigquery.api import BigQueryApi
from tidemill.stores.databases.bigquery.config import BigQueryConfig
from tidemill.stores.databases.bigquery.session import BigQuerySession
from tidemill.stores.databases.json_http import OverHttp
from tidemill.stores.databases.pool import to_its_end
from tidemill.stores.databases.port import Capabilities, SessionOptions, Statement
from tidemill.stores.renewed import utc_now


class BigQueryDatabase(OverHttp):
    """A `Database`."""

    can = Capabilities(several_statements=True, row_locks=False, upsert="merge")

    def __init__(self, config: BigQueryConfig, egress: Egress) -> None:
        self._config = config
        self._api = BigQueryApi(config, egress, now=utc_now)
        super().__init__(self._api)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(BigQueryConfig.of(value), egress)

    @asynccontextmanager
    async def session(self, options: SessionOptions) -> AsyncIterator[BigQuerySession]:
        """See `Database.session`."""
        session = BigQuerySession(self._api, options)
        try:
            yield session
            await session.finish()
        except BaseException:
            await to_its_end(session.abandon())
            raise

    async def test(self) -> str:
        """See `Database.test`."""
        async with self.session(SessionOptions(statement_timeout_s=10)) as session:
            (result,) = await session.run(Statement(text="select session_user() as who"))
            rows = [row async for batch in result.batches(1) for row in batch]
        who = self._config.account.email if self._config.account else str(rows[0][0])
        tls = "encrypted by TLS" if self._config.origin.startswith("https") else "not encrypted"
        return f"BigQuery answers as {who} in the project {self._config.project}, {tls}."
