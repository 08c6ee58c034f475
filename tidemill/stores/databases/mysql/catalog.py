"""What a MySQL or MariaDB says of its tables: its databases are the schemas."""

import re
from itertools import groupby
from operator import itemgetter
from typing import Final

from tidemill.model.errors import NotFound
from tidemill.stores.databases.catalog import (
    VIEW,
    Index,
    Table,
    TableColumn,
    TableName,
    asked,
    foreign_keys_of,
    key_of,
)
from tidemill.stores.databases.port import Session

_KINDS: Final = {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view"}
_OWN: Final = "('mysql', 'information_schema', 'performance_schema', 'sys')"

_TABLES: Final = f"""
select t.table_schema, t.table_name, t.table_type, t.table_rows, t.table_comment
from information_schema.tables t
where t.table_schema not in {_OWN} and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')"""  # noqa: S608

_TABLE: Final = """
select t.table_type, t.table_comment, t.engine, e.transactions, lower(version()) like '%mariadb%'
from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
where t.table_schema = :schema and t.table_name = :name
  and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')"""

_COLUMNS: Final = """
select c.column_name, c.column_type, c.is_nullable = 'YES', c.column_default, lower(c.extra),
       coalesce(c.generation_expression, '') <> '', c.column_comment
from information_schema.columns c where c.table_schema = :schema and c.table_name = :name
order by c.ordinal_position"""

_INDEXES: Final = """
select s.index_name, s.column_name, s.non_unique = 0, s.sub_part, s.index_type
from information_schema.statistics s where s.table_schema = :schema and s.table_name = :name
order by s.index_name <> 'PRIMARY', s.index_name, s.seq_in_index"""

_FOREIGN_KEYS: Final = """
select k.constraint_name, k.column_name, k.referenced_table_schema, k.referenced_table_name, k.referenced_column_name
from information_schema.key_column_usage k
where k.table_schema = :schema and k.table_name = :name and k.referenced_table_name is not null
order by k.constraint_name, k.ordinal_position"""

_ENUM: Final = re.compile(r"enum\((.*)\)", re.DOTALL)
_CHOICE: Final = re.compile(r"'((?:[^']|'')*)'")
_LITERALS: Final = ("char", "varchar", "text", "enum", "set", "date", "time", "datetime", "timestamp")


class MysqlCatalog:
    """A `Catalog`."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        found = [
            TableName(
                schema=schema, name=name, kind=_KINDS[kind], rows=rows, comment="" if kind == "VIEW" else str(comment)
            )
            for schema, name, kind, rows, comment in await asked(session, _TABLES)
        ]
        return sorted(found, key=lambda each: (each.schema, each.name))

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`."""
        found = await asked(session, _TABLE, schema=schema, name=name)
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its user may not see it.")
        ((kind, comment, engine, transactions, is_mariadb),) = found
        columns = tuple(
            _column(row, is_mariadb=bool(is_mariadb))
            for row in await asked(session, _COLUMNS, schema=schema, name=name)
        )
        indexes = _indexes(await asked(session, _INDEXES, schema=schema, name=name))
        return Table(
            schema=schema,
            name=name,
            kind=_KINDS[kind],
            comment="" if kind == "VIEW" else comment,
            columns=columns,
            key=key_of(indexes, columns),
            indexes=indexes,
            foreign_keys=foreign_keys_of(await asked(session, _FOREIGN_KEYS, schema=schema, name=name)),
            why_read_only=_why_read_only(kind, engine, transactions),
        )


def _why_read_only(kind: str, engine: str, transactions: str) -> str:
    if kind == "VIEW":
        return VIEW
    return (
        "" if transactions == "YES" else f"Its engine {engine} has no transactions: a change could not be taken back."
    )


def _column(row: tuple, *, is_mariadb: bool) -> TableColumn:  # type: ignore[type-arg]  # as the query says
    name, type_name, is_nullable, default, extra, is_generated, comment = row
    enum = _ENUM.fullmatch(type_name)
    return TableColumn(
        name=name,
        type=type_name,
        is_nullable=bool(is_nullable),
        default=_default(default, type_name, extra, is_mariadb=is_mariadb),
        is_generated=bool(is_generated),
        comment=comment,
        choices=tuple(each.replace("''", "'") for each in _CHOICE.findall(enum[1])) if enum else (),
    )


def _default(default: str | None, type_name: str, extra: str, *, is_mariadb: bool) -> str | None:
    """As an expression. MySQL gives the text of a literal without quotes, MariaDB gives `NULL` where there is none."""
    if "auto_increment" in extra:
        return "auto_increment"
    if default is None or (is_mariadb and default == "NULL"):
        return None
    is_expression = is_mariadb or "default_generated" in extra or default.upper().startswith("CURRENT_TIMESTAMP")
    if is_expression or not type_name.startswith(_LITERALS):
        return default
    return "'" + default.replace("'", "''") + "'"


def _indexes(rows: list[tuple]) -> tuple[Index, ...]:  # type: ignore[type-arg]  # as the query says
    """One with a part that is an expression tells no rows apart by its columns: it does not count as unique here."""
    found = []
    for name, parts in groupby(rows, key=itemgetter(0)):
        columns = list(parts)
        written = ", ".join(
            "(expression)" if column is None else _quoted(column) + (f"({sub_part})" if sub_part else "")
            for _, column, _, sub_part, _ in columns
        )
        is_unique, is_primary = bool(columns[0][2]), name == "PRIMARY"
        kind = "primary key" if is_primary else f"{'unique ' if is_unique else ''}index {_quoted(name)}"
        found.append(
            Index(
                name=name,
                columns=tuple(column for _, column, *_ in columns if column is not None),
                is_unique=is_unique and all(column is not None for _, column, *_ in columns),
                is_primary=is_primary,
                definition=f"{kind} ({written}) using {columns[0][4].lower()}",
            )
        )
    return tuple(found)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
