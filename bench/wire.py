"""A small HTTP/1.1 client on one kept connection: what a client library costs must not be measured."""

import asyncio
from typing import Self


class Connection:
    """One connection to a server on this machine; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    @classmethod
    async def open(cls, port: int, *, token: str = "") -> Self:
        """Connect; `token` is sent with each request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        head = f"Host: localhost:{port}\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")
        return cls(reader, writer, head.encode())

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        return await self._send(f"GET {path} HTTP/1.1\r\n".encode() + self._head + b"\r\n")

    async def post(self, path: str, body: bytes = b"{}") -> tuple[int, bytes]:
        """Status and body of a request with a JSON body."""
        head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n".encode()
        return await self._send(head + self._head + b"\r\n" + body)

    async def _send(self, message: bytes) -> tuple[int, bytes]:
        self._writer.write(message)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked":
            return status, await self._chunks()
        return status, await self._reader.readexactly(int(fields.get("content-length", "0")))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()
        return body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
