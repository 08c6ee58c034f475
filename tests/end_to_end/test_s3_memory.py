"""Large objects pass through the S3 endpoint without being held in memory."""

import asyncio
from urllib.parse import urlsplit

from tests.end_to_end.running import Tidemill
from tests.processes import peak_bytes

MIB = 1024 * 1024
UPLOADS = 20
UPLOAD_BYTES = 20 * MIB
ALLOWED_BYTES = 100 * MIB
"""Of all uploads at once: a fourth of what they carry. About 2 MiB each were measured."""


async def test_twenty_uploads_at_once_stay_within_bounds(tidemill: Tidemill) -> None:
    client = tidemill.s3_client()
    before = peak_bytes(tidemill.process.pid)
    targets = [
        client.generate_presigned_url("put_object", Params={"Bucket": "_default_", "Key": f"f/memory/{number}"})
        for number in range(UPLOADS)
    ]
    assert await asyncio.gather(*map(upload, targets)) == [200] * UPLOADS
    assert peak_bytes(tidemill.process.pid) - before < ALLOWED_BYTES
    for number in range(UPLOADS):
        head = await asyncio.to_thread(client.head_object, Bucket="_default_", Key=f"f/memory/{number}")
        assert head["ContentLength"] == UPLOAD_BYTES
        await asyncio.to_thread(client.delete_object, Bucket="_default_", Key=f"f/memory/{number}")


async def upload(target: str) -> int:
    """The status of an upload that is sent as fast as it is taken."""
    url = urlsplit(target)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {UPLOAD_BYTES}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    for _ in range(UPLOAD_BYTES // MIB):
        writer.write(bytes(MIB))
        await writer.drain()
    status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status
