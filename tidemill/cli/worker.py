"""`tidemill worker`: runs jobs from a database."""

import asyncio
from typing import Annotated

import typer

from tidemill.cli.logs import set_up_logs
from tidemill.model.errors import ConfigurationError
from tidemill.model.failpoint import arm
from tidemill.sandbox.detect import harden_this_process
from tidemill.settings import Settings
from tidemill.wiring.worker import run_worker

app = typer.Typer()


@app.command()
def worker(
    tags: Annotated[str | None, typer.Option(help="Tags to serve, separated by commas.")] = None,
    slots: Annotated[int | None, typer.Option(help="Jobs to run at a time.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Directory for environments, caches and running jobs.")] = None,
    unisolated: Annotated[
        bool, typer.Option("--unisolated", help="Run jobs without a sandbox. Know what you do.")
    ] = False,
) -> None:
    """Run jobs until told to stop. Needs DATABASE_URL, the root key, and a host where jobs can be isolated."""
    settings = Settings.from_environment(
        worker_tags=tags, worker_slots=slots, data_dir=data_dir, unisolated=unisolated or None
    )
    if not settings.database_url:
        raise ConfigurationError("Set DATABASE_URL to the Postgres that the server uses.")
    set_up_logs(settings)
    arm(settings.failpoint)
    harden_this_process()
    asyncio.run(run_worker(settings, settings.database_url))
