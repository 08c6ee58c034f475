"""The result of a statement: its shape comes with the first of its parts, the others are fetched by number."""

from collections.abc import Sequence
from typing import Any, Final

from tidemill.model.column import Row
from tidemill.stores.databases.paged import PagedRows
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.snowflake.api import Body, SnowflakeApi
from tidemill.stores.databases.snowflake.types import columns_of

_CHANGES: Final = {
    "number of rows inserted": "numRowsInserted",
    "number of rows updated": "numRowsUpdated",
    "number of rows deleted": "numRowsDeleted",
    "number of multi-joined rows updated": "",
}
"""The columns by which Snowflake tells what a statement changed, and the same among its `stats`."""


def rows_of(api: SnowflakeApi, answer: Body, handle: str, statement: Statement, *, float_digits: int) -> PagedRows:
    """The result that an answer begins."""
    affected = _affected(answer)
    if affected is not None:
        return PagedRows((), [], fetch=_no_more, read=tuple, affected=affected)
    columns, readers = columns_of(row_type_of(answer), float_digits=float_digits)
    partitions = (answer.get("resultSetMetaData") or {}).get("partitionInfo") or []
    left = iter(range(1, len(partitions)))

    async def fetch() -> list[Any] | None:
        number = next(left, None)
        return None if number is None else (await api.partition(handle, number, statement)).get("data") or []

    def read(row: Sequence[str | None]) -> Row:
        return tuple(None if cell is None else read(cell) for read, cell in zip(readers, row, strict=True))

    return PagedRows(columns, answer.get("data") or [], fetch=fetch, read=read)


def row_type_of(answer: Body) -> Sequence[Any]:
    """What an answer tells of the columns."""
    found: Sequence[Any] = (answer.get("resultSetMetaData") or {}).get("rowType") or []
    return found


def _affected(answer: Body) -> int | None:
    """Of a statement that changed rows; None for those that give some."""
    stats, names = answer.get("stats"), [str(each["name"]) for each in row_type_of(answer)]
    if not isinstance(stats, dict) or not names or not set(names) <= set(_CHANGES):
        return None
    return sum(int(stats.get(_CHANGES[name]) or 0) for name in names if _CHANGES[name])


async def _no_more() -> None:
    return None
