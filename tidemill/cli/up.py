"""`tidemill up`: everything on one machine, on loopback: database, server, worker."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from socket import socket
from typing import Annotated, Final

import structlog
import typer
from starlette.types import ASGIApp

from tidemill.cli.logs import set_up_logs
from tidemill.cli.output import Json, emit
from tidemill.cli.reload import run_reloading
from tidemill.cli.welcome import show_welcome
from tidemill.db import health
from tidemill.db.pool import Database
from tidemill.model.failpoint import arm
from tidemill.settings import Settings
from tidemill.wiring.database import open_database, running_database
from tidemill.wiring.first_start import first_start
from tidemill.wiring.keys import root_keys
from tidemill.wiring.server import application, http_server, listening_socket, server_parts
from tidemill.wiring.worker import lack_of_isolation

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LOOK_S: Final = 0.05
_RESTART_S: Final = 1.0

app = typer.Typer()
log = structlog.get_logger(__name__)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the server; 0 takes a free one.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Directory for everything that is kept.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback jobs must be isolated.")
    ] = None,
    unisolated: Annotated[
        bool, typer.Option("--unisolated", help="Run jobs without a sandbox. Know what you do.")
    ] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when a source file changes.")] = False,
    as_json: Json = False,
) -> None:
    """Start everything and say how to sign in. SIGTERM and Ctrl-C stop it in good order."""
    if reload:
        run_reloading([argument for argument in sys.argv if argument != "--reload"])
        return
    settings = Settings.from_environment(port=port, data_dir=data_dir, host=host, unisolated=unisolated or None)
    set_up_logs(settings)
    arm(settings.failpoint)
    asyncio.run(_up(settings, as_json=as_json))


async def _up(settings: Settings, *, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    warning = await lack_of_isolation(settings)
    if warning and settings.host in LOOPBACK:
        settings = replace(settings, unisolated=True)
    kits: list[str] = []
    keys = root_keys(settings, announce=kits.append)
    with listening_socket(settings.host, settings.port) as listening:
        settings = replace(settings, port=listening.getsockname()[1])
        async with (
            running_database(settings) as dsn,
            open_database(settings, dsn, application="tidemill server") as database,
            server_parts(settings, database, keys, dsn=dsn, port=settings.port) as parts,
        ):
            login = await first_start(settings, parts)
            async with _serving(application(settings, parts), listening), _working(settings, dsn):
                await _until_a_worker_is_there(parts.database, stop)
                if as_json:
                    emit({"url": parts.options.base_url, **asdict(login)})
                show_welcome(parts.options.base_url, login, recovery_kits=kits, warning=warning)
                await stop.wait()
    log.info("stopped")


@asynccontextmanager
async def _serving(app: ASGIApp, listening: socket) -> AsyncIterator[None]:
    """The server, during the block."""
    server = http_server(app)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _working(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """A worker in a process of its own, during the block; one that dies is followed by another."""
    task = asyncio.create_task(_keep_working(replace(settings, database_url=dsn)))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_working(settings: Settings) -> None:
    command = (sys.executable, "-m", "tidemill", "worker")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}
    environment |= settings.to_environment()
    while True:
        process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        log.error("the worker ended by itself; starting another", code=code)
        await asyncio.sleep(_RESTART_S)


async def _until_a_worker_is_there(database: Database, stop: asyncio.Event) -> None:
    """Wait for the worker to show itself, so that the first job starts at once."""
    while not stop.is_set() and (await health.check(database)).workers == 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()
