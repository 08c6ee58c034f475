"""The rows of a job, page by page."""

from typing import Any, Final

from tidemill.model.column import Column
from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.bigquery.api import BigQueryApi, Body, Job
from tidemill.stores.databases.bigquery.types import Reader, cells, columns_of
from tidemill.stores.databases.paged import PagedRows
from tidemill.stores.databases.port import Statement

FIRST_ROWS: Final = 1_000
NEXT_ROWS: Final = 20_000
"""Of a page; BigQuery makes it smaller where it would have more than 10 MB."""
_GIVES_ROWS: Final = frozenset({"", "SELECT", "SCRIPT", "CALL"})


def columns_in(answer: Body) -> tuple[tuple[Column, ...], list[Reader]]:
    """None for statements whose schema is that of the table which they make or change."""
    kind = str(answer.get("statementType") or "")
    if kind not in _GIVES_ROWS or answer.get("numDmlAffectedRows") is not None:
        return (), []
    return columns_of((answer.get("schema") or {}).get("fields") or [])


def rows_of(api: BigQueryApi, answer: Body, job: Job | None, statement: Statement) -> PagedRows:
    """The result that an answer begins."""
    columns, readers = columns_in(answer)
    affected = answer.get("numDmlAffectedRows")
    next_page = str(answer.get("pageToken") or "") if columns else ""

    async def fetch() -> list[Any] | None:
        nonlocal next_page
        if not next_page:
            return None
        if job is None:
            raise ConnectionFailed("BigQuery answers with a page that is not the last, and does not name its job.")
        further = await api.results(job, statement, rows=NEXT_ROWS, page=next_page)
        next_page = str(further.get("pageToken") or "")
        return further.get("rows") or []

    return PagedRows(
        columns,
        (answer.get("rows") or []) if columns else [],
        fetch=fetch,
        read=lambda row: cells(row, readers),
        affected=None if affected is None else int(affected),
    )
