"""Real Postgres servers for the tests: the embedded one and the machine's, each with a migrated template database."""

import asyncio
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.processes import new_folder
from tidemill.db import postmaster
from tidemill.db.embedded import EmbeddedPostgres, find_binaries
from tidemill.db.migrate import migrate
from tidemill.db.unprivileged import account_for

APPLICATION = "tidemill"
TEMPLATE = "tidemill_template"
_numbers = itertools.count()


class PostgresServer(Protocol):
    """What tests ask of a server. Its files are in a temporary directory; it ends with the process of the tests."""

    binaries: Path

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None:
        """End it as a crash would: every process of it at once, by SIGKILL."""
        ...

    def dsn(self, database: str) -> str:
        """For the application's role, which owns the database."""
        ...

    def superuser_dsn(self, database: str) -> str: ...


class Embedded:
    """The server that Tidemill brings along."""

    def __init__(self) -> None:
        self._directory = new_folder("postgres")
        self.postgres = EmbeddedPostgres(self._directory)
        self.binaries = find_binaries()

    def start(self) -> None:
        asyncio.run(self.postgres.start())

    def stop(self) -> None:
        asyncio.run(self.postgres.stop())

    def kill(self) -> None:
        kill_tree(self.postgres.pid)
        asyncio.run(self.postgres.stop())

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def dsn(self, database: str) -> str:
        return make_conninfo(self.postgres.dsn, dbname=database)

    def superuser_dsn(self, database: str) -> str:
        return make_conninfo(self.postgres.superuser_dsn, dbname=database)


class System:
    """The server that is installed on this machine, on a directory of its own, under an unprivileged account."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self._directory = new_folder("postgres")
        self._directory.chmod(0o711)
        self._cluster, self._socket = self._directory / "cluster", self._directory / "socket"
        self._account = account_for(self._cluster)
        self._password = secrets.token_urlsafe(12)
        self._process: postmaster.Process | None = None
        for directory in (self._cluster, self._socket):
            directory.mkdir(mode=0o700)
            if self._account:
                self._account.own(directory)
        self._initdb()

    def _initdb(self) -> None:
        password_file = self._socket / "password"
        password_file.write_text(self._password)
        if self._account:
            self._account.own(password_file)
        subprocess.run(
            [
                *(self.binaries / "initdb", "-D", self._cluster, "-U", "admin", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            **(self._account.popen_arguments() if self._account else {}),
        )
        password_file.unlink()

    def start(self) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": str(self._socket), "port": "5432"}
        options |= {"logging_collector": "off", "shared_buffers": "32MB", "max_connections": "60"}
        with (self._directory / "log").open("ab") as log:
            self._process = postmaster.spawn(
                self.binaries / "postgres", self._cluster, account=self._account, by_path=True, options=options, log=log
            )
        while not postmaster.is_ready(self._cluster, self._process.pid):
            assert self._process.poll() is None, (self._directory / "log").read_text()
            time.sleep(0.01)
        with psycopg.connect(self.superuser_dsn("postgres"), autocommit=True) as connection:
            if not connection.execute("select from pg_roles where rolname = %s", [APPLICATION]).rowcount:
                statement = sql.SQL("create role {} login password {}")
                connection.execute(statement.format(sql.Identifier(APPLICATION), sql.Literal(self._password)))

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        assert self._process
        kill_tree(self._process.pid)
        self._process.wait()
        self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def dsn(self, database: str) -> str:
        return self._dsn(APPLICATION, database)

    def superuser_dsn(self, database: str) -> str:
        return self._dsn("admin", database)

    def _dsn(self, user: str, database: str) -> str:
        return make_conninfo(host=str(self._socket), port=5432, user=user, password=self._password, dbname=database)


def kill_tree(pid: int) -> None:
    """SIGKILL a postmaster and its children, none of which can be reused meanwhile: they are found by their parent."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for process in (pid, *children):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def system_binaries() -> Path | None:
    """Where the newest Postgres of this machine is, or None."""
    versioned = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = str(versioned[-1]) if versioned else shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def make_template(server: PostgresServer) -> None:
    """A database with all migrations applied, to be copied for each test."""
    with administrator(server) as connection:
        connection.execute(f"create database {TEMPLATE} owner {APPLICATION}")
        make_passwords_quick(connection, server.superuser_dsn("postgres"), server.dsn(TEMPLATE))
    asyncio.run(migrate(server.dsn(TEMPLATE)))


def make_passwords_quick(connection: psycopg.Connection, *dsns: str) -> None:
    """Keep the passwords as they are, with one round of hashing instead of 4,096: each test connects several times."""
    if connection.info.server_version < 160000:
        return
    connection.execute("set scram_iterations = 1")
    for login in map(conninfo_to_dict, dsns):
        statement = sql.SQL("alter role {} password {}")
        connection.execute(statement.format(sql.Identifier(str(login["user"])), sql.Literal(login["password"])))


@contextmanager
def new_database(server: PostgresServer, *, template: str = TEMPLATE) -> Iterator[str]:
    """The name of a new database that the application's role owns; dropped at the end, whoever is still connected."""
    with administrator(server) as connection:
        name = create_database(connection, template)
    try:
        yield name
    finally:
        with administrator(server) as connection:  # the test may have ended the server and started it again
            drop_database(connection, name)


def administrator(server: PostgresServer) -> psycopg.Connection:
    return psycopg.connect(server.superuser_dsn("postgres"), autocommit=True)


def create_database(connection: psycopg.Connection, template: str) -> str:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection.execute(f"create database {name} template {template} owner {APPLICATION} strategy file_copy")
    return name


def drop_database(connection: psycopg.Connection, name: str) -> None:
    connection.execute(f"drop database if exists {name} with (force)")


class DatabasesAhead:
    """Copies of one database of a server, each made while the test before runs, and dropped while the next one does."""

    def __init__(self, server: PostgresServer, template: str = TEMPLATE) -> None:
        self._template = template
        self._connection = administrator(server)
        self._thread = ThreadPoolExecutor(1)  # the connection is this one's
        self._next: Future[str] | None = None
        self._drops: list[Future[None]] = []

    @contextmanager
    def one(self) -> Iterator[str]:
        """The name of a new one, which nobody else has; it goes at the end of the block, whoever is still connected."""
        name = (self._next or self._create()).result()
        self._next = self._create()
        try:
            yield name
        finally:
            self._drops.append(self._thread.submit(drop_database, self._connection, name))

    def _create(self) -> Future[str]:
        return self._thread.submit(create_database, self._connection, self._template)

    def close(self) -> None:
        """Wait for what is on its way, and tell of a drop that failed."""
        self._thread.shutdown()
        self._connection.close()
        for drop in self._drops:
            drop.result()
