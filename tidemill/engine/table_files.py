"""Files of rows, read piece by piece: CSV and JSON Lines become records with the line where each begins."""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson

MOST_RECORD_CHARS: Final = 16 * 1024 * 1024
"""Of one record; more is taken for a quote that is never closed."""
_FIELD: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)')
_BLANK: Final = frozenset({"", "\r"})


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file, from `line` on (from 1): raw JSON by the names of its columns; None for no value.

    `is_text`: the file has nothing but texts for what is neither a text nor a number.
    """

    line: int
    values: Mapping[str, bytes | None]
    is_text: bool = False


class RecordReader(Protocol):
    """Takes the bytes of a file in pieces of any size."""

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The records that are whole now.

        Raises:
            BadRequest: it is no such file; the message names the line.
        """
        ...

    def end(self) -> Iterator[Record]:
        """What is left."""
        ...


class JsonLines:
    """An object a line."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0

    def feed(self, piece: bytes) -> Iterator[Record]:
        """See `RecordReader.feed`."""
        *whole, self._rest = (self._rest + piece).split(b"\n") if b"\n" in piece else (self._rest + piece,)
        if len(self._rest) > MOST_RECORD_CHARS:
            raise BadRequest(f"Line {self._line + 1} has more than {MOST_RECORD_CHARS} bytes.")
        for line in whole:
            yield from self._record(line)

    def end(self) -> Iterator[Record]:
        """See `RecordReader.end`."""
        yield from self._record(self._rest)

    def _record(self, raw: bytes) -> Iterator[Record]:
        self._line += 1
        if self._line == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if not raw.strip():
            return
        if not raw.lstrip().startswith(b"{"):
            raise BadRequest(f"Line {self._line} is no JSON object: JSON Lines has one on each line.")
        try:
            yield Record(self._line, jsontext.object_fields(raw))
        except InvalidJson as error:
            raise BadRequest(f"Line {self._line} is no JSON object: {error}") from error


class CsvRecords:
    """RFC 4180 with a header; line ends of any kind. An empty field is no value, `""` is an empty text."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._line = 1
        self._names: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Record]:
        """See `RecordReader.feed`."""
        yield from self._read(self._decoded(piece, is_last=False), is_last=False)

    def end(self) -> Iterator[Record]:
        """See `RecordReader.end`."""
        yield from self._read(self._decoded(b"", is_last=True), is_last=True)

    def _decoded(self, piece: bytes, *, is_last: bool) -> str:
        try:
            return self._decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            raise BadRequest(f"Behind line {self._line} the file is no text in UTF-8.") from error

    def _read(self, text: str, *, is_last: bool) -> Iterator[Record]:
        held = self._rest + text
        end = len(held) if is_last else _end_of_records(held)
        whole, self._rest = held[:end], held[end:]
        if len(self._rest) > MOST_RECORD_CHARS:
            raise BadRequest(f"The record at line {self._line} does not end: is a quote not closed?")
        at = 0
        while at < len(whole):
            begin, line, fields = at, self._line, []
            while True:
                match = _FIELD.match(whole, at)
                if match is None:
                    raise BadRequest(f"Line {line}: a quote is not closed, or stands within a field without quotes.")
                quoted, plain, sign = match.groups()
                fields.append(quoted.replace('""', '"') if quoted is not None else plain or None)
                at = match.end()
                if sign != ",":
                    break
            self._line += _breaks(whole[begin:at])
            yield from self._record(line, fields)

    def _record(self, line: int, fields: list[str | None]) -> Iterator[Record]:
        if not self._names:
            self._names = [each or "" for each in fields]
            if len(set(self._names)) != len(self._names) or "" in self._names:
                raise BadRequest("Each column of the header needs a name of its own.")
            return
        if fields == [None] and len(self._names) > 1:
            return
        if len(fields) != len(self._names):
            raise BadRequest(f"Line {line} has {len(fields)} fields, the header {len(self._names)}.")
        values = {
            name: None if each is None else msgspec.json.encode(each)
            for name, each in zip(self._names, fields, strict=True)
        }
        yield Record(line, values, is_text=True)


def _breaks(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _end_of_records(text: str) -> int:
    """Behind the last end of a line that is in no quotes, and cannot be half of one."""
    at = len(text)
    quotes = text.count('"')
    while at > 0:
        found = text.rfind("\n", 0, at)
        if found < 0:
            return 0
        quotes -= text.count('"', found, at)
        if quotes % 2 == 0:
            return found + 1
        at = found
    return 0
