"""`tidemill worker`: runs jobs from a database."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from tidemill.cli.event_loop import run
from tidemill.cli.logs import set_up_logs
from tidemill.cli.output import new_app, write_line
from tidemill.model.errors import ConfigurationError
from tidemill.model.failpoint import arm
from tidemill.sandbox.detect import harden_this_process
from tidemill.settings import Settings
from tidemill.wiring.worker import run_worker

app = new_app()


@app.command()
def worker(
    tags: Annotated[str | None, typer.Option(help="Tags to serve, separated by commas (all standard ones).")] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs to run at a time (8).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Directory for environments, caches and running jobs.")
    ] = None,
    unisolated: Annotated[
        bool, typer.Option("--unisolated", help="Run jobs without a sandbox: they may do whatever the worker may.")
    ] = False,
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> None:
    """Run jobs until told to stop. Needs DATABASE_URL, the root key, and a host where jobs can be isolated.

    SIGTERM and Ctrl-C let running jobs end within the grace period; a second one gives them back at once.
    """
    if attached:
        _work_attached()
        return
    settings = Settings.from_environment(
        worker_tags=tags, worker_slots=slots, data_dir=data_dir, unisolated=unisolated or None
    )
    if not settings.database_url:
        raise ConfigurationError("Set DATABASE_URL to the Postgres that the server uses.")
    _work(settings)


def _work_attached() -> None:
    """Work for the `tidemill up` that started us: its settings come as a line of JSON, "ready" goes back."""
    harden_this_process()
    line = sys.stdin.buffer.readline()
    if not line:
        return  # it ended before it needed us
    threading.Thread(target=_end_with_standard_input, name="attached", daemon=True).start()
    _work(Settings.from_environment(json.loads(line)), is_probed=True, tell_ready=True)


def _work(settings: Settings, *, is_probed: bool = False, tell_ready: bool = False) -> None:
    set_up_logs(settings)
    arm(settings.failpoint)
    harden_this_process()
    on_ready = (lambda: write_line("ready")) if tell_ready else (lambda: None)
    run(run_worker(settings, settings.database_url, is_probed=is_probed, on_ready=on_ready))


def _end_with_standard_input() -> None:
    """Die with who started us, as in a crash: there is no server and no database any more to stop in good order."""
    while os.read(0, 1):
        pass
    os._exit(1)
