"""Tests of connections to databases: does what a resource describes answer."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed, BadRequest, Conflict, ConnectionFailed
from tidemill.stores.databases import open_database


class DatabaseTest:
    """A `ConnectionTest` of one kind of database.

    Attributes:
        language: of its scripts.
        limit_s: it may take so long.
    """

    language: ClassVar[str]
    limit_s: ClassVar[float] = 15.0

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def test(self, value: Mapping[str, object]) -> str:
        """See `ConnectionTest.test`."""
        try:
            database = open_database(self.language, value, egress=self._egress)
        except BadRequest as error:
            raise Conflict(str(error)) from error
        try:
            async with asyncio.timeout(self.limit_s):
                return await database.test()
        except (AddressClosed, ConnectionFailed) as error:
            raise Conflict(str(error)) from error
        except TimeoutError as error:
            raise Conflict(
                f"The database has not answered within {self.limit_s:g} seconds: check host, port and firewalls."
            ) from error
        finally:
            await database.close()


class BigQueryTest(DatabaseTest):
    """Of the resource type `bigquery`."""

    language = "bigquery"


class ClickHouseTest(DatabaseTest):
    """Of the resource type `clickhouse`."""

    language = "clickhouse"


class MssqlTest(DatabaseTest):
    """Of the resource type `ms_sql_server`."""

    language = "mssql"


class MysqlTest(DatabaseTest):
    """Of the resource type `mysql`."""

    language = "mysql"


class OracleTest(DatabaseTest):
    """Of the resource type `oracledb`."""

    language = "oracledb"


class SnowflakeTest(DatabaseTest):
    """Of the resource types `snowflake` and `snowflake_oauth`."""

    language = "snowflake"


class PostgresTest(DatabaseTest):
    """Of the resource type `postgresql`."""

    language = "postgresql"
