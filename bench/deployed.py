"""A deployed script, made through the API as a user would."""

import asyncio
import json

from bench.wire import Connection

CONTENT = "def main(text: str = 'a'):\n    return text\n"


async def deploy(client: Connection, path: str = "u/admin/bench") -> str:
    """The path of a Python script without packages, whose lock is resolved. A worker must run.

    Raises:
        RuntimeError: it was refused, or its lock did not come.
    """
    body = {"path": path, "summary": "bench", "description": "", "content": CONTENT, "language": "python3"}
    status, answer = await client.post("/api/w/main/scripts/create", json.dumps(body).encode())
    if status != 201:
        raise RuntimeError(f"The script was not deployed: {status} {answer[:300]!r}")
    async with asyncio.timeout(30):
        while True:
            status, answer = await client.get(f"/api/w/main/scripts/get/p/{path}")
            if status == 200 and json.loads(answer).get("lock") is not None:
                return path
            await asyncio.sleep(0.1)
