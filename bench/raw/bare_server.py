"""The least server: uvicorn with one Starlette route and a database driver. `… DSN` says `ready`, ends with stdin."""

import asyncio
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bench.raw.serving import serve_beside_database


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


if __name__ == "__main__":
    asyncio.run(serve_beside_database(Starlette(routes=[Route("/", hello)]), sys.argv[1]))
