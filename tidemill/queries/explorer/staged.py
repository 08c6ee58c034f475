"""The records of a file into a table of a database without transactions: by a table of the session's own, where all of
them are before the first comes to the table itself."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

from tidemill.engine.sql.styles import Style
from tidemill.engine.sql.tables import Place, Text
from tidemill.engine.table_files import Record
from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed
from tidemill.queries.explorer.port import Records
from tidemill.queries.explorer.record_rows import is_nested, nested_value, told, wanted_columns
from tidemill.stores.databases.port import ManyRowsSession, NamedType, Session, Statement


async def load_staged(
    session: Session, style: Style, place: Place, *, records: Records, columns: Mapping[str, str], is_trial: bool
) -> int:
    """Insert the records; how many. The last statement alone changes the table.

    Raises:
        BadRequest, QueryFailed: the message names the line of the first record that does not fit.
    """
    staging = _Staging(session, style, place, columns)
    loaded = 0
    try:
        async for batch in records:
            await staging.take(batch)
            loaded += len(batch)
        if loaded and not is_trial:
            await staging.move()
    finally:
        await staging.drop()
    return loaded


class _Staging:
    """The table where records wait; it goes with the session."""

    def __init__(self, session: Session, style: Style, place: Place, columns: Mapping[str, str]) -> None:
        self._session, self._style, self._place, self._columns = session, style, place, columns
        self._text = Text(style)
        self._name = self._text.name("tidemill_rows")
        self._wanted: list[tuple[str, str]] = []
        self._begun: tuple[str, ...] = ()

    async def take(self, records: Sequence[Record]) -> None:
        """Those of one batch."""
        if not self._begun:
            await self._begin(records[0])
        for record in records:
            if tuple(record.values) != self._begun:
                raise BadRequest(
                    f"Line {record.line}: it has other columns than those before, and all must have the same here. "
                    "Nothing was imported."
                )
        await self._write(records)

    async def move(self) -> None:
        """Into the table itself."""
        names = self._names
        there = f"{self._text.name(self._place.schema)}.{self._text.name(self._place.table)}"
        await self._run(f"insert into {there} ({names}) select {names} from {self._name}")  # noqa: S608 # names in quotes

    async def drop(self) -> None:
        """Without waiting until the server forgets the session."""
        with suppress(QueryFailed, ConnectionFailed):
            await self._run(f"drop temporary table if exists {self._name}")

    @property
    def _names(self) -> str:
        return ", ".join(self._text.name(column) for _, column in self._wanted)

    async def _begin(self, record: Record) -> None:
        try:
            self._wanted = wanted_columns(self._place, record, self._columns)
        except BadRequest as error:
            raise told(record, self._columns, error) from error
        self._begun = tuple(record.values)
        types = self._place.types
        defined = ", ".join(f"{self._text.name(each)} {self._style.staged(types[each])}" for _, each in self._wanted)
        await self._run(self._style.staging.format(source=self._name, columns=defined))

    async def _write(self, records: Sequence[Record]) -> None:
        """Together; where that fails, halves of them."""
        text = self._style.many.format(source=self._name, columns=self._names)
        types = [NamedType(column, self._style.staged(self._place.types[column])) for _, column in self._wanted]
        nested = {name for name, column in self._wanted if is_nested(self._place.types[column])}
        rows = [
            [nested_value(each.values[name]) if name in nested else each.values[name] for name, _ in self._wanted]
            for each in records
        ]
        try:
            await cast("ManyRowsSession", self._session).write_rows(text, types, rows)
        except (BadRequest, QueryFailed) as error:
            if len(records) == 1:
                raise told(records[0], self._columns, error) from error
            half = len(records) // 2
            await self._write(records[:half])
            await self._write(records[half:])

    async def _run(self, text: str) -> None:
        for result in await self._session.run(Statement(text=text)):
            async for _ in result.batches(1):
                pass
