"""`tidemill server`: runs the API and the web pages on a database."""

import asyncio
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import structlog
import typer

from tidemill.cli.event_loop import run
from tidemill.cli.logs import set_up_logs
from tidemill.cli.output import new_app
from tidemill.cli.recovery import hand_over
from tidemill.db import accounts
from tidemill.model.errors import ConfigurationError
from tidemill.model.failpoint import arm
from tidemill.settings import Settings
from tidemill.wiring.database import open_database
from tidemill.wiring.keys import root_keys
from tidemill.wiring.listening import listening_socket, s3_socket
from tidemill.wiring.server import application, http_server, server_parts, serving_s3

app = new_app()
log = structlog.get_logger(__name__)


@app.command()
def server(
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Directory of the root key and local objects.")
    ] = None,
) -> None:
    """Serve until told to stop. Needs DATABASE_URL; any number may run behind a load balancer."""
    settings = Settings.from_environment(host=host, port=port, data_dir=data_dir)
    if not settings.database_url:
        raise ConfigurationError("Set DATABASE_URL to your Postgres, or use `tidemill up`, which brings one along.")
    set_up_logs(settings)
    arm(settings.failpoint)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    dsn = settings.database_url
    keys = root_keys(settings, announce=lambda kit: typer.echo(hand_over(kit, settings.data_dir), err=True))
    with listening_socket(settings.host, settings.port) as listening, s3_socket(settings) or nullcontext() as s3:
        port = listening.getsockname()[1]
        s3_port = None if s3 is None else s3.getsockname()[1]
        async with (
            open_database(settings, dsn, application="tidemill server") as database,
            server_parts(settings, database, keys, dsn=dsn, port=port, s3_port=s3_port) as parts,
        ):
            serving = http_server(application(settings, parts), trusted_proxies=settings.trusted_proxies)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, lambda: setattr(serving, "should_exit", True))
            log.info("server ready", url=parts.options.base_url)
            if not await accounts.page(database.single, limit=1):
                log.warning("nobody can sign in yet: make the first account with `tidemill user create E-MAIL`")
            async with serving_s3(parts, s3, trusted_proxies=settings.trusted_proxies):
                await serving.serve(sockets=[listening])
