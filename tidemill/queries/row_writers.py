"""Writes rows as JSON Lines, CSV or Parquet, piece by piece: memory holds some batches, never the whole."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

import msgspec

from tidemill.engine.cell_json import Cells, RowEncoder, distinct_names
from tidemill.engine.sql.annotations import Format
from tidemill.model.column import Column, Row
from tidemill.registry import Entry

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_BYTES: Final = 1024 * 1024
_PARQUET: Final = Entry("tidemill.queries.parquet_writer:ParquetWriter")
"""Imported when it is used: Arrow takes its time."""


class RowWriter(Protocol):
    """Takes rows and gives what of the file is ready. Not to be used by two threads at once."""

    content_type: str
    extension: str

    def write(self, rows: Sequence[Row]) -> bytes:
        """The next rows.

        Raises:
            QueryFailed: a value has no form in this format.
        """
        ...

    def finish(self) -> bytes:
        """The end of the file."""
        ...


class BatchWriter(RowWriter, Protocol):
    """One that takes whole columns, too."""

    def __init__(self, columns: Sequence[Column]) -> None: ...

    def write_batch(self, batch: "pa.RecordBatch") -> bytes:
        """As `write`."""
        ...


def row_writer(form: Format, columns: Sequence[Column], *, big_numbers_as_text: bool) -> RowWriter:
    """What writes a result with these columns.

    Raises:
        QueryFailed: two of them have one name.
    """
    match form:
        case Format.JSON:
            return JsonLinesWriter(columns, big_numbers_as_text=big_numbers_as_text)
        case Format.CSV:
            return CsvWriter(columns)
        case Format.PARQUET:
            return parquet_writer(columns)


def parquet_writer(columns: Sequence[Column]) -> BatchWriter:
    """As `row_writer` for Parquet."""
    return cast("type[BatchWriter]", _PARQUET.load())(columns)


class Pieces:
    """A file in pieces of `PIECE_BYTES` or some more. It is written in threads: others go on meanwhile."""

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer
        self._ready = bytearray()

    async def write(self, rows: Sequence[Row]) -> bytes:
        """The next rows; the piece that is full with them, b"" where none is. Raises as `RowWriter.write`."""
        self._ready += await asyncio.to_thread(self._writer.write, rows)
        if len(self._ready) < PIECE_BYTES:
            return b""
        piece = bytes(self._ready)
        self._ready.clear()
        return piece

    async def finish(self) -> bytes:
        """The last piece."""
        self._ready += await asyncio.to_thread(self._writer.finish)
        return bytes(self._ready)


class JsonLinesWriter:
    """An object a row, a line each."""

    content_type = "application/x-ndjson"
    extension = "json"

    def __init__(self, columns: Sequence[Column], *, big_numbers_as_text: bool) -> None:
        self._encoder = RowEncoder(columns, big_numbers_as_text=big_numbers_as_text)

    def write(self, rows: Sequence[Row]) -> bytes:
        """See `RowWriter.write`."""
        return self._encoder.lines(rows)

    def finish(self) -> bytes:
        """Nothing."""
        return b""


class CsvWriter:
    """A header and a line a row (RFC 4180). NULL is empty, an empty text is in quotes; lists and objects are JSON."""

    content_type = "text/csv"
    extension = "csv"

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = distinct_names(columns)
        self._cells = Cells(columns)
        self._begun = False

    def write(self, rows: Sequence[Row]) -> bytes:
        """See `RowWriter.write`."""
        lines = [",".join([_csv_cell(each) for each in row]) for row in self._cells.converted(rows)]
        return self._header() + "".join(f"{line}\r\n" for line in lines).encode()

    def finish(self) -> bytes:
        """The header, where there were no rows."""
        return self._header()

    def _header(self) -> bytes:
        if self._begun or not self._names:
            return b""
        self._begun = True
        return (",".join(map(_quoted, self._names)) + "\r\n").encode()


def _csv_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return _quoted(value) if value else '""'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case msgspec.Raw():
            return _quoted(bytes(value).decode())
        case _:
            return _quoted(msgspec.json.encode(value).decode())


def _quoted(text: str) -> str:
    if any(sign in text for sign in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
