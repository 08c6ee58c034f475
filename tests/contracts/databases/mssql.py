"""The protocol of SQL Server before a Postgres, for the suite."""

from tests.certificates import Authority
from tests.database_servers import DatabaseServers, Resource, start_embedded, start_mssql


def front_with_authority(servers: DatabaseServers) -> tuple[Resource, Authority]:
    server = servers.get("postgres-embedded", start_embedded)
    return servers.get("mssql", lambda folder, processes: start_mssql(folder, processes, server))


def front(servers: DatabaseServers) -> Resource:
    return front_with_authority(servers)[0]
