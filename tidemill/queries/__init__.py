"""Query languages: scripts that a database runs. One port, one runner a family, and the table that names them all."""

from typing import Final

from tidemill.registry import Entry

_SQL: Final = Entry("tidemill.queries.sql:SqlRunner")
_KEYS: Final = Entry("tidemill.queries.redis:RedisRunner")

RUNNERS: Final = {
    "postgresql": _SQL,
    "mysql": _SQL,
    "mssql": _SQL,
    "oracledb": _SQL,
    "snowflake": _SQL,
    "bigquery": _SQL,
    "clickhouse": _SQL,
    "redis": _KEYS,
    "upstash": _KEYS,
    "mongodb": Entry("tidemill.queries.mongodb:MongoRunner"),
}
"""The name of a query language on the wire -> its runner."""
