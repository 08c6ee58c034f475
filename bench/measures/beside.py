"""From the request to the result, beside callers and jobs that take nothing, never end, or print without pause."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bench.deployed import deploy
from bench.figures import Figure
from bench.instance import Instance
from bench.measures.latency import times_of
from bench.wire import Connection

VIEWERS = 10
PRINTED_BYTES = 1 << 30
HANGING = "import time\n\ndef main():\n    time.sleep(3600)\n"
PRINTING = f"yes 'a line that says nothing' | head -c {PRINTED_BYTES}"


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """Rounds with nothing else to do and beside all of it, in turns."""
    count, rounds = (40, 2) if quick else (200, 5)
    alone, beside = [], []
    async with instance.server(), instance.worker(), instance.client() as client:
        path = await deploy(client, "u/admin/warm")
        await times_of(client, path, 20)
        for _ in range(rounds):
            alone.append(_p95(await times_of(client, path, count)))
            async with idlers(instance, client):
                beside.append(_p95(await times_of(client, path, count)))
    return [
        Figure(
            name="beside_p95", title="request to result, warm, p95, beside what hangs and prints", unit="ms",
            ours=beside, raw=alone, against="the same with nothing else to do", more_is_better=False, aim=2.0,
        )
    ]  # fmt: skip


@asynccontextmanager
async def idlers(instance: Instance, client: Connection) -> AsyncIterator[None]:
    """A job that prints, with viewers that never read; two that hang; uploads that stop half way."""
    printing = await preview(client, "bash", PRINTING)
    jobs = [printing, await preview(client, "python3", HANGING), await preview(client, "python3", HANGING)]
    watching = f"GET /api/w/main/jobs_u/getupdate_sse/{printing}"
    upload = "POST /api/w/main/job_helpers/upload_s3_file?file_key=u/admin/half"
    async with AsyncExitStack() as held:
        for number in range(VIEWERS):
            await held.enter_async_context(begun(instance, watching))
            await held.enter_async_context(begun(instance, f"{upload}{number}", half=1 << 20))
        try:
            yield
        finally:
            for job in jobs:
                await client.post(f"/api/w/main/jobs_u/queue/cancel/{job}", b'{"reason":"enough"}')


async def preview(client: Connection, language: str, content: str) -> str:
    """Start a job; its id."""
    body = json.dumps({"content": content, "language": language, "args": {}}).encode()
    status, told = await client.post("/api/w/main/jobs/run/preview", body)
    assert status == 201, told
    return told.decode()


@asynccontextmanager
async def begun(instance: Instance, line: str, *, half: int = 0) -> AsyncIterator[None]:
    """A request of which half of the body was sent, and whose answer nobody reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port, limit=4096)
    token = instance.login.token
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {2 * half}\r\n\r\n"
    writer.write(head.encode() + bytes(half))
    await writer.drain()
    try:
        yield
    finally:
        writer.transport.abort()
        del reader


def _p95(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]
