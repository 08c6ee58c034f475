"""Spreadsheets: one sheet at a time, read whole."""

import codecs
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

from tidemill.model.errors import BadRequest, PreviewFailed, TooLarge
from tidemill.previews.inside.engine import Engine
from tidemill.previews.inside.files import ObjectFile
from tidemill.previews.inside.json_rows import Row, require_whole, rows_of_json
from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.inside.relation import Relation, require_columns
from tidemill.previews.table import MIB, WAY_OUT, TableQuestion

_MOST_UNPACKED_BYTES: Final = 256 * MIB
_MOST_RATIO: Final = 100
codecs.lookup("cp437")  # for names in archives; its code cannot be loaded later
_ZIP: Final = b"PK\x03\x04"
_MOST_PLAIN_INTEGER: Final = 2**53


def spreadsheet(engine: Engine, ranges: Ranges, question: TableQuestion) -> Relation:
    """The rows of one sheet. Without being told, a first row of nothing but different texts names the columns."""
    require_whole(ranges)
    data = ObjectFile(ranges).read()
    _require_honest(data)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = tuple(book.sheet_names)
        name = question.sheet or next(iter(sheets), "")
        table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except WorksheetNotFound as error:
        raise BadRequest(f"There is no sheet {question.sheet[:200]!r}; there are {', '.join(sheets)[:500]}.") from error
    except CalamineError as error:
        raise PreviewFailed(f"This spreadsheet cannot be read: {error}.") from error
    width = max((len(row) for row in table), default=0)
    require_columns(width)
    has_header = _looks_like_header(table) if question.has_header is None else question.has_header
    names = _names(table[0] if has_header and table else (), width)
    rows = table[1:] if has_header else table
    relation = rows_of_json(engine, lambda: _cells(rows, names), longest_bytes=MIB)
    return replace(relation, has_header=has_header, sheet=name, sheets=sheets)


def _require_honest(data: bytes) -> None:
    """Refuse an archive that says itself that it is a bomb. One that lies meets the limits of the process."""
    if not data.startswith(_ZIP):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise PreviewFailed(f"This spreadsheet is not a whole archive: {error}.") from error
    if unpacked > min(_MOST_UNPACKED_BYTES, max(_MOST_RATIO * len(data), MIB)):
        raise TooLarge(
            f"The spreadsheet has {len(data)} bytes and unpacks to {unpacked} (at most {_MOST_UNPACKED_BYTES}, "
            f"and {_MOST_RATIO} times its size). {WAY_OUT}"
        )


def _looks_like_header(table: Sequence[Sequence[Any]]) -> bool:
    first = table[0] if table else []
    return len(table) > 1 and all(isinstance(cell, str) and cell for cell in first) and len(set(first)) == len(first)


def _names(header: Sequence[Any], width: int) -> tuple[str, ...]:
    """A name for each column, all different: what the header says, else its letters."""
    names: list[str] = []
    for place in range(width):
        cell = header[place] if place < len(header) else ""
        name = str(cell) if cell not in {"", None} else _letters(place)
        names.append(name if name not in names else f"{name} ({_letters(place)})")
    return tuple(names)


def _letters(place: int) -> str:
    """A, B, …, Z, AA, … as spreadsheets call their columns."""
    place, letter = divmod(place, 26)
    return (_letters(place - 1) if place else "") + chr(ord("A") + letter)


def _cells(rows: Sequence[Sequence[Any]], names: tuple[str, ...]) -> Iterator[Row]:
    for row in rows:
        yield {name: msgspec.Raw(_cell(value)) for name, value in zip(names, row, strict=False)}


def _cell(value: object) -> bytes:
    """As JSON; an empty cell is null."""
    match value:
        case "" | None:
            return b"null"
        case float() if value.is_integer() and abs(value) < _MOST_PLAIN_INTEGER:
            return str(int(value)).encode()
        case datetime():
            return msgspec.json.encode(value.isoformat(sep=" "))
        case date() | time():
            return msgspec.json.encode(value.isoformat())
        case timedelta():
            return msgspec.json.encode(str(value))
        case _:
            return msgspec.json.encode(value)
