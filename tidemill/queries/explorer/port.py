"""What every explorer of a user's database can do, in one shape: lists of things, pages of what is in them, changes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from tidemill.engine.pages import Identity, Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.definitions import Step, StepKind
from tidemill.engine.table_files import Record
from tidemill.model.column import Column
from tidemill.stores.databases.catalog import Table, TableName

Records = AsyncIterator[Sequence[Record]]
MOST_ROWS: Final = 1000
MOST_CHANGES: Final = 1000
STATEMENT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A page of rows.

    Attributes:
        cells: for each row its values, ready for msgspec's encoder, in the order of the columns.
        versions: for each row what it is now; None where the engine has none.
        row_names: for each row what names it; None where a key does.
        after: where the next page begins; None for the last, and for views.
        has_more: whether there are more rows.
        sql: what was asked, with placeholders.
        documents: for each row the whole of it, where that is more than its cells.
    """

    columns: tuple[Column, ...]
    cells: list[list[object]]
    versions: list[str] | None
    row_names: list[str] | None
    after: list[msgspec.Raw] | None
    has_more: bool
    sql: str
    documents: list[msgspec.Raw] | None = None


class ChangeKind(StrEnum):
    """What is done to a row. A document is replaced as a whole."""

    INSERT = "insert"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: `values` of all but deletes, `row` of all but inserts."""

    kind: ChangeKind
    schema: str
    table: str
    values: dict[str, bytes]
    row: Identity


@dataclass(frozen=True, slots=True)
class Done:
    """A statement that was run, with the values of its placeholders as JSON.

    `part`: those of one part took effect together; all have 1 but where a store can promise no more than that.
    """

    sql: str
    arguments: list[msgspec.Raw]
    part: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a statement is run: `plan` is the database's own: JSON, or its text or XML as a JSON string."""

    form: str
    plan: msgspec.Raw
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """The statements of steps. `is_atomic`: the database runs all or none."""

    statements: list[str]
    is_atomic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What can be asked of a database, beside looking into it.

    Attributes:
        defines: the steps that `define` knows.
        imports: `load` takes files.
        exports: the formats of `export`.
        plans: `explain` tells how a statement would be run; `runs_plans`: how it has run, too.
    """

    defines: tuple[StepKind, ...] = ()
    imports: bool = False
    exports: tuple[Format, ...] = ()
    plans: bool = False
    runs_plans: bool = False


class Explorer(Protocol):
    """One database, for one identity, for the time of a request."""

    language: str
    abilities: Abilities

    async def tables(self) -> list[TableName]:
        """All tables and views, collections, or what else holds rows."""
        ...

    async def table(self, schema: str, name: str) -> Table:
        """One of them.

        Raises:
            NotFound: it is not there.
        """
        ...

    async def rows(self, schema: str, name: str, page: Page) -> Rows:
        """A page of its rows.

        Raises:
            BadRequest: a column is not there, or a value does not fit its type.
        """
        ...

    async def change(self, changes: Sequence[Change], *, is_trial: bool, by_parts: bool = False) -> list[Done]:
        """Make the changes, all or none; of a trial nothing stays.

        Keys in several slots of a cluster cannot be changed together: a trial tells the parts in which they can, and
        only with `by_parts` they are, once all have been tried, one part after the other.

        Raises:
            Conflict: something is not (any more) as it was seen, or not one; nothing was changed, but for the parts
                that the message names.
            QueryFailed: the database refuses one; nothing was changed, but for those.
            Unsupported: it cannot promise that.
        """
        ...

    async def explain(self, content: str, args: Mapping[str, bytes], *, runs: bool) -> Plan:
        """The plan of the one statement of a script. If it `runs`, nothing of what it does stays.

        Raises:
            BadRequest: it has several, or an argument (raw JSON) does not fit.
            QueryFailed: the database's own words.
            Unsupported: there are no plans.
        """
        ...

    async def define(self, steps: Sequence[Step], *, is_trial: bool) -> Defined:
        """Create, change and drop tables. Of a trial the statements are shown, and nothing is sent.

        Raises:
            BadRequest: a step lacks something.
            QueryFailed: the database refuses one; the message tells what has taken effect.
            Unsupported: the engine has no such thing.
        """
        ...

    def export(self, schema: str, name: str, page: Page, *, form: Format) -> AsyncIterator[bytes]:
        """All rows that match, as a file, in pieces; memory holds few of them.

        Raises:
            QueryFailed: a value has no form in the format.
            Unsupported: it has no such files.
        """
        ...

    async def load(
        self, schema: str, name: str, records: Records, *, columns: Mapping[str, str], is_trial: bool
    ) -> int:
        """Insert the records; how many. `columns`: of the file -> of the table; empty: they have the same names.

        Raises:
            BadRequest, QueryFailed: the message names the line of the first that does not fit; nothing was inserted.
            Unsupported: it cannot promise that.
        """
        ...
