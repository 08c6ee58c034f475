"""What Snowflake says of the tables of a database, by its information schema."""

from typing import Final

from tidemill.model.errors import NotFound
from tidemill.stores.databases.catalog import VIEW, Table, TableColumn, TableName, asked
from tidemill.stores.databases.port import Session

_KINDS: Final = {
    "BASE TABLE": "table",
    "VIEW": "view",
    "MATERIALIZED VIEW": "materialized view",
    "EXTERNAL TABLE": "foreign table",
}
_NO_CHANGES: Final = (
    "Snowflake enforces no unique keys, and its SQL API has no transactions of several statements: that a change hits "
    "exactly one row cannot be promised. Run a script."
)

_TABLES: Final = """
select table_schema, table_name, table_type, row_count, comment from information_schema.tables
where table_schema <> 'INFORMATION_SCHEMA'"""

_ONE: Final = f"{_TABLES} and table_schema = ? and table_name = ?"

_COLUMNS: Final = """
select column_name, data_type, numeric_precision, numeric_scale, is_nullable, column_default, comment
from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position"""

_NAMES: Final = {"TEXT": "varchar", "FIXED": "number"}


class SnowflakeCatalog:
    """A `Catalog`."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        found = [_table(row) for row in await asked(session, _TABLES)]
        return sorted(found, key=lambda each: (each.schema, each.name))

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`. What keys are declared is not enforced, and so not told."""
        found = await asked(session, _ONE, schema=schema, name=name)
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its role may not see it.")
        told = _table(found[0])
        columns = [_column(row) for row in await asked(session, _COLUMNS, schema=schema, name=name)]
        return Table(
            schema=told.schema,
            name=told.name,
            kind=told.kind,
            comment=told.comment,
            columns=tuple(columns),
            key=(),
            indexes=(),
            foreign_keys=(),
            why_read_only=VIEW if "view" in told.kind else _NO_CHANGES,
        )


def _table(row: tuple) -> TableName:  # type: ignore[type-arg]  # as the query says
    schema, name, kind, rows, comment = row
    return TableName(
        schema=schema,
        name=name,
        kind=_KINDS.get(kind, "table"),
        rows=None if rows is None else int(rows),
        comment=comment or "",
    )


def _column(row: tuple) -> TableColumn:  # type: ignore[type-arg]  # as the query says
    name, word, precision, scale, nullable, default, comment = row
    type_name = _NAMES.get(word, str(word).lower())
    if type_name == "number" and precision is not None:
        type_name = f"number({precision},{scale or 0})"
    return TableColumn(
        name=name,
        type=type_name,
        is_nullable=nullable == "YES",
        default=default,
        is_generated=False,
        comment=comment or "",
    )
