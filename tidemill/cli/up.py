"""`tidemill up`: everything on one machine, on loopback: database, server, worker."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from tidemill.cli.event_loop import run
from tidemill.cli.importing import imported
from tidemill.cli.logs import set_up_logs
from tidemill.cli.output import Json, new_app
from tidemill.cli.reload import run_reloading
from tidemill.cli.worker_process import WorkerProcess, starting_worker
from tidemill.model.errors import SandboxUnavailable
from tidemill.model.failpoint import arm
from tidemill.settings import Settings
from tidemill.wiring.database import open_database, running_database
from tidemill.wiring.isolation import lack_of_isolation
from tidemill.wiring.listening import listening_socket, s3_socket

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

app = new_app()
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

    With --json one line is printed on stdout once everything is ready: url, workspace, email, password, token, s3.
    """
    if reload:
        run_reloading([argument for argument in sys.argv if argument != "--reload"])
        return
    settings = Settings.from_environment(port=port, data_dir=data_dir, host=host, unisolated=unisolated or None)
    set_up_logs(settings)
    arm(settings.failpoint)
    run(_up(settings, as_json=as_json))


async def _up(settings: Settings, *, as_json: bool) -> None:
    """The slow parts at once: the worker's process, the trial of the sandbox and the database start, the server loads.

    They end the other way round, but for the worker, whose jobs need the server: it goes first.
    """
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(starting_worker())
        _listen_to_signals(stop, worker)
        listening = stack.enter_context(listening_socket(settings.host, settings.port))
        s3 = stack.enter_context(s3_socket(settings) or nullcontext())
        settings = replace(settings, port=listening.getsockname()[1])
        probing = asyncio.create_task(lack_of_isolation(settings))
        loading = asyncio.create_task(asyncio.to_thread(imported, "tidemill.cli.whole"))
        dsn = await stack.enter_async_context(running_database(settings))
        database = await stack.enter_async_context(open_database(settings, dsn, application="tidemill server"))
        settings, warning = _accept_unisolated(settings, await probing)
        whole = await loading
        await stack.enter_async_context(
            whole.running(settings, database, listening, s3, worker=worker, dsn=dsn, warning=warning, as_json=as_json)
        )
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


def _listen_to_signals(stop: asyncio.Event, worker: WorkerProcess) -> None:
    """The first SIGTERM or SIGINT stops everything in good order, the next ones hurry."""

    def told() -> None:
        if stop.is_set():
            worker.hurry.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)


def _accept_unisolated(settings: Settings, warning: str) -> tuple[Settings, str]:
    """Go on without isolation where only this machine can reach us.

    Raises:
        SandboxUnavailable: others could, and nobody said that jobs need not be isolated.
    """
    if warning and not settings.unisolated and settings.host not in LOOPBACK:
        raise SandboxUnavailable(f"{warning} Others can reach {settings.host}, so Tidemill does not go on by itself.")
    return (replace(settings, unisolated=True) if warning else settings), warning
