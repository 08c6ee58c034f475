"""Runs the statements of a script one after the other, and makes the JSON of the rows that are asked for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tidemill.engine.cell_json import RowEncoder, ScalarEncoder
from tidemill.engine.sql.annotations import Annotations, Collection
from tidemill.model.by_identity import ByIdentity
from tidemill.model.column import Column
from tidemill.model.errors import QueryFailed, TooLarge
from tidemill.stores.databases.port import Result, Session, Statement

BATCH_ROWS: Final = 1000


@dataclass(slots=True)
class Collector:
    """Collects the result of one run. Bounds hold for all statements together."""

    annotations: Annotations
    max_bytes: int
    max_rows: int = 0
    _bytes: int = 0
    _rows: int = 0

    async def collect(self, session: Session, statements: Sequence[Statement]) -> bytes:
        """The result as JSON, in the form that `result_collection` says.

        Raises:
            QueryFailed, ConnectionFailed: see `stores/databases/port.py`.
            TooLarge: the result is; the message names `-- s3`.
        """
        mode = self.annotations.collection
        if not mode.is_of_all and mode is not Collection.LEGACY:
            for statement in statements[:-1]:
                for result in await session.run(statement):
                    await drain(result)
            return await self._of_last(await session.run(statements[-1]))
        found = []
        for statement in statements:
            found += [await self._of(result) for result in await session.run(statement)]
        if mode is Collection.LEGACY and len(found) == 1:
            return found[0]
        return b"[" + b",".join(found) + b"]"

    async def _of_last(self, results: Sequence[Result]) -> bytes:
        """Of a batch of several statements the last result set that has columns."""
        with_rows = [result for result in results if result.columns]
        return await self._of((with_rows or results)[-1])

    async def _of(self, result: Result) -> bytes:
        mode = self.annotations.collection
        text = self.annotations.big_numbers_as_text
        if not result.columns:
            return await self._without_columns(result)
        encoder = _ENCODERS[mode.is_scalar, text](result.columns)
        if mode.is_first_row:
            return await self._first(result, encoder)
        parts = []
        async for rows in result.batches(BATCH_ROWS):
            parts.append(self._counted(encoder.objects(rows), len(rows)))
            if len(rows) == BATCH_ROWS:
                await asyncio.sleep(0)  # heartbeats and other jobs go on meanwhile
        return b"[" + b",".join(parts) + b"]"

    async def _without_columns(self, result: Result) -> bytes:
        """Of what gives no rows; `select from t` gives some in PostgreSQL, each of which is an empty object."""
        mode = self.annotations.collection
        parts: list[bytes] = []
        async for rows in result.batches(BATCH_ROWS):
            if mode.is_scalar:
                raise QueryFailed("A row of the result has no column whose value could be taken: select one.")
            if mode.is_first_row:
                return b"{}"
            parts.append(self._counted(b",".join([b"{}"] * len(rows)), len(rows)))
            if len(rows) == BATCH_ROWS:
                await asyncio.sleep(0)
        return b"null" if mode.is_first_row else b"[" + b",".join(parts) + b"]"

    async def _first(self, result: Result, encoder: RowEncoder | ScalarEncoder) -> bytes:
        async for rows in result.batches(1):
            return self._counted(encoder.objects(rows[:1]), 1)
        return b"null"

    def _counted(self, encoded: bytes, rows: int) -> bytes:
        self._bytes += len(encoded)
        self._rows += rows
        if self._bytes > self.max_bytes:
            raise TooLarge(
                f"The result has more than {self.max_bytes} bytes (TIDEMILL_MAX_VALUE_BYTES). Begin the script with "
                "`-- s3` to stream the rows to workspace storage, or ask for fewer."
            )
        if self.max_rows and self._rows > self.max_rows:
            raise TooLarge(
                f"The result has more than {self.max_rows} rows. Begin the script with `-- s3` to stream them to "
                "workspace storage, or ask for fewer."
            )
        return encoded


def _scalars(text: bool, columns: Sequence[Column]) -> ScalarEncoder:  # to be partial
    return ScalarEncoder(columns, big_numbers_as_text=text)


def _rows(text: bool, columns: Sequence[Column]) -> RowEncoder:
    return RowEncoder(columns, big_numbers_as_text=text)


_ENCODERS: Final[Mapping[tuple[bool, bool], Callable[[Sequence[Column]], RowEncoder | ScalarEncoder]]] = {
    (True, False): ByIdentity(partial(_scalars, False)),
    (True, True): ByIdentity(partial(_scalars, True)),
    (False, False): ByIdentity(partial(_rows, False)),
    (False, True): ByIdentity(partial(_rows, True)),
}
"""By whether scalars are asked for, and numbers as text. Backends give the same columns again where they can."""


async def drain(result: Result) -> None:
    """Read the rows without keeping them: what they do on the way is done."""
    if result.columns:
        async for _ in result.batches(BATCH_ROWS):
            pass
