"""Postgres servers for the suite: the embedded one, the machine's own with TLS, and that one behind pgbouncer."""

from pathlib import Path

from tests.certificates import Authority
from tests.database_servers import (
    DatabaseServers,
    Postgres,
    Resource,
    start_embedded,
    start_pgbouncer,
    start_system,
)
from tests.processes import Processes

__all__ = ["Authority", "start_embedded"]


def embedded(servers: DatabaseServers) -> Resource:
    return servers.get("postgres-embedded", start_embedded).resource


def system(servers: DatabaseServers) -> Resource:
    return system_server(servers).resource


def pooled(servers: DatabaseServers) -> Resource:
    """Pgbouncer refuses settings of the start."""
    return behind_pgbouncer(servers, "pgbouncer")


def pooled_and_ignoring(servers: DatabaseServers) -> Resource:
    """Pgbouncer takes settings of the start and forgets them, as many are set up to do."""
    options = "ignore_startup_parameters = options,extra_float_digits"
    return behind_pgbouncer(servers, "pgbouncer-ignoring", options=options)


def system_server(servers: DatabaseServers) -> Postgres:
    return servers.get("postgres-system", start_system)


def behind_pgbouncer(servers: DatabaseServers, name: str, *, options: str = "") -> Resource:
    server = system_server(servers)

    def start(folder: Path, processes: Processes) -> int:
        return start_pgbouncer(server, folder, processes, options=options)

    return {**server.resource, "port": servers.get(name, start)}
