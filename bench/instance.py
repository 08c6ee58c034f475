"""One Tidemill to be measured: embedded Postgres in a temporary directory, server and workers as separate processes."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.rows import TupleRow

from bench.wire import Connection
from tidemill.db.embedded import EmbeddedPostgres
from tidemill.settings import PREFIX, Settings
from tidemill.wiring.database import open_database
from tidemill.wiring.first_start import first_start
from tidemill.wiring.keys import root_keys
from tidemill.wiring.login_file import Login
from tidemill.wiring.server import server_parts

Process = asyncio.subprocess.Process
_STOP_S = 20.0
_START_S = 30.0


class Instance:
    """Give it as `async with Instance() as instance`. Nothing runs on the database but what was asked for."""

    def __init__(self) -> None:
        self.directory = new_directory()
        self.port = _free_port()
        self.login = Login()
        self._postgres = EmbeddedPostgres(self.directory)

    async def __aenter__(self) -> Self:
        await self._postgres.start()
        settings = Settings.from_environment({}, data_dir=self.directory, port=self.port)
        keys = root_keys(settings, announce=lambda _: None)
        async with (
            open_database(settings, self.dsn, application="bench") as database,
            server_parts(settings, database, keys, dsn=self.dsn, port=self.port, s3_port=None) as parts,
        ):
            self.login = await first_start(self.directory, parts)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def dsn(self) -> str:
        """For the application's role, as the product uses it."""
        return self._postgres.dsn

    @property
    def superuser_dsn(self) -> str:
        """For what nobody but the owner of the cluster may do."""
        return self._postgres.superuser_dsn

    @property
    def postgres_pid(self) -> int:
        """Process id of the database server."""
        return self._postgres.pid

    async def connect(self) -> psycopg.AsyncConnection[TupleRow]:
        """A connection that sees all workspaces; each statement commits."""
        connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        await connection.execute("select set_config('tidemill.workspace', '*', false)")
        return connection

    async def transactions(self) -> int:
        """Transactions that were ever ended in the database. Asked from another database, so asking does not count."""
        async with await psycopg.AsyncConnection.connect(self._postgres.superuser_dsn, autocommit=True) as connection:
            cursor = await connection.execute(
                "select xact_commit + xact_rollback from pg_stat_database where datname = 'tidemill'"
            )
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    @asynccontextmanager
    async def worker(self, *, tags: str = "", **settings: str) -> AsyncIterator[Process]:
        """A worker that is ready, during the block. `settings` are `TIDEMILL_…` variables without the prefix."""
        process = await self._start(["worker", *(("--tags", tags) if tags else ())], settings)
        try:
            await self._is_present(process)
            yield process
        finally:
            await stop(process)

    async def _is_present(self, process: Process) -> None:
        """Wait until a worker shows itself in the table that the workers page reads: from then on it takes jobs."""
        async with await self.connect() as connection, asyncio.timeout(_START_S):
            while True:
                if process.returncode is not None:
                    raise RuntimeError("The worker ended before it was ready: its log is above.")
                cursor = await connection.execute("select 1 from worker where name like %s", [f"%-{process.pid}-%"])
                if await cursor.fetchone():
                    return
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def server(self, **settings: str) -> AsyncIterator[Process]:
        """A server that answers, during the block. `settings` as for a worker."""
        process = await self._start(["server"], settings)
        try:
            await answering(self.port, process)
            yield process
        finally:
            await stop(process)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Connection]:
        """A connection to the server, with the token of the admin."""
        connection = await Connection.open(self.port, token=self.login.token)
        try:
            yield connection
        finally:
            connection.close()

    async def _start(self, arguments: list[str], settings: Mapping[str, str]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tidemill", *arguments, "--data-dir", str(self.directory)),
            env=self.environment(settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of our processes: nobody's settings but ours."""
        return plain_environment() | {
            "DATABASE_URL": self.dsn,
            PREFIX + "PORT": str(self.port),
            PREFIX + "LOG_LEVEL": "warning",
            **{PREFIX + name.upper(): value for name, value in settings.items()},
        }


def plain_environment() -> dict[str, str]:
    """Our environment without settings of Tidemill."""
    return {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DATABASE_URL"))}


async def answering(port: int, process: Process) -> None:
    """Wait until the server answers.

    Raises:
        RuntimeError: it ended instead.
    """
    async with asyncio.timeout(_START_S):
        while True:
            if process.returncode is not None:
                raise RuntimeError("The server ended before it answered: its log is above.")
            with contextlib.suppress(OSError, EOFError):
                connection = await Connection.open(port)
                try:
                    status, _ = await connection.get("/api/version")
                finally:
                    connection.close()
                if status == 200:
                    return
            await asyncio.sleep(0.005)


async def stop(process: Process) -> None:
    """End a process in good order, or at once where that takes too long."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def helper(
    module: str, *arguments: str, env: Mapping[str, str] | None = None, python: str = sys.executable
) -> "Helper":
    """Start a baseline: `python -m bench.raw.<module>`, which says `ready`, waits for `go`, and prints JSON."""
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", f"bench.raw.{module}", *arguments),
        env=dict(env) if env is not None else plain_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    started = Helper(process)
    await started.hear()
    return started


class Helper:
    """A baseline in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def hear(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("A baseline ended by itself: its error is above.")
        return line.decode()

    def go(self, order: str = "go") -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n".encode())

    async def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


def new_directory() -> Path:
    """A data directory where users have theirs: on the disk of their home, not in a /tmp that may be memory."""
    parent = Path.home() / ".cache" / "tidemill-bench"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


Json = dict[str, Any]
