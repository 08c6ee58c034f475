"""Users' databases: one port, one file a backend, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.registry import Entry, lookup
from tidemill.stores.databases.port import Database

BACKENDS: Final[dict[str, Entry]] = {
    "bigquery": Entry("tidemill.stores.databases.bigquery.database:BigQueryDatabase"),
    "clickhouse": Entry("tidemill.stores.databases.clickhouse.database:ClickHouseDatabase"),
    "mssql": Entry("tidemill.stores.databases.mssql.database:MssqlDatabase", extra="mssql"),
    "mysql": Entry("tidemill.stores.databases.mysql.database:MysqlDatabase"),
    "oracledb": Entry("tidemill.stores.databases.oracle.database:OracleDatabase", extra="oracledb"),
    "postgresql": Entry("tidemill.stores.databases.postgresql.database:PostgresDatabase"),
    "snowflake": Entry("tidemill.stores.databases.snowflake.database:SnowflakeDatabase"),
}
"""The script language of a SQL dialect -> its backend."""


class Backend(Protocol):
    """What an entry of the table leads to."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Database:
        """A database as the value of a resource says, references replaced. It does not connect yet.

        It connects only where `egress` lets it.

        Raises:
            BadRequest: the value lacks something, or has what cannot be; the message names the field.
        """
        ...


def open_database(language: str, value: Mapping[str, object], *, egress: Egress) -> Database:
    """The database that `value` tells of; close it after use. It connects only where `egress` lets it.

    Raises:
        BadRequest: there is no such language, or the value does not fit.
        MissingExtra: its vendor's driver is not installed.
    """
    backend = cast("type[Backend]", lookup(BACKENDS, "database", language))
    return backend.open(value, egress=egress)
