"""`tidemill up`: everything on one machine, on loopback: database, server, worker."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from socket import socket
from typing import Annotated, Final

import structlog
import typer
from starlette.types import ASGIApp

from tidemill.cli.logs import set_up_logs
from tidemill.cli.output import Json, emit
from tidemill.cli.reload import run_reloading
from tidemill.cli.welcome import show_welcome
from tidemill.cli.worker_process import working
from tidemill.model.errors import SandboxUnavailable
from tidemill.model.failpoint import arm
from tidemill.settings import Settings
from tidemill.wiring.database import open_database, running_database
from tidemill.wiring.demo import make_demo
from tidemill.wiring.first_start import first_start
from tidemill.wiring.keys import root_keys
from tidemill.wiring.login_file import write_server_url
from tidemill.wiring.server import application, http_server, listening_socket, server_parts
from tidemill.wiring.worker import lack_of_isolation

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

app = typer.Typer()
log = structlog.get_logger(__name__)


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the server (8000); 0 takes a free one.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Directory for everything that is kept (.tidemill).")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (127.0.0.1); beyond loopback jobs must be isolated.")
    ] = None,
    unisolated: Annotated[
        bool, typer.Option("--unisolated", help="Run jobs without a sandbox: they may do whatever you may.")
    ] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when a source file changes.")] = False,
    as_json: Json = False,
) -> None:
    """Start everything and say how to sign in. SIGTERM and Ctrl-C stop it in good order, a second one at once.

    With --json one line is printed on stdout once everything is ready: url, workspace, email, password, token.
    """
    if reload:
        run_reloading([argument for argument in sys.argv if argument != "--reload"])
        return
    settings = Settings.from_environment(port=port, data_dir=data_dir, host=host, unisolated=unisolated or None)
    set_up_logs(settings)
    arm(settings.failpoint)
    asyncio.run(_up(settings, as_json=as_json))


async def _up(settings: Settings, *, as_json: bool) -> None:
    stop, hurry = _stop_signals()
    kits: list[str] = []
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listening_socket(settings.host, settings.port))
        settings = replace(settings, port=listening.getsockname()[1])
        probing = asyncio.create_task(lack_of_isolation(settings))
        dsn = await stack.enter_async_context(running_database(settings))
        keys = root_keys(settings, announce=kits.append)
        database = await stack.enter_async_context(open_database(settings, dsn, application="tidemill server"))
        warning = await probing
        settings = _accept_unisolated(settings, warning)
        parts = await stack.enter_async_context(server_parts(settings, database, keys, dsn=dsn, port=settings.port))
        serving = application(settings, parts)
        await stack.enter_async_context(_serving(serving, listening))
        login = await first_start(settings.data_dir, parts)
        await stack.enter_async_context(working(replace(settings, database_url=dsn), hurry=hurry))
        await make_demo(serving, settings.data_dir, login)
        url = parts.options.base_url
        write_server_url(settings.data_dir, url)
        show_welcome(url, login, data_dir=settings.data_dir, recovery_kits=kits, warning=warning)
        if as_json:
            emit({"url": url, **asdict(login)})
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


def _stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets, and one that every later one sets."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def told() -> None:
        if stop.is_set():
            hurry.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return stop, hurry


def _accept_unisolated(settings: Settings, warning: str) -> Settings:
    """Go on without isolation where only this machine can reach us.

    Raises:
        SandboxUnavailable: others could, and nobody said that jobs need not be isolated.
    """
    if warning and not settings.unisolated and settings.host not in LOOPBACK:
        raise SandboxUnavailable(f"{warning} Others can reach {settings.host}, so Tidemill does not go on by itself.")
    return replace(settings, unisolated=True) if warning else settings


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
