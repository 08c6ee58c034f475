"""Real database servers for the tests, on TCP, each started when a test first needs it and kept for the session.

`tests/prepare.py` installs them. Where one is missing, its tests are skipped with the reason; in CI they fail.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar, cast

import duckdb
import psycopg
import pytest

from tests.certificates import Authority, key_pair
from tests.postgres import system_binaries
from tests.prepare import VENVS
from tests.processes import Processes, free_port, new_folder, wait_for_http, wait_for_port
from tidemill.db.cluster import reachable_binaries
from tidemill.db.embedded import find_binaries
from tidemill.db.unprivileged import account_for

T = TypeVar("T")
Resource = dict[str, object]


class Missing(Exception):
    """A server is not installed; says how to come by it."""


class Postgres:
    """A Postgres on loopback that wants passwords. `resource` leads to its database `postgres` as a superuser."""

    def __init__(self, binaries: Path, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.authority: Authority | None = None
        self.port, self.password = free_port(), secrets.token_urlsafe(12)
        folder.chmod(0o711)
        self.cluster = folder / "cluster"
        self.account = account_for(self.cluster)
        self.binaries = reachable_binaries(binaries, self.account)
        self.cluster.mkdir(mode=0o700)
        self._own(self.cluster)
        self._initdb()

    def start(self, **settings: str) -> None:
        """With further settings of the server's."""
        given = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""} | settings
        given |= {"shared_buffers": "32MB", "max_connections": "40", "fsync": "off"}
        options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        self.processes.start([str(self.binaries / "postgres"), "-D", str(self.cluster), *options], account=self.account)
        deadline = time.monotonic() + 60
        while not self._answers():
            self.processes.assert_alive()
            assert time.monotonic() < deadline, "Postgres does not answer"
            time.sleep(0.02)

    @property
    def resource(self) -> Resource:
        login: Resource = {"user": "postgres", "password": self.password, "dbname": "postgres"}
        return {"host": "127.0.0.1", "port": self.port, **login, "sslmode": "disable"}

    def connect(self, dbname: str = "postgres") -> psycopg.Connection:
        """By psycopg itself, as a second opinion."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=self.password, dbname=dbname, autocommit=True
        )

    def write(self, name: str, content: str) -> Path:
        """A file that the server may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(content)
        self._own(path)
        return path

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _own(self, path: Path) -> None:
        if self.account:
            self.account.own(path)

    def _initdb(self) -> None:
        password_file = self.write("password", self.password)
        subprocess.run(
            [
                *(self.binaries / "initdb", "-D", self.cluster, "-U", "postgres", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            **(self.account.popen_arguments() if self.account else {}),
        )


def start_embedded(folder: Path, processes: Processes) -> Postgres:
    """The version that Tidemill brings along; it has no TLS."""
    server = Postgres(find_binaries(), folder, processes)
    server.start()
    return server


def start_system(folder: Path, processes: Processes) -> Postgres:
    """The machine's own, with TLS; see `ACCESS` for who must use it."""
    binaries = system_binaries()
    if binaries is None:
        raise Missing("this machine has no Postgres of its own (Debian: apt-get install postgresql)")
    server = Postgres(binaries, folder, processes)
    authority = Authority()
    certificate, key = authority.issue("localhost")
    settings = {
        "ssl_cert_file": server.write("server.pem", certificate),
        "ssl_key_file": server.write("server.key", key),
        "ssl_ca_file": server.write("authority.pem", authority.pem),
        "hba_file": server.write("access.conf", ACCESS),
    }
    server.authority = authority
    server.start(ssl="on", **{name: str(path) for name, path in settings.items()})
    return server


ACCESS: Final = """
hostnossl all only_tls all reject
hostssl all certified all cert
host all all all scram-sha-256
"""


def start_pgbouncer(server: Postgres, folder: Path, processes: Processes, *, options: str = "") -> int:
    """In transaction mode, before `server`; its port."""
    program = shutil.which("pgbouncer")
    if program is None:
        raise Missing("pgbouncer is not on this machine (Debian: apt-get install pgbouncer)")
    port = free_port()
    users = server.write(f"users-{port}", f'"postgres" "{server.password}"\n')
    settings = f"""
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
server_lifetime = 1
{options}
"""
    path = server.write(f"pgbouncer-{port}.ini", settings)
    processes.start([program, "--quiet", str(path)], account=server.account)
    wait_for_port(port, processes)
    return port


class MariaDb:
    """A MariaDB on loopback. `resource` leads to its database `main` as a user who may do anything."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        if not all(map(shutil.which, ("mariadbd", "mariadb-install-db"))):
            raise Missing("MariaDB is not on this machine (Debian: apt-get install mariadb-server)")
        folder.chmod(0o711)
        data = folder / "data"
        self.account = account_for(data)
        data.mkdir(mode=0o700)
        self.port, self.password = free_port(), secrets.token_urlsafe(12)
        self.authority = Authority()
        certificate, key = self.authority.issue("localhost")
        files = {"cert.pem": certificate, "key.pem": key, "begin.sql": self._begin()}
        for name, content in files.items():
            (folder / name).write_text(content)
        for path in (data, *(folder / name for name in files)):
            if self.account:
                self.account.own(path)
        as_account = self.account.popen_arguments() if self.account else {}
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        subprocess.run(
            [*install, "--auth-root-authentication-method=normal"],
            check=True, cwd="/", capture_output=True, **as_account,
        )  # fmt: skip
        program = shutil.which("mariadbd") or ""
        options = [f"--datadir={data}", f"--socket={folder}/data/socket", f"--port={self.port}"]
        options += ["--bind-address=127.0.0.1", f"--init-file={folder}/begin.sql", "--innodb-flush-log-at-trx-commit=0"]
        options += [f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem", "--innodb-buffer-pool-size=32M"]
        processes.start([program, "--no-defaults", *options], account=self.account)
        wait_for_port(self.port, processes)

    def _begin(self) -> str:
        grant = "grant all privileges on *.* to {user}@'%' identified by '{password}'{more};"
        return "\n".join(
            (
                "create database if not exists main character set utf8mb4;",
                grant.format(user="admin", password=self.password, more=" with grant option"),
                grant.format(user="only_tls", password=self.password, more=" require ssl"),
            )
        )

    @property
    def resource(self) -> Resource:
        login: Resource = {"user": "admin", "password": self.password, "database": "main"}
        return {"host": "127.0.0.1", "port": self.port, **login, "ssl": False}


class DatabaseServers:
    """Servers by name; `stop` ends those that were started."""

    def __init__(self) -> None:
        self._running: dict[str, object] = {}
        self._started: list[tuple[Processes, Path]] = []

    def get(self, name: str, start: Callable[[Path, Processes], T]) -> T:
        """What `start` gave when it was first asked for; skips the test where it is not installed, fails it in CI."""
        if name not in self._running:
            folder = new_folder(name)
            processes = Processes(folder)
            self._started.append((processes, folder))
            try:
                self._running[name] = start(folder, processes)
            except Missing as reason:
                if os.environ.get("CI") == "true":
                    pytest.fail(str(reason))
                pytest.skip(str(reason))
        return cast("T", self._running[name])

    def stop(self) -> None:
        for processes, folder in reversed(self._started):
            processes.stop()
            shutil.rmtree(folder)


@contextmanager
def database_servers_of_session() -> Iterator[DatabaseServers]:
    servers = DatabaseServers()
    try:
        yield servers
    finally:
        servers.stop()


def start_bigquery(folder: Path, processes: Processes) -> Resource:
    """An emulator of BigQuery, which asks for no key, with a dataset `main`; a resource's value that leads there."""
    venv = VENVS / "bqemulator"
    program = venv / "bin" / "bqemulator"
    if not program.is_file():
        raise Missing("bqemulator is not installed: run python tests/prepare.py")
    home = _home_with_extension(folder, venv, "spatial")
    port = free_port()
    ports = ["--rest-port", str(port), "--grpc-port", str(free_port())]
    processes.start(
        [str(program), "start", *ports, "--project", "mill", "--log-level", "error"], environment={"HOME": str(home)}
    )
    origin = f"http://127.0.0.1:{port}"
    wait_for_http(origin, processes)
    body = json.dumps({"datasetReference": {"datasetId": "main"}}).encode()
    request = urllib.request.Request(
        f"{origin}/bigquery/v2/projects/mill/datasets", body, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60):
        pass
    return {"project_id": "mill", "endPoint": origin}


def _home_with_extension(folder: Path, venv: Path, name: str) -> Path:
    """A home directory where the DuckDB of `venv` finds an extension that is a package there."""
    (extension,) = venv.glob(f"lib/*/site-packages/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")
    (platform,) = duckdb.sql("pragma platform").fetchall()[0]
    place = folder / "home" / ".duckdb" / "extensions" / extension.parent.name / str(platform)
    place.mkdir(parents=True)
    (place / extension.name).symlink_to(extension)
    return folder / "home"


def start_snowflake(folder: Path, processes: Processes) -> Resource:
    """An emulator of Snowflake behind a front of our own, for one user by his key pair; a resource's value for him."""
    program = VENVS / "fakesnow" / "bin" / "python"
    if not program.is_file():
        raise Missing("fakesnow is not installed: run python tests/prepare.py")
    private, public = key_pair()
    (folder / "public.pem").write_text(public)
    port = free_port()
    front = Path(__file__).parent / "servers" / "snowflake_front.py"
    processes.start([str(program), str(front), str(port), str(folder / "public.pem")])
    wait_for_port(port, processes)
    return {
        "account_identifier": "org-mill", "username": "reader", "private_key": private, "public_key": public,
        "database": "mill", "schema": "public", "endPoint": f"http://127.0.0.1:{port}",
    }  # fmt: skip


CLICKHOUSE_PASSWORD: Final = "secret"
"""Of the front of chDB, which knows no other."""


def start_clickhouse(folder: Path, processes: Processes) -> Resource:
    """ClickHouse's engine as a library, behind a front of our own; the value of a resource that leads there."""
    program = VENVS / "chdb" / "bin" / "python"
    if not program.is_file():
        raise Missing("chdb is not installed: run python tests/prepare.py")
    port = free_port()
    front = Path(__file__).parent / "servers" / "clickhouse_front.py"
    processes.start([str(program), str(front), str(port), str(folder / "data")])
    wait_for_port(port, processes)
    return {"host": f"http://127.0.0.1:{port}", "username": "default", "password": CLICKHOUSE_PASSWORD}


def start_mssql(folder: Path, processes: Processes, server: Postgres) -> tuple[Resource, Authority]:
    """What speaks SQL Server's protocol before a Postgres, over TLS; the value of a resource that leads there."""
    authority = Authority()
    port, password = free_port(), secrets.token_urlsafe(12)
    for name, content in zip(("cert.pem", "key.pem"), authority.issue("localhost"), strict=True):
        (folder / name).write_text(content)
    front = Path(__file__).parent / "servers" / "mssql_front.py"
    files = (str(folder / "cert.pem"), str(folder / "key.pem"))
    conninfo = f"host=127.0.0.1 port={server.port} user=postgres password={server.password} dbname=postgres"
    processes.start([sys.executable, str(front), str(port), conninfo, *files, "sa", password, f"token-{password}"])
    wait_for_port(port, processes)
    login: Resource = {"user": "sa", "password": password, "dbname": "main"}
    return {"host": "localhost", "port": port, **login, "ca_cert": authority.pem}, authority
