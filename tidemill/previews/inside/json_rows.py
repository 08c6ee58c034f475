"""Rows of JSON. Each cell stays the JSON text that it is, so that no number is rounded; the engine gets them as CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tidemill.model.errors import PreviewFailed, TooLarge
from tidemill.previews.inside.cells import raw
from tidemill.previews.inside.delimited import longest_line
from tidemill.previews.inside.engine import OBJECT, Engine
from tidemill.previews.inside.files import Flowing, in_utf8
from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.inside.relation import Field, Relation, column_of, require_columns, text_columns
from tidemill.previews.table import MAX_WHOLE_BYTES, MIB, WAY_OUT, TableQuestion

Row = dict[str, msgspec.Raw]
Rows = Callable[[], Iterator[Row]]

_BOM: Final = b"\xef\xbb\xbf"
_SAMPLE_ROWS: Final = 2048
_SAMPLE_BYTES: Final = MIB
_CSV_BUFFER: Final = 2
"""As CSV, a line of JSON may be about twice as long: its quotes are doubled."""
_PIECE_BYTES: Final = 64 * 1024
_INTEGER: Final = re.compile(rb"-?[0-9]{1,18}", re.ASCII)

_decode_row: Final = msgspec.json.Decoder(Row)
_decode_rows: Final = msgspec.json.Decoder(list[msgspec.Raw])


def json_lines(engine: Engine, ranges: Ranges, question: TableQuestion) -> Relation:
    """One row a line; the first ones are read to find out which columns there are."""
    longest = longest_line(ranges)
    return rows_of_json(engine, lambda: _lines(ranges, question.encoding, longest), longest_bytes=longest)


def json_whole(engine: Engine, ranges: Ranges, question: TableQuestion) -> Relation:
    """The elements of an array, or the one row that an object is."""
    require_whole(ranges)
    text = in_utf8(ranges, question.encoding).read().removeprefix(_BOM)
    try:
        text.decode()
        elements = _decode_rows.decode(text) if text.lstrip()[:1] == b"[" else [msgspec.Raw(text.strip())]
        found = [_row(bytes(each)) for each in elements]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PreviewFailed(f"This is not JSON: {error}.") from error
    return rows_of_json(engine, lambda: iter(found), longest_bytes=MIB)


def require_whole(ranges: Ranges) -> None:
    """Raises TooLarge when the object cannot be read whole."""
    if ranges.size_bytes > MAX_WHOLE_BYTES:
        raise TooLarge(
            f"This format can only be read whole, and the object has {ranges.size_bytes} bytes "
            f"(at most {MAX_WHOLE_BYTES}). {WAY_OUT}"
        )


def rows_of_json(engine: Engine, rows: Rows, *, longest_bytes: int) -> Relation:
    """`rows` gives the same rows whenever it is called."""
    types = _sample(rows())
    require_columns(len(types))
    names = tuple(types)
    engine.show(lambda: Flowing(_as_csv(rows(), names)))
    buffer = longest_bytes * _CSV_BUFFER
    rest = column_of(len(names))
    how = (
        "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', allow_quoted_nulls = false, "
        f"columns = {{{text_columns((*names, rest))}}}, buffer_size = {buffer}, max_line_size = {buffer}"
    )
    fields = tuple(_field(place, name, kind) for place, (name, kind) in enumerate(types.items()))
    return Relation(sql=f"read_csv({OBJECT}, {how})", fields=fields, rest=rest)


def _lines(ranges: Ranges, encoding: str, longest: int) -> Iterator[Row]:
    file = io.BufferedReader(in_utf8(ranges, encoding), _PIECE_BYTES)
    number = 0
    while line := file.readline(longest + 1):
        number += 1
        if len(line) > longest:
            raise TooLarge(f"Line {number} has more than {longest} bytes. {WAY_OUT}")
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        if not text:
            continue
        try:
            text.decode()  # what is passed on unread was not looked at
            yield _row(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PreviewFailed(f"Line {number} is not JSON: {error}.") from error


def _row(text: bytes) -> Row:
    """An object's members; what is no object is in the column `value`."""
    if text[:1] == b"{":
        return _decode_row.decode(text)
    msgspec.json.decode(text, type=msgspec.Raw)
    return {"value": msgspec.Raw(text)}


def _sample(rows: Iterator[Row]) -> dict[str, str]:
    """The columns of the first rows, in the order in which they appear, with the type that they look like."""
    types: dict[str, str] = {}
    seen_bytes = 0
    for count, row in enumerate(rows, 1):
        for name, cell in row.items():
            kind = _kind(bytes(cell))
            types[name] = kind if types.get(name, "") in {"", kind} else _common(types[name], kind)
            seen_bytes += len(name) + len(bytes(cell))
        if count >= _SAMPLE_ROWS or seen_bytes >= _SAMPLE_BYTES:
            break
    return {name: kind or "VARCHAR" for name, kind in types.items()}


def _kind(cell: bytes) -> str:
    """The SQL type that a cell looks like; "" for null."""
    match cell[:1]:
        case b"n":
            return ""
        case b'"':
            return "VARCHAR"
        case b"t" | b"f":
            return "BOOLEAN"
        case b"{" | b"[":
            return "JSON"
        case _:
            return "BIGINT" if _INTEGER.fullmatch(cell) else "DOUBLE"


def _common(one: str, other: str) -> str:
    if not other:
        return one
    return "DOUBLE" if {one, other} == {"BIGINT", "DOUBLE"} else "JSON"


def _field(place: int, name: str, kind: str) -> Field:
    column = column_of(place)
    text = f"(cast({column} as json) ->> '$')"
    value = f"try_cast({text} as {kind})" if kind in {"BIGINT", "DOUBLE", "BOOLEAN"} else text
    return Field(name=name, type=kind, shown=column, text=text, value=value, encode=raw)


def _as_csv(rows: Iterator[Row], names: tuple[str, ...]) -> Iterator[bytes]:
    """Cells in the order of `names`, and an object with all others; null and what is missing are empty."""
    known = frozenset(names)
    piece = io.StringIO()
    writer = csv.writer(piece, lineterminator="\n")
    for row in rows:
        rest = {name: cell for name, cell in row.items() if name not in known}
        cells = [None if (cell := row.get(name)) is None or cell == b"null" else bytes(cell).decode() for name in names]
        writer.writerow([*cells, msgspec.json.encode(rest).decode() if rest else None])
        if piece.tell() >= _PIECE_BYTES:
            yield piece.getvalue().encode()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue().encode()
