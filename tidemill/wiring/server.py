"""Puts a server together and runs it until it is told to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from socket import socket
from urllib.parse import urlsplit

import structlog
import uvicorn
from starlette.types import ASGIApp

from tidemill.db.keys import Keyring, add_workspace_key, check_root_key
from tidemill.db.listener import Listener
from tidemill.db.logs import Logs
from tidemill.db.pool import Database, Transaction
from tidemill.db.values import Values
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.rootkey import RootKeys
from tidemill.previews.readers import Readers
from tidemill.queries.runners import Runners
from tidemill.scheduler.erase import erase_used
from tidemill.scheduler.loop import Chore, run_chores
from tidemill.scheduler.overdue import end_overdue
from tidemill.scheduler.pack_logs import Packing, pack_logs
from tidemill.scheduler.prune import Retention, prune
from tidemill.scheduler.rescue import rescue
from tidemill.scheduler.schedules import Schedules
from tidemill.scheduler.scrub import Scrub
from tidemill.server.app import make_app
from tidemill.server.gate import Gate
from tidemill.server.issuer import Issuer
from tidemill.server.known_resources import KnownResources
from tidemill.server.objects.access_log import AccessLog
from tidemill.server.objects.links import Links
from tidemill.server.objects.service import Objects
from tidemill.server.objects.stale_checksums import StaleChecksums
from tidemill.server.parts import Parts, ServerOptions
from tidemill.server.s3.gateway import Gateway
from tidemill.server.updates import Updates
from tidemill.settings import Settings
from tidemill.wiring.contents import opened_content
from tidemill.wiring.egress import egress_of
from tidemill.wiring.instance_stores import instance_stores
from tidemill.wiring.keys import approval_secret, job_secret, link_secret, s3_secret
from tidemill.wiring.local_stores import keep_up, named_folders
from tidemill.wiring.objects import Stores
from tidemill.wiring.protocol import ResettingProtocol

RESCUE_S = 5.0
OVERDUE_S = 10.0
ERASE_S = 5.0
PRUNE_S = 3600.0
SCRUB_S = 3600.0
PACK_S = 600.0

log = structlog.get_logger(__name__)


class QuietServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: whoever runs it decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@asynccontextmanager
async def server_parts(
    settings: Settings, database: Database, keys: RootKeys, *, dsn: str, port: int, s3_port: int | None
) -> AsyncIterator[Parts]:
    """The live objects of a server; `s3_port` None: its S3 endpoint has no port of its own.

    Raises:
        SecretsUnreadable: the root key does not belong to this database.
    """
    await check_root_key(database, keys)

    async def make_workspace_key(transaction: Transaction, workspace: str) -> None:
        await add_workspace_key(transaction, keys, workspace=workspace)

    keyring = Keyring(keys)
    issuer = Issuer(database, keys, base_url=public_url(settings, port))
    opener = Stores(
        instance_stores(settings),
        settings.storage_root_folders,
        egress_of(settings),
        prove_as=issuer.prove_as,
        token_files=settings.token_file_paths,
    )
    async with (
        opened_content(settings) as content,
        Listener(dsn, application="tidemill server listener") as listener,
        AccessLog(database) as access_log,
        Objects(database, keyring, opener, access_log) as objects,
        Readers() as readers,
        Runners(egress_of(settings)) as queries,
        Evaluators() as evaluators,
    ):
        values = Values(database, content, inline_bytes=settings.inline_value_bytes, max_bytes=settings.max_value_bytes)
        yield Parts(
            options=server_options(settings, port),
            database=database,
            job_secret=job_secret(keys),
            s3_secret=s3_secret(keys),
            approval_secret=approval_secret(keys),
            s3_url="" if s3_port is None else f"http://{public_host(settings)}:{s3_port}",
            keyring=keyring,
            issuer=issuer,
            values=values,
            logs=Logs(database, values),
            make_workspace_key=make_workspace_key,
            updates=Updates(listener),
            objects=objects,
            readers=readers,
            queries=queries,
            evaluators=evaluators,
            access_log=access_log,
            known_resources=KnownResources(database, keyring),
            inline_gate=Gate(settings.inline_queries),
            links=Links(database, objects, link_secret(keys)),
        )


def application(settings: Settings, parts: Parts) -> ASGIApp:
    """The server's app, with the chores that run beside it."""
    database, values = parts.database, parts.values
    retention = Retention(
        job_days=settings.job_retention_days,
        audit_days=settings.audit_retention_days,
        history_versions=settings.history_versions,
    )
    packing = Packing(inline_units=settings.inline_log_units, age_s=settings.log_pack_after_s)
    chores = [
        Chore("rescue", min(RESCUE_S, settings.lease_s / 6), lambda: rescue(database, lease_s=settings.lease_s)),
        Chore("end overdue flows", OVERDUE_S, lambda: end_overdue(database)),
        Chore("erase what was used", ERASE_S, lambda: erase_used(database)),
        Chore("prune", PRUNE_S, lambda: prune(database, values, retention)),
        Chore("pack logs", PACK_S, lambda: pack_logs(parts.logs, packing)),
        Chore("scrub", SCRUB_S, Scrub(values).go_on),
        Chore("keep up storages", PRUNE_S, instance_stores(settings).keep_up),
        Chore("keep up folders", PRUNE_S, lambda: keep_up_folders(settings, database)),
        Chore("stale checksums", PRUNE_S, StaleChecksums(database, parts.objects).go_on),
        Chore("expire uploads", PRUNE_S, parts.objects.uploads.expire),
    ]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with parts.updates:
            running = asyncio.create_task(look_after(chores, Schedules(database, values, parts.updates.listener)))
            try:
                yield
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

    return make_app(parts, lifespan)


async def look_after(chores: list[Chore], schedules: Schedules) -> None:
    """Run what comes at its time until canceled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(run_chores(chores))
        group.create_task(schedules.run(), name="schedules")


async def keep_up_folders(settings: Settings, database: Database) -> None:
    """Remove what crashes left in folders of this host that workspaces were given for their storages."""
    await keep_up(await named_folders(database, settings.storage_root_folders))


@asynccontextmanager
async def serving_s3(parts: Parts, listening: socket | None, *, trusted_proxies: str) -> AsyncIterator[None]:
    """The S3 endpoint on a port of its own, during the block; nothing where there is no socket for it."""
    if listening is None:
        yield
        return
    async with serving(Gateway(parts), listening, trusted_proxies=trusted_proxies, has_lifespan=False):
        yield


@asynccontextmanager
async def serving(
    app: ASGIApp, listening: socket, *, trusted_proxies: str, has_lifespan: bool = True
) -> AsyncIterator[None]:
    """The server, during the block."""
    server = http_server(app, trusted_proxies=trusted_proxies, has_lifespan=has_lifespan)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def http_server(app: ASGIApp, *, trusted_proxies: str, has_lifespan: bool = True) -> QuietServer:
    """uvicorn with our settings: quiet, patient with long polls when it stops, and never with half an answer.

    A request is from the peer that sent it, except where that is one of `trusted_proxies` (addresses or CIDR, separated
    by commas): those say whom it is from. Else everybody on this machine could sign in from any address they like.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on" if has_lifespan else "off",
        http=ResettingProtocol,
        ws="none",
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
        backlog=1024,
    )
    return QuietServer(config)


def public_url(settings: Settings, port: int) -> str:
    """Where users reach the server: from the settings, never from what a request says."""
    return settings.base_url.rstrip("/") or f"http://{public_host(settings)}:{port}"


def public_host(settings: Settings) -> str:
    """The host that users reach us at, where no URL is set."""
    return "localhost" if settings.host in {"127.0.0.1", "::1", "localhost"} else settings.host


def server_options(settings: Settings, port: int) -> ServerOptions:
    """What routes need of the settings."""
    base_url = public_url(settings, port)
    origins = {base_url}
    if urlsplit(base_url).hostname in {"localhost", "127.0.0.1"}:
        origins |= {f"http://localhost:{port}", f"http://127.0.0.1:{port}"}
    return ServerOptions(
        base_url=base_url,
        origins=frozenset(origins),
        inline_value_bytes=settings.inline_value_bytes,
        max_value_bytes=settings.max_value_bytes,
        wait_result_timeout_s=settings.wait_result_timeout_s,
        session_days=settings.session_days,
        egress=egress_of(settings),
    )
