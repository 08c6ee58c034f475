"""What a SQL Server says of its tables. Its catalog is joined by plain SQL, without functions of its own."""

import json
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

_KINDS: Final = {"U": "table", "V": "view"}
_COMMENT: Final = "{0}.class = 1 and {0}.name = 'MS_Description' and {0}.major_id = {1} and {0}.minor_id = {2}"

_TABLES: Final = f"""
select s.name, o.name, o.type, r.rows, e.value, o.object_id
from sys.objects o join sys.schemas s on s.schema_id = o.schema_id
left join (select p.object_id, sum(p.rows) as rows from sys.partitions p where p.index_id in (0, 1)
           group by p.object_id) r on r.object_id = o.object_id
left join sys.extended_properties e on {_COMMENT.format("e", "o.object_id", "0")}
where o.type in ('U', 'V') and o.is_ms_shipped = 0"""  # noqa: S608 # of constants

_ONE: Final = f"{_TABLES} and s.name = @P1 and o.name = @P2"

_COLUMNS: Final = f"""
select c.name, coalesce(b.name, t.name), c.max_length, c.precision, c.scale, c.is_nullable, c.is_identity,
       d.definition, m.definition, e.value
from sys.columns c join sys.types t on t.user_type_id = c.user_type_id
left join sys.types b on b.user_type_id = c.system_type_id
left join sys.default_constraints d on d.object_id = c.default_object_id
left join sys.computed_columns m on m.object_id = c.object_id and m.column_id = c.column_id
left join sys.extended_properties e on {_COMMENT.format("e", "c.object_id", "c.column_id")}
where c.object_id = @P1 order by c.column_id"""  # noqa: S608 # of constants

_INDEXES: Final = """
select i.name, c.name, i.is_unique, i.is_primary_key, i.has_filter, i.type_desc, k.is_included_column,
       k.is_descending_key
from sys.indexes i join sys.index_columns k on k.object_id = i.object_id and k.index_id = i.index_id
join sys.columns c on c.object_id = k.object_id and c.column_id = k.column_id
where i.object_id = @P1 and i.type > 0
order by i.is_primary_key desc, i.name, k.is_included_column, k.key_ordinal, k.index_column_id"""

_FOREIGN_KEYS: Final = """
select f.name, c.name, s.name, o.name, r.name
from sys.foreign_keys f join sys.foreign_key_columns k on k.constraint_object_id = f.object_id
join sys.columns c on c.object_id = k.parent_object_id and c.column_id = k.parent_column_id
join sys.objects o on o.object_id = k.referenced_object_id join sys.schemas s on s.schema_id = o.schema_id
join sys.columns r on r.object_id = k.referenced_object_id and r.column_id = k.referenced_column_id
where f.parent_object_id = @P1 order by f.name, k.constraint_column_id"""

_CHARACTERS: Final = {"nchar": 2, "nvarchar": 2, "char": 1, "varchar": 1, "binary": 1, "varbinary": 1}
"""Bytes of each, of types with a size."""
_VERSIONS: Final = frozenset({"timestamp", "rowversion"})
_SCALED: Final = frozenset({"time", "datetime2", "datetimeoffset"})


class MssqlCatalog:
    """A `Catalog`."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        found = [
            TableName(
                schema=schema,
                name=name,
                kind=_KINDS[kind.strip()],
                rows=None if rows is None else int(rows),
                comment=_comment(comment),
            )
            for schema, name, kind, rows, comment, _ in await asked(session, _TABLES)
        ]
        return sorted(found, key=lambda each: (each.schema, each.name))

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`."""
        found = await asked(session, _ONE, schema=schema, name=name)
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its user may not see it.")
        ((schema, name, kind, _, comment, number),) = found
        columns = tuple(_column(row) for row in await asked(session, _COLUMNS, number=str(number)))
        indexes = _indexes(await asked(session, _INDEXES, number=str(number)))
        return Table(
            schema=schema,
            name=name,
            kind=_KINDS[kind.strip()],
            comment=_comment(comment),
            columns=columns,
            key=key_of(indexes, columns),
            indexes=indexes,
            foreign_keys=foreign_keys_of(await asked(session, _FOREIGN_KEYS, number=str(number))),
            why_read_only=VIEW if kind.strip() == "V" else "",
        )


def _comment(value: bytes | str | None) -> str:
    """A `sql_variant`, whose JSON we have."""
    return "" if value is None else str(json.loads(value))


def _column(row: tuple) -> TableColumn:  # type: ignore[type-arg]  # as the query says
    name, word, max_bytes, precision, scale, is_nullable, is_identity, default, computed, comment = row
    return TableColumn(
        name=name,
        type=written_type(word, max_bytes, precision, scale),
        is_nullable=bool(is_nullable),
        default="identity" if is_identity else computed or default,
        is_generated=bool(is_identity or computed is not None) or word in _VERSIONS,
        comment=_comment(comment),
    )


def written_type(word: str, max_bytes: int, precision: int, scale: int) -> str:
    """A type as a declaration has it, from what the catalog keeps of it; -1 bytes are `max`."""
    if word in _CHARACTERS:
        return f"{word}({'max' if max_bytes < 0 else max_bytes // _CHARACTERS[word]})"
    if word in {"decimal", "numeric"}:
        return f"{word}({precision},{scale})"
    return f"{word}({scale})" if word in _SCALED else word


def _indexes(rows: list[tuple]) -> tuple[Index, ...]:  # type: ignore[type-arg]  # as the query says
    """One with a filter tells no rows apart. Columns that are only included do not count."""
    found = []
    for name, parts in groupby(rows, key=itemgetter(0)):
        columns = list(parts)
        _, _, is_unique, is_primary, has_filter, kind, *_ = columns[0]
        keys = [(column, is_descending) for _, column, *_, is_included, is_descending in columns if not is_included]
        written = ", ".join(f"{_quoted(column)}{' desc' if is_descending else ''}" for column, is_descending in keys)
        words = "primary key" if is_primary else f"{'unique ' if is_unique else ''}index {_quoted(name)}"
        found.append(
            Index(
                name=name,
                columns=tuple(column for column, _ in keys),
                is_unique=bool(is_unique) and not has_filter,
                is_primary=bool(is_primary),
                definition=f"{words} ({written}) {kind.lower()}{' with a filter' if has_filter else ''}",
            )
        )
    return tuple(found)


def _quoted(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"
