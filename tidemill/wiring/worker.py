"""Puts a worker together and runs it until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from tidemill.db.keys import Keyring
from tidemill.db.listener import Listener
from tidemill.db.values import Values
from tidemill.engine.addresses import Policy
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.errors import ConfigurationError
from tidemill.model.job import STANDARD_TAGS
from tidemill.queries.runners import Runners
from tidemill.sandbox.port import Limits, Network
from tidemill.settings import Settings
from tidemill.wiring.contents import opened_content
from tidemill.wiring.database import open_database
from tidemill.wiring.egress import egress_of
from tidemill.wiring.isolation import open_sandbox
from tidemill.wiring.job_data import WorkspaceData
from tidemill.wiring.keys import job_secret, root_keys
from tidemill.worker.context import WorkerOptions, WorkerParts
from tidemill.worker.loop import Worker

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, dsn: str, *, is_probed: bool, on_ready: Callable[[], None]) -> None:
    """Work until SIGTERM or SIGINT, then let running jobs end within the grace period; a second signal ends at once.

    `is_probed`: the sandbox was tried with these settings just now. `on_ready` is called when everything that jobs need
    was found to be there.

    Raises:
        SandboxUnavailable: jobs cannot be isolated here, and nobody said that they need not be.
    """
    async with (
        open_database(settings, dsn, application="tidemill worker") as database,
        Listener(dsn, application="tidemill worker listener") as listener,
        open_sandbox(settings, is_probed=is_probed) as sandbox,
        Runners(egress_of(settings)) as queries,
        Evaluators() as evaluators,
        opened_content(settings) as content,
    ):
        keys = root_keys(settings)
        values = Values(
            database,
            content,
            inline_bytes=settings.inline_value_bytes,
            max_bytes=settings.max_value_bytes,
        )
        parts = WorkerParts(
            options=worker_options(settings),
            database=database,
            values=values,
            sandbox=sandbox,
            data=WorkspaceData(database, Keyring(keys), values),
            queries=queries,
            evaluators=evaluators,
            job_secret=job_secret(keys),
        )
        await _until_told(Worker(parts, listener), on_ready)


async def _until_told(worker: Worker, on_ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def told() -> None:
        if worker.draining:
            worker.stop_jobs()
        worker.drain()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    log.info("worker ready")
    on_ready()
    await worker.run()
    log.info("worker stopped", jobs=worker.jobs_executed)


def worker_options(settings: Settings) -> WorkerOptions:
    """The settings of a worker. Its name tells the host and process, and never comes again."""
    server = urlsplit(settings.internal_url or f"http://127.0.0.1:{settings.port}")
    if server.scheme != "http" or server.hostname is None:
        raise ConfigurationError(
            f"TIDEMILL_INTERNAL_URL={settings.internal_url!r} is not an http:// URL of the server."
        )
    port = server.port or 80
    host = socket.gethostname()
    tags = tuple(tag.strip() for tag in settings.worker_tags.split(",") if tag.strip()) or STANDARD_TAGS
    return WorkerOptions(
        name=f"{settings.worker_group}-{host}-{os.getpid()}-{os.urandom(3).hex()}",
        group=settings.worker_group,
        tags=tags,
        slots=settings.worker_slots,
        host=host,
        base_url=settings.base_url or f"http://localhost:{settings.port}",
        api_port=port,
        jobs_dir=(settings.data_dir / "jobs").absolute(),
        environments_dir=(settings.data_dir / "environments").absolute(),
        cache_dir=(settings.data_dir / "cache").absolute(),
        limits=Limits(
            memory_bytes=settings.job_memory_bytes,
            processes=settings.job_processes,
            file_bytes=settings.job_file_bytes,
            tmp_bytes=settings.job_tmp_bytes,
        ),
        network=Network(
            mode="open" if settings.job_network == "open" else "brokered",
            api_port=port,
            api_host=socket.gethostbyname(server.hostname),
            api_host_port=port,
            allow=_egress_allow(settings.job_egress_allow),
        ),
        build_env=dict(settings.build_environment),
        timeout_s=settings.job_timeout_s,
        max_log_bytes=settings.max_log_bytes,
        max_result_bytes=settings.max_value_bytes,
        heartbeat_s=settings.heartbeat_s,
        self_kill_s=settings.self_kill_s,
        stop_grace_s=settings.stop_grace_s,
    )


def _egress_allow(text: str) -> tuple[str, ...]:
    """The entries of the allow list, looked at now: each sandbox parses them, and a job could not mend them."""
    entries = tuple(each.strip() for each in text.split(",") if each.strip())
    try:
        Policy.parse(entries)
    except ConfigurationError as error:
        raise ConfigurationError(f"TIDEMILL_JOB_EGRESS_ALLOW: {error}") from error
    return entries
