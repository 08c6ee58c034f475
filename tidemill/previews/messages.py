"""What a reader process and its server say to each other over a socket: a kind, a length, and that many bytes."""

import asyncio
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final

HEADER: Final = struct.Struct("!BI")
RANGE: Final = struct.Struct("!QQ")
"""The payload of `READ`: from where up to where (exclusive)."""
MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one payload."""


class Kind(IntEnum):
    """What a message is."""

    READY = 1
    """From the reader: it has given up all that it does not need, and waits for a question."""
    QUESTION = 2
    READ = 3
    """From the reader: bytes of the object are wanted."""
    BYTES = 4
    """The answer to `READ`, exactly as many as were wanted."""
    DATA = 5
    """From the reader: a piece of the answer."""
    DONE = 6
    """From the reader: the answer is complete."""
    ERROR = 7
    """From the reader: there is no answer; a `Failure` in JSON."""


_KINDS: Final = {int(kind): kind for kind in Kind}


class Garbled(Exception):
    """What came is no message."""


def pack(kind: Kind, payload: bytes = b"") -> bytes:
    """A message as it goes over the socket."""
    return HEADER.pack(kind, len(payload)) + payload


def unpack_header(header: bytes) -> tuple[Kind, int]:
    """Kind and length of the message that follows.

    Raises:
        Garbled: this is no header.
    """
    number, length = HEADER.unpack(header)
    if number not in _KINDS or length > MAX_BYTES:
        raise Garbled(f"kind {number}, {length} bytes")
    return _KINDS[number], length


async def receive(stream: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next message.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
        Garbled: it talks nonsense.
    """
    kind, length = unpack_header(await stream.readexactly(HEADER.size))
    return kind, await stream.readexactly(length)


def receive_blocking(receive_exactly: Callable[[int], bytes]) -> tuple[Kind, bytes]:
    """The next message, on the side that does not use asyncio."""
    kind, length = unpack_header(receive_exactly(HEADER.size))
    return kind, receive_exactly(length)
