"""The answers: Windmill's own, and those that tell more."""

import re
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.previews.kinds import Kind
from tidemill.previews.table import Column, Format, Page
from tidemill.server.previews.looking import Seen


class WindmillTable(msgspec.Struct, kw_only=True):
    """Rows as objects. Types are in Arrow's words. `next_offset` is null where these rows are the last."""

    columns: list[str]
    column_types: list[str]
    rows: list[dict[str, msgspec.Raw]]
    csv_separator: str | UnsetType = UNSET
    next_offset: int | None
    total: int | None

    @classmethod
    def of(cls, page: Page) -> "WindmillTable":
        """The same page in this shape."""
        names = [column.name for column in page.columns]
        return cls(
            columns=names,
            column_types=[arrow_type(column.type) for column in page.columns],
            rows=[dict(zip(names, row, strict=True)) for row in page.rows],
            csv_separator=page.separator or UNSET,
            next_offset=page.next_offset,
            total=page.total,
        )


class RowCount(msgspec.Struct):
    """How many rows there are."""

    count: int


class WindmillFile(msgspec.Struct):
    """The beginning of an object as text, as far as it has one; `msg` tells what it is and whether there is more."""

    content_type: Literal["RawText", "Csv", "Parquet", "Unknown"]
    content: str | UnsetType = UNSET
    msg: str | UnsetType = UNSET


class Table(msgspec.Struct, kw_only=True):
    """A page of a table. `rows` are lists of cells in the order of `columns`, whose types are in SQL.

    `next_offset` is null where these rows are the last; `total` is null where counting them would read more.
    """

    format: Format
    columns: list[Column]
    rows: list[list[msgspec.Raw]]
    next_offset: int | None
    total: int | None
    csv_separator: str | None
    has_header: bool | None
    encoding: str | None
    sheet: str | None
    sheets: list[str]
    size_in_bytes: int
    read_bytes: int

    @classmethod
    def of(cls, page: Page, seen: Seen) -> "Table":
        """The same page in this shape."""
        assert seen.look.format is not None
        return cls(
            format=seen.look.format,
            columns=page.columns,
            rows=page.rows,
            next_offset=page.next_offset,
            total=page.total,
            csv_separator=page.separator or None,
            has_header=page.has_header,
            encoding=page.encoding or None,
            sheet=page.sheet or None,
            sheets=page.sheets,
            size_in_bytes=seen.object.size_bytes,
            read_bytes=seen.object.read_bytes,
        )


class Described(msgspec.Struct, kw_only=True):
    """What an object is, by its first bytes, its name, and what it was uploaded as. `width` and `height` are pixels."""

    kind: Kind
    format: Format | None
    media_type: str
    encoding: str | None
    size_in_bytes: int
    last_modified: datetime
    etag: str
    width: int | None
    height: int | None

    @classmethod
    def of(cls, seen: Seen) -> "Described":
        """What was seen, in this shape."""
        width, height = seen.look.size or (None, None)
        return cls(
            kind=seen.look.kind,
            format=seen.look.format,
            media_type=seen.look.media_type,
            encoding=seen.look.encoding or None,
            size_in_bytes=seen.object.size_bytes,
            last_modified=seen.object.info.modified_at,
            etag=seen.object.info.etag,
            width=width,
            height=height,
        )


_ARROW: Final = {
    "BOOLEAN": "Boolean",
    "TINYINT": "Int8",
    "SMALLINT": "Int16",
    "INTEGER": "Int32",
    "BIGINT": "Int64",
    "UTINYINT": "UInt8",
    "USMALLINT": "UInt16",
    "UINTEGER": "UInt32",
    "UBIGINT": "UInt64",
    "HUGEINT": "Decimal128(38, 0)",
    "UHUGEINT": "Decimal256(39, 0)",
    "FLOAT": "Float32",
    "DOUBLE": "Float64",
    "BLOB": "Binary",
    "DATE": "Date32",
    "TIME": "Time64(Microsecond)",
    "TIMESTAMP_S": "Timestamp(Second, None)",
    "TIMESTAMP_MS": "Timestamp(Millisecond, None)",
    "TIMESTAMP": "Timestamp(Microsecond, None)",
    "TIMESTAMP_NS": "Timestamp(Nanosecond, None)",
    "TIMESTAMP WITH TIME ZONE": 'Timestamp(Microsecond, Some("UTC"))',
    "INTERVAL": "Interval(MonthDayNano)",
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)", re.ASCII)


def arrow_type(sql: str) -> str:
    """A type of SQL as Windmill's widgets know it; what they have no word for is text."""
    if sql.endswith("]"):
        return f"List({arrow_type(sql.rpartition('[')[0])})"
    if sql.startswith("STRUCT"):
        return "Struct"
    if sql.startswith("MAP"):
        return "Map"
    if (decimal := _DECIMAL.fullmatch(sql)) is not None:
        return f"Decimal128({decimal[1]}, {decimal[2]})"
    return _ARROW.get(sql, "Utf8")
