"""Tests of connections: does what a resource describes answer. A store adds its tester here, by resource type."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.model.errors import Unsupported
from tidemill.registry import Entry, lookup


class ConnectionTest(Protocol):
    """Tries a connection."""

    def __init__(self, egress: Egress) -> None:
        """It connects only where `egress` lets it."""

    async def test(self, value: Mapping[str, object]) -> str:
        """Connect with the value of a resource, references replaced; a sentence on what answered, without secrets.

        Bounded in time by itself (a few seconds).

        Raises:
            Conflict: it cannot be reached, or refuses; the message says why, without secrets.
            MissingExtra: the vendor's library is not installed.
        """
        ...


TESTERS: Final[dict[str, Entry]] = {
    "azure_blob": Entry("tidemill.stores.objects.examination:AzureTest"),
    "bigquery": Entry("tidemill.stores.databases.examination:BigQueryTest"),
    "clickhouse": Entry("tidemill.stores.databases.examination:ClickHouseTest"),
    "gcloud_storage": Entry("tidemill.stores.objects.examination:GcsTest"),
    "mongodb": Entry("tidemill.stores.documents.examination:MongoTest"),
    "ms_sql_server": Entry("tidemill.stores.databases.examination:MssqlTest"),
    "mysql": Entry("tidemill.stores.databases.examination:MysqlTest"),
    "oracledb": Entry("tidemill.stores.databases.examination:OracleTest"),
    "postgresql": Entry("tidemill.stores.databases.examination:PostgresTest"),
    "redis": Entry("tidemill.stores.keys.examination:KeysTest"),
    "s3": Entry("tidemill.stores.objects.examination:S3Test"),
    "snowflake": Entry("tidemill.stores.databases.examination:SnowflakeTest"),
    "snowflake_oauth": Entry("tidemill.stores.databases.examination:SnowflakeTest"),
    "upstash": Entry("tidemill.stores.keys.examination:KeysTest"),
}
"""Resource type -> its tester."""

BY_IDENTITY: Final = frozenset({"s3_aws_oidc", "azure_workload_identity"})
"""Those where the path of a resource is part of what proves who asks: they are tried out by the object service."""


def tester_of(resource_type: str, egress: Egress) -> ConnectionTest:
    """The tester of a resource type, which connects only where `egress` lets it.

    Raises:
        Unsupported: there is none.
        MissingExtra: its library is not installed.
    """
    if resource_type in BY_IDENTITY:
        raise Unsupported(
            f"Who asks is proven by the path of a resource of the type '{resource_type}': save it, then test that."
        )
    if resource_type not in TESTERS:
        raise Unsupported(
            f"Connections of the resource type '{resource_type}' cannot be tested: run a script that uses the resource."
        )
    return cast("type[ConnectionTest]", lookup(TESTERS, "connection test", resource_type))(egress)
