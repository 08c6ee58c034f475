"""A server of the test's own, for what no server that we have says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = Callable[[bytes, bytes], tuple[int, bytes] | tuple[int, bytes, bytes]]
"""Head and body of a request -> status, body and further lines of headers."""


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """The origin of a server on loopback that answers so."""
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
                status, content, *lines = answer(head, await reader.readexactly(int(length or 0)))
                size = b"content-length: %d\r\n" % len(content)
                writer.write(b"HTTP/1.1 %d x\r\n" % status + size + b"".join(lines) + b"\r\n" + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        serving[task] = writer
        task.add_done_callback(serving.pop)

    listening = await asyncio.start_server(start, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for task, writer in serving.items():
            task.cancel()
            writer.close()  # also where the task has not begun
        await asyncio.gather(*serving, return_exceptions=True)
