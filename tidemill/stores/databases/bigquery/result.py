"""The rows of a job, page by page."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from tidemill.model.column import Column, Row
from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.bigquery.api import BigQueryApi, Body, Job
from tidemill.stores.databases.bigquery.types import Reader, cells, columns_of
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


class Rows:
    """A `Result`. The job has ended: nothing is lost by not reading on."""

    def __init__(self, api: BigQueryApi, answer: Body, job: Job | None, statement: Statement) -> None:
        self._api, self._job, self._statement = api, job, statement
        self.columns, self._readers = columns_in(answer)
        affected = answer.get("numDmlAffectedRows")
        self.affected = None if affected is None else int(affected)
        self._page: list[Any] = (answer.get("rows") or []) if self.columns else []
        self._next = str(answer.get("pageToken") or "") if self.columns else ""
        self._at = 0

    async def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """See `Result.batches`."""
        while self._at < len(self._page) or await self._turn():
            raw = self._page[self._at : self._at + rows]
            self._at += len(raw)
            yield [cells(row, self._readers) for row in raw]

    async def _turn(self) -> bool:
        """Fetch the next page; whether it has rows."""
        self._page, self._at = [], 0
        while self._next and not self._page:
            if self._job is None:
                raise ConnectionFailed("BigQuery answers with a page that is not the last, and does not name its job.")
            answer = await self._api.results(self._job, self._statement, rows=NEXT_ROWS, page=self._next)
            self._page, self._next = answer.get("rows") or [], str(answer.get("pageToken") or "")
        return bool(self._page)
