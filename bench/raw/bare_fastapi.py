"""FastAPI with one route, uvicorn and a database driver. `… DSN` says `ready`, ends with stdin."""

import asyncio
import sys

from fastapi import FastAPI

from bench.raw.serving import serve_beside_database

app = FastAPI()


@app.get("/")
async def hello() -> str:
    return "hello"


if __name__ == "__main__":
    asyncio.run(serve_beside_database(app, sys.argv[1]))
