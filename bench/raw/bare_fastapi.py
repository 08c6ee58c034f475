"""FastAPI with one route, uvicorn and a database driver. `… DSN` says `ready`, ends with stdin."""

import asyncio
import sys

import psycopg
import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> str:
    return "hello"


async def main() -> None:
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:
        await connection.execute("select 1")
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(main())
