"""A MariaDB for the suite."""

from tests.database_servers import DatabaseServers, MariaDb, Resource


def server(servers: DatabaseServers) -> MariaDb:
    return servers.get("mariadb", MariaDb)


def resource(servers: DatabaseServers) -> Resource:
    return server(servers).resource
