"""How the bare servers serve: by uvicorn on a free port, until stdin ends."""

import asyncio
import sys
from typing import Any

import psycopg
import uvicorn


async def serve(app: Any, *, says_port: bool = False, **settings: Any) -> None:
    """Serve an ASGI application; says `ready` once it answers, then its port if that is wanted."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, **settings))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    if says_port:
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


async def serve_beside_database(app: Any, dsn: str) -> None:
    """The same, with a connection that is held and not used."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("select 1")
        await serve(app)
