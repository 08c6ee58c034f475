"""The least server of queries: uvicorn with one handler, which runs a query by psycopg.

`python -m bench.raw.query_server DSN` says `ready`, then its port, and ends with stdin.
"""

import json
import sys

import psycopg
import uvloop
from starlette.types import Receive, Scope, Send

from bench.raw.queries import SMALL
from bench.raw.serving import serve


async def main() -> None:
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:

        async def answer(_scope: Scope, receive: Receive, send: Send) -> None:
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message["body"], message["more_body"]
            cursor = await connection.execute(SMALL, [json.loads(body)["args"]["n"]])
            rows = [{"n": n, "name": name} for n, name in await cursor.fetchall()]
            result = json.dumps(rows).encode()
            size = str(len(result)).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
            await send({"type": "http.response.body", "body": result})

        await serve(answer, says_port=True, access_log=False, lifespan="off", timeout_keep_alive=600)


if __name__ == "__main__":
    uvloop.run(main())
