"""Questions about an object that holds a table, and the answers to them."""

from enum import StrEnum
from typing import Final, Literal, Protocol

import msgspec

MIB: Final = 1024 * 1024
MAX_ROWS: Final = 10_000
"""Of one page."""
MAX_COLUMNS: Final = 5_000
MAX_PAGE_BYTES: Final = 8 * MIB
"""Of the rows of one page as JSON; a page ends early before it would get larger, and says so."""
MAX_WHOLE_BYTES: Final = 32 * MIB
"""Of an object whose format can only be read whole (JSON that is not line by line, spreadsheets)."""
WAY_OUT: Final = "Query it with a DuckDB script instead, which has no such bound."


class Format(StrEnum):
    """How an object holds its table."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    """Arrow IPC: a file (Feather) or a stream."""
    JSON_LINES = "json_lines"
    JSON = "json"
    SPREADSHEET = "spreadsheet"
    """Excel (xlsx, xlsm, xlsb, xls) and OpenDocument (ods)."""


class Source(Protocol):
    """An object whose bytes are asked for by range."""

    @property
    def size_bytes(self) -> int:
        """Its size."""
        ...

    async def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end` (exclusive), all of them; of the same version in every call."""
        ...


class TableQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a table.

    Attributes:
        order_by: a column; "" for the order of the file.
        search: a text that a row must hold, case aside: in `search_column`, or in any where that is "".
        filters: conditions by column as JSON (see `inside/conditions.py`); "" for none.
        separator: of CSV; "" to find out.
        has_header: whether the first row names the columns; None to find out.
        encoding: of CSV, one of Python's names.
        sheet: of a spreadsheet; "" for the first.
    """

    task: Literal["page", "count", "export"]
    format: Format
    size_bytes: int
    offset: int = 0
    limit: int = 100
    order_by: str = ""
    descending: bool = False
    search: str = ""
    search_column: str = ""
    filters: str = ""
    separator: str = ""
    has_header: bool | None = None
    encoding: str = "utf-8"
    sheet: str = ""


class Column(msgspec.Struct, frozen=True):
    """A column with its SQL type, in DuckDB's words; for text formats (CSV, JSON) the type that its texts look like."""

    name: str
    type: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a table.

    Attributes:
        rows: the cells of each row, in the order of `columns`, as JSON that loses nothing (`docs/guides/previews.md`).
        next_offset: where the next page starts; None when these rows are the last.
        total: the number of rows that fit the question, where it is known without reading more.
        separator, has_header: of CSV, as given or found out.
        sheets: the names of all sheets of a spreadsheet; `sheet` is the one that was read.
    """

    columns: list[Column]
    rows: list[list[msgspec.Raw]]
    next_offset: int | None = None
    total: int | None = None
    separator: str = ""
    has_header: bool | None = None
    encoding: str = ""
    sheet: str = ""
    sheets: list[str] = []


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer: the code of one of our errors, and its sentence."""

    code: str
    message: str
