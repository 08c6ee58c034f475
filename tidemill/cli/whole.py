"""The part of `tidemill up` that needs the server's code: serving, the first start, and telling how to sign in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from socket import socket

from tidemill.cli.output import emit
from tidemill.cli.welcome import show_welcome
from tidemill.cli.worker_process import WorkerProcess
from tidemill.db.pool import Database
from tidemill.settings import Settings
from tidemill.wiring.demo import make_demo
from tidemill.wiring.first_start import first_start
from tidemill.wiring.keys import root_keys
from tidemill.wiring.login_file import write_server_url
from tidemill.wiring.s3_access import s3_access
from tidemill.wiring.server import application, server_parts, serving, serving_s3


@asynccontextmanager
async def running(
    settings: Settings,
    database: Database,
    listening: socket,
    s3_listening: socket | None,
    *,
    worker: WorkerProcess,
    dsn: str,
    warning: str,
    as_json: bool,
) -> AsyncIterator[None]:
    """The server and the worker, during the block; it begins when both are ready and that was told."""
    kits: list[str] = []
    keys = root_keys(settings, announce=kits.append)
    s3_port = None if s3_listening is None else s3_listening.getsockname()[1]
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(
            server_parts(settings, database, keys, dsn=dsn, port=settings.port, s3_port=s3_port)
        )
        app = application(settings, parts)
        await stack.enter_async_context(serving(app, listening, trusted_proxies=settings.trusted_proxies))
        await stack.enter_async_context(serving_s3(parts, s3_listening, trusted_proxies=settings.trusted_proxies))
        stack.push_async_callback(worker.stop)
        _, login = await asyncio.gather(
            worker.work(replace(settings, database_url=dsn)), first_start(settings.data_dir, parts)
        )
        await make_demo(app, settings.data_dir, login)
        url = parts.options.base_url
        write_server_url(settings.data_dir, url)
        s3 = s3_access(parts, login)
        show_welcome(url, login, s3, data_dir=settings.data_dir, recovery_kits=kits, warning=warning)
        if as_json:
            emit({"url": url, **asdict(login), "s3": None if s3 is None else asdict(s3)})
        yield
