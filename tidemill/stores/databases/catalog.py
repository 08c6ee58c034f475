"""What a database says of its tables: one shape for all engines, and the table that names who asks which engine."""

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol, cast

from tidemill.model import jsontext
from tidemill.model.errors import Unsupported
from tidemill.registry import Entry, lookup
from tidemill.stores.databases.port import Argument, Session, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table or view.

    Attributes:
        kind: `table`, `view`, `materialized view`, `foreign table` or `partitioned table`.
        rows: about how many rows it has; None where the database does not know.
        comment: the database's own; "" for none.
    """

    schema: str
    name: str
    kind: str
    rows: int | None
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column. `default` is the database's expression; `is_generated` ones cannot be set."""

    name: str
    type: str
    is_nullable: bool
    default: str | None
    is_generated: bool
    comment: str
    choices: tuple[str, ...] = ()
    """The values of an enum, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index, or the constraint that made it. `definition` is how the database would write it."""

    name: str
    columns: tuple[str, ...]
    is_unique: bool
    is_primary: bool
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns that refer to those of another table."""

    name: str
    columns: tuple[str, ...]
    schema: str
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with all that is to be known of it.

    Attributes:
        key: the columns that tell its rows apart: the primary key, else a unique key without nulls; () for none.
        sorted_by: the columns by which the engine keeps the rows, where that is not the key.
        why_read_only: why its rows cannot be changed one by one; "" where they can.
        options: what else it was made with, as JSON; "" for nothing.
    """

    schema: str
    name: str
    kind: str
    comment: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    sorted_by: tuple[str, ...] = ()
    why_read_only: str = ""
    options: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it holds rows that can be told apart. What names a row of a partition names others elsewhere, too."""
        return self.kind == "table" or (self.kind == "partitioned table" and bool(self.key))


VIEW: Final = "It is a view: change the tables that it is made of."
"""Why one is read-only."""


class Catalog(Protocol):
    """Asks one engine; made without arguments. Each function is one query, but where it says so."""

    async def tables(self, session: Session) -> list[TableName]:
        """The tables and views that the user of the session may see, without the database's own, by schema and name."""
        ...

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """One of them; a query each for columns, indexes and foreign keys.

        Raises:
            NotFound: it is not there, or not for this user.
        """
        ...


CATALOGS: Final = {
    "bigquery": Entry("tidemill.stores.databases.bigquery.catalog:BigQueryCatalog"),
    "clickhouse": Entry("tidemill.stores.databases.clickhouse.catalog:ClickHouseCatalog"),
    "mssql": Entry("tidemill.stores.databases.mssql.catalog:MssqlCatalog", extra="mssql"),
    "mysql": Entry("tidemill.stores.databases.mysql.catalog:MysqlCatalog"),
    "oracledb": Entry("tidemill.stores.databases.oracle.catalog:OracleCatalog", extra="oracledb"),
    "postgresql": Entry("tidemill.stores.databases.postgresql.catalog:PostgresCatalog"),
    "snowflake": Entry("tidemill.stores.databases.snowflake.catalog:SnowflakeCatalog"),
}
"""The script language of a dialect -> who asks its databases."""


def catalog_of(language: str) -> Catalog:
    """
    Raises:
        Unsupported: nobody knows how to ask such a database.
    """
    if language not in CATALOGS:
        raise Unsupported(f"Databases of {language!r} cannot be looked into yet: run a script of that language.")
    return cast("Catalog", lookup(CATALOGS, "catalog", language)())


def key_of(indexes: tuple[Index, ...], columns: tuple[TableColumn, ...]) -> tuple[str, ...]:
    """The columns that tell rows apart: of the primary key, else of the narrowest unique index whose columns are never
    null."""
    never_null = {column.name for column in columns if not column.is_nullable}
    fitting = [each for each in indexes if each.is_unique and each.columns and set(each.columns) <= never_null]
    fitting.sort(key=lambda each: (not each.is_primary, len(each.columns), each.name))
    return fitting[0].columns if fitting else ()


def foreign_keys_of(rows: list[tuple]) -> tuple[ForeignKey, ...]:  # type: ignore[type-arg]  # as queries say
    """Of rows with name, column, and the schema, table and column that it refers to, in their order."""
    found = []
    for name, parts in groupby(rows, key=itemgetter(0)):
        columns = list(parts)
        found.append(
            ForeignKey(
                name=name,
                columns=tuple(column for _, column, *_ in columns),
                schema=columns[0][2],
                table=columns[0][3],
                references=tuple(row[4] for row in columns),
            )
        )
    return tuple(found)


async def asked(session: Session, text: str, **names: str) -> list[tuple]:  # type: ignore[type-arg]  # as the query says
    """The rows of a query; `names` are bound to its placeholders, by name or in their order."""
    arguments = tuple(
        Argument(name=name, type_name="text", value=jsontext.dumps(value)) for name, value in names.items()
    )
    (result,) = await session.run(Statement(text=text, arguments=arguments))
    return [tuple(row) async for batch in result.batches(1000) for row in batch]
