"""Bodies of the type `multipart/form-data` (RFC 7578), read as they arrive: the bytes of a part are never held here."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import BadRequest

MAX_PARTS: Final = 1000
_MAX_HEAD_BYTES: Final = 16 * 1024
_MAX_BOUNDARY_BYTES: Final = 70
"""As RFC 2046 has it."""
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_PARAMETER: Final = re.compile(r';([^=;"]*+)(?:=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+)))?[^;]*+', re.DOTALL)
"""One parameter of a header and all up to the next. Nothing in it is tried twice, however odd the header is."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """What stands before the bytes of a part. A file has a `filename` (which may be ""); other fields have None there.

    `filename*` is not looked at: RFC 7578 forbids it, and it must not turn one file into another.
    """

    name: str
    filename: str | None
    content_type: str


class Multipart:
    """Use `next_part` and `body` in turns; a body that nobody reads is skipped.

    Raises:
        BadRequest: the header names no boundary.
    """

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        boundary = (parameter_of(content_type, "boundary") or "").encode("latin-1", "replace")
        if not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
            raise BadRequest(
                "The header Content-Type of a multipart body must name its boundary, of 1 to 70 characters: leave it "
                "to your HTTP library to set that header."
            )
        self._pieces = pieces
        self._delimiter = _LINE_END + b"--" + boundary
        self._buffer = bytearray(_LINE_END)  # the first delimiter may stand at the very start
        self._parts = 0
        self._in_body = True  # what stands before the first delimiter is skipped as a body is

    async def next_part(self) -> Part | None:
        """The next part; None when there are no more.

        Raises:
            BadRequest: it has no name or too long a head, there are too many, or the last boundary is missing.
        """
        if self._in_body:
            async for _ in self.body():
                pass
        while len(self._buffer) < len(_LINE_END):
            await self._more()
        if self._buffer.startswith(b"--"):
            return None
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(f"The form has more than {MAX_PARTS} fields.")
        await self._until(_LINE_END)  # blanks may stand between a boundary and the end of its line
        self._buffer[:0] = _LINE_END  # a part may have no head at all
        head = await self._until(_HEAD_END)
        self._in_body = True
        return _part(head)

    async def body(self) -> AsyncIterator[bytes]:
        """The bytes of the part, as they arrive.

        Raises:
            BadRequest: the body of the request ends before the part does.
        """
        keep = len(self._delimiter) - 1  # of which the next piece may make a delimiter
        while (place := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > keep:
                yield bytes(self._buffer[:-keep])
                del self._buffer[:-keep]
            await self._more()
        found = bytes(self._buffer[:place])
        del self._buffer[: place + len(self._delimiter)]
        self._in_body = False
        if found:
            yield found

    async def _until(self, end: bytes) -> bytes:
        """What stands before `end`, which is taken away with it."""
        looked_at = 0
        while (place := self._buffer.find(end, looked_at, _MAX_HEAD_BYTES)) < 0:
            if len(self._buffer) >= _MAX_HEAD_BYTES:
                raise BadRequest(f"The head of a part of the multipart body has more than {_MAX_HEAD_BYTES} bytes.")
            looked_at = max(0, len(self._buffer) - len(end) + 1)
            await self._more()
        found = bytes(self._buffer[:place])
        del self._buffer[: place + len(end)]
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise BadRequest("The multipart body has no end: its last boundary is missing.")
        self._buffer += piece


def parameter_of(header: str, name: str) -> str | None:
    """A parameter of a header such as `form-data; name="a"`; None where it is missing."""
    position = header.find(";")
    while found := _PARAMETER.match(header, position) if 0 <= position < len(header) else None:
        key, quoted, plain = found.groups()
        if key.strip().lower() == name and quoted is not None:
            return _ESCAPED.sub(r"\1", quoted)
        if key.strip().lower() == name and plain is not None:
            return str(plain).strip()
        position = found.end()
    return None


def _part(head: bytes) -> Part:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    headers = {key.strip().lower(): text.strip() for key, _, text in lines}
    disposition = headers.get("content-disposition", "")
    name = parameter_of(disposition, "name")
    if name is None:
        raise BadRequest('A part of the multipart body has no name: send Content-Disposition: form-data; name="…".')
    return Part(name, parameter_of(disposition, "filename"), headers.get("content-type", ""))
