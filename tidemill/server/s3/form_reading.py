"""A form that posts an object as S3 has it: small fields first, then the file, which is given out as it arrives."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import BadRequest
from tidemill.server.multipart import Multipart

MAX_FIELDS: Final = 100
MAX_FIELDS_BYTES: Final = 64 * 1024
_TYPE: Final = "multipart/form-data"
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def is_form_type(content_type: str) -> bool:
    """Whether a body of this type is a form."""
    return content_type.partition(";")[0].strip().lower() == _TYPE


class FormReader:
    """Use `fields` first, then `file`; what comes behind the file is not read."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        """Raises S3Fault where the type names no boundary."""
        with _faults():
            self._form = Multipart(content_type, pieces)
        self.filename = ""

    async def fields(self) -> dict[str, str]:
        """The fields before the file; names in lower case.

        Raises:
            S3Fault: it is malformed, too large, or has no file.
        """
        found: dict[str, str] = {}
        size = 0
        while len(found) <= MAX_FIELDS:
            with _faults():
                part = await self._form.next_part()
            if part is None:
                raise S3Fault("InvalidArgument", "POST requires exactly one file upload per request.")
            name = _whole(part.name).lower()
            if name == "file":
                self.filename = _whole(part.filename or "")
                return found
            value = await self._value(MAX_FIELDS_BYTES - size)
            size += len(name) + len(value)
            if name in found or size > MAX_FIELDS_BYTES:
                raise S3Fault("MalformedPOSTRequest", "A field comes twice, or the fields are too large.")
            found[name] = value
        raise S3Fault("MalformedPOSTRequest", "The form has too many fields.")

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file.

        Raises:
            S3Fault: the body ends before its end.
        """
        with _faults():
            async for piece in self._form.body():
                yield piece

    async def _value(self, most: int) -> str:
        value = bytearray()
        with _faults():
            async for piece in self._form.body():
                value += piece
                if len(value) > most:
                    raise S3Fault("MalformedPOSTRequest", "The fields are too large.")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise S3Fault("MalformedPOSTRequest", "A field is not UTF-8.") from error


def _whole(name: str) -> str:
    """A name of a field or file, where every byte of it could be read: it may become a key."""
    if _REPLACED in name:
        raise S3Fault("MalformedPOSTRequest", "The name of a field or file is not UTF-8.")
    return name


@contextmanager
def _faults() -> Iterator[None]:
    """What is wrong with the form in the words of S3."""
    try:
        yield
    except BadRequest as error:
        raise S3Fault("MalformedPOSTRequest", str(error)) from error
