"""Reads a `multipart/form-data` body: small fields first, then the file, which is given out as it arrives."""

import re
from collections.abc import AsyncIterator
from typing import Final

from tidemill.engine.s3_faults import S3Fault

MAX_FIELDS: Final = 100
MAX_FIELDS_BYTES: Final = 64 * 1024
_MAX_HEAD_BYTES: Final = 8 * 1024
_BOUNDARY: Final = re.compile(
    r"""multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))""", re.IGNORECASE
)
_NAME: Final = re.compile(rb"""content-disposition:[^\r\n]*?[;\s]name="([^"\r\n]*)\"""", re.IGNORECASE)
_FILENAME: Final = re.compile(rb"""content-disposition:[^\r\n]*?[;\s]filename="([^"\r\n]*)\"""", re.IGNORECASE)


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a form; None where it is no form."""
    found = _BOUNDARY.match(content_type)
    return None if found is None else (found[1] or found[2]).encode()


class FormReader:
    """Use `fields` first, then `file`; what comes behind the file is not read."""

    def __init__(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # the first delimiter stands at the very start
        self.filename = ""

    async def fields(self) -> dict[str, str]:
        """The fields before the file; names in lower case.

        Raises:
            S3Fault: it is malformed, too large, or has no file.
        """
        found: dict[str, str] = {}
        size = 0
        await self._until(self._delimiter, _MAX_HEAD_BYTES)
        while len(found) <= MAX_FIELDS:
            name = await self._head()
            if name == "file":
                return found
            value = await self._until(self._delimiter, MAX_FIELDS_BYTES)
            size += len(name) + len(value)
            if name in found or size > MAX_FIELDS_BYTES:
                raise S3Fault("MalformedPOSTRequest", "A field comes twice, or the fields are too large.")
            found[name] = _text(value)
        raise S3Fault("MalformedPOSTRequest", "The form has too many fields.")

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file.

        Raises:
            S3Fault: the body ends before its end.
        """
        while (place := self._buffer.find(self._delimiter)) < 0:
            safe = len(self._buffer) - len(self._delimiter) + 1
            if safe > 0:
                yield self._buffer[:safe]
                self._buffer = self._buffer[safe:]
            await self._more()
        if place:
            yield self._buffer[:place]

    async def _head(self) -> str:
        """The name of the next field, whose value follows."""
        start = await self._until(b"\r\n", 4)
        if start.strip():  # `--`: the end of the form
            raise S3Fault("InvalidArgument", "POST requires exactly one file upload per request.")
        head = await self._until(b"\r\n\r\n", _MAX_HEAD_BYTES)
        named = _NAME.search(head)
        if named is None:
            raise S3Fault("MalformedPOSTRequest")
        name = _text(named[1]).lower()
        if name == "file" and (given := _FILENAME.search(head)) is not None:
            self.filename = _text(given[1])
        return name

    async def _until(self, end: bytes, limit: int) -> bytes:
        while (place := self._buffer.find(end)) < 0:
            if len(self._buffer) > limit:
                raise S3Fault("MalformedPOSTRequest", "A field or its head is too large.")
            await self._more()
        found, self._buffer = self._buffer[:place], self._buffer[place + len(end) :]
        if len(found) > limit:
            raise S3Fault("MalformedPOSTRequest", "A field or its head is too large.")
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, b"")
        if not piece:
            raise S3Fault("MalformedPOSTRequest", "The form ends too early.")
        self._buffer += piece


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise S3Fault("MalformedPOSTRequest", "A field is not UTF-8.") from error
