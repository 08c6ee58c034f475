"""What a ClickHouse says of its tables: its databases are the schemas."""

import re
from typing import Final

from tidemill.model.errors import NotFound
from tidemill.stores.databases.catalog import VIEW, Index, Table, TableColumn, TableName, asked
from tidemill.stores.databases.port import Session

_OWN: Final = "('system', 'INFORMATION_SCHEMA', 'information_schema')"
_VIEWS: Final = {"View": "view", "LiveView": "view", "WindowView": "view", "MaterializedView": "materialized view"}

_TABLES: Final = f"""
select database, name, engine, total_rows, comment from system.tables
where database not in {_OWN} and not is_temporary and not startsWith(name, '.inner')
order by database, name"""  # noqa: S608

_TABLE: Final = """
select engine, comment, sorting_key, primary_key from system.tables
where database = {schema:String} and name = {name:String} and not is_temporary"""

_COLUMNS: Final = """
select name, type, default_kind, default_expression, comment from system.columns
where database = {schema:String} and table = {name:String} and default_kind <> 'EPHEMERAL'
order by position"""

_INDEXES: Final = """
select name, expr, type_full, granularity from system.data_skipping_indices
where database = {schema:String} and table = {name:String} order by name"""

_CHOICE: Final = re.compile(r"(?s)'((?:[^'\\]|\\.)*+)(?:' = -?\d+|\\?\Z)")
_PLAIN_NAME: Final = re.compile(r"\s*(?:([A-Za-z_]\w*)|`((?:[^`\\]|\\.)*)`)\s*(?:,|\Z)")
_NO_CHANGES: Final = (
    "ClickHouse has neither transactions nor keys that are unique: that a change hits exactly one row cannot be "
    "promised. Run a script."
)


class ClickHouseCatalog:
    """A `Catalog`. Ephemeral columns, which are never kept, are left out."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        return [
            TableName(schema=schema, name=name, kind=_VIEWS.get(engine, "table"), rows=rows, comment=comment)
            for schema, name, engine, rows, comment in await asked(session, _TABLES)
        ]

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`. It has no foreign keys, and no key."""
        found = await asked(session, _TABLE, schema=schema, name=name)
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its user may not see it.")
        ((engine, comment, sorting_key, primary_key),) = found
        kind = _VIEWS.get(engine, "table")
        primary = Index(
            name="primary key",
            columns=_leading_names(primary_key),
            is_unique=False,
            is_primary=True,
            definition=f"primary key ({primary_key}) order by ({sorting_key})",
        )
        skipping = [
            Index(
                name=index,
                columns=_leading_names(expression),
                is_unique=False,
                is_primary=False,
                definition=f"index {index} {expression} type {type_name} granularity {granularity}",
            )
            for index, expression, type_name, granularity in await asked(session, _INDEXES, schema=schema, name=name)
        ]
        return Table(
            schema=schema,
            name=name,
            kind=kind,
            comment=comment,
            columns=tuple(_column(row) for row in await asked(session, _COLUMNS, schema=schema, name=name)),
            key=(),
            indexes=((primary,) if primary_key else ()) + tuple(skipping),
            foreign_keys=(),
            sorted_by=_leading_names(sorting_key),
            why_read_only=VIEW if kind == "view" else _NO_CHANGES,
        )


def _column(row: tuple) -> TableColumn:  # type: ignore[type-arg]  # as the query says
    name, type_name, default_kind, default, comment = row
    return TableColumn(
        name=name,
        type=type_name,
        is_nullable=type_name.startswith(("Nullable(", "LowCardinality(Nullable(")),
        default=default or None,
        is_generated=default_kind in {"MATERIALIZED", "ALIAS"},
        comment=comment,
        choices=tuple(map(_unescaped, _CHOICE.findall(type_name))) if "Enum" in type_name[:20] else (),
    )


def _leading_names(expressions: str) -> tuple[str, ...]:
    """The columns with which a list of expressions begins, up to the first that is none."""
    found, at = [], 0
    while match := _PLAIN_NAME.match(expressions, at):
        found.append(match[1] or _unescaped(match[2]))
        at = match.end()
    return tuple(found)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
