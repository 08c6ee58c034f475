"""What an Oracle database says of its tables: its users are the schemas."""

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

_KINDS: Final = {"TABLE": "table", "VIEW": "view", "MATERIALIZED VIEW": "materialized view"}

_TABLES: Final = """
select o.owner, o.object_name, o.object_type, t.num_rows, c.comments
from all_objects o
left join all_tables t on t.owner = o.owner and t.table_name = o.object_name
left join all_tab_comments c on c.owner = o.owner and c.table_name = o.object_name
where o.object_type in ('TABLE', 'VIEW', 'MATERIALIZED VIEW') and o.oracle_maintained = 'N' and o.secondary = 'N'
  and o.object_name not like 'BIN$%'"""

_ONE: Final = f"{_TABLES} and o.owner = :owner and o.object_name = :name"

_COLUMNS: Final = """
select c.column_name, c.data_type, c.char_length, c.data_length, c.data_precision, c.data_scale, c.nullable,
       c.virtual_column, c.identity_column, m.comments, c.data_default
from all_tab_cols c
left join all_col_comments m on m.owner = c.owner and m.table_name = c.table_name and m.column_name = c.column_name
where c.owner = :owner and c.table_name = :name and c.hidden_column = 'NO' order by c.column_id"""

_INDEXES: Final = """
select i.index_name, k.column_name, i.uniqueness, p.constraint_name, i.index_type, k.descend
from all_indexes i
join all_ind_columns k on k.index_owner = i.owner and k.index_name = i.index_name
left join all_constraints p on p.owner = i.table_owner and p.table_name = i.table_name
  and p.constraint_type = 'P' and p.index_name = i.index_name
where i.table_owner = :owner and i.table_name = :name
order by i.index_name, k.column_position"""

_FOREIGN_KEYS: Final = """
select f.constraint_name, c.column_name, r.owner, r.table_name, r.column_name
from all_constraints f
join all_cons_columns c on c.owner = f.owner and c.constraint_name = f.constraint_name
join all_cons_columns r on r.owner = f.r_owner and r.constraint_name = f.r_constraint_name and r.position = c.position
where f.constraint_type = 'R' and f.owner = :owner and f.table_name = :name
order by f.constraint_name, c.position"""


class OracleCatalog:
    """A `Catalog`."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`. The table that a materialized view is kept in has its name."""
        found: dict[tuple[str, str], TableName] = {}
        for schema, name, kind, rows, comment in await asked(session, _TABLES):
            if kind == "MATERIALIZED VIEW" or (schema, name) not in found:
                found[schema, name] = TableName(
                    schema=schema,
                    name=name,
                    kind=_KINDS[kind],
                    rows=None if rows is None else int(rows),
                    comment=comment or "",
                )
        return [found[each] for each in sorted(found)]

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`."""
        which = {"owner": schema, "name": name}
        found = {kind: comment for _, _, kind, _, comment in await asked(session, _ONE, **which)}
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its user may not see it.")
        kind = "MATERIALIZED VIEW" if "MATERIALIZED VIEW" in found else next(iter(found))
        columns = tuple(_column(row) for row in await asked(session, _COLUMNS, **which))
        indexes = _indexes(await asked(session, _INDEXES, **which))
        return Table(
            schema=schema,
            name=name,
            kind=_KINDS[kind],
            comment=found[kind] or "",
            columns=columns,
            key=key_of(indexes, columns),
            indexes=indexes,
            foreign_keys=foreign_keys_of(await asked(session, _FOREIGN_KEYS, **which)),
            why_read_only="" if kind == "TABLE" else VIEW,
        )


def _column(row: tuple) -> TableColumn:  # type: ignore[type-arg]  # as the query says
    name, word, characters, size_bytes, precision, scale, nullable, is_virtual, is_identity, comment, default = row
    return TableColumn(
        name=name,
        type=written_type(word, int(characters or 0), int(size_bytes or 0), precision=precision, scale=scale),
        is_nullable=nullable == "Y",
        default="identity" if is_identity == "YES" else (default or "").strip() or None,
        is_generated=is_virtual == "YES" or is_identity == "YES",
        comment=comment or "",
    )


def written_type(word: str, characters: int, size_bytes: int, *, precision: object, scale: object) -> str:
    """A type as a declaration has it, from what the catalog keeps of it; times have their digits in it."""
    name = word.lower()
    match name:
        case "number" if precision is not None:
            return f"number({precision},{scale})" if scale else f"number({precision})"
        case "number" if scale == 0:
            return "number(38)"  # `integer`
        case "varchar2" | "char" | "nvarchar2" | "nchar":
            return f"{name}({characters})"
        case "raw":
            return f"raw({size_bytes})"
    return name


def _indexes(rows: list[tuple]) -> tuple[Index, ...]:  # type: ignore[type-arg]  # as the query says
    """One with a part that is an expression tells no rows apart by its columns."""
    found = []
    for name, parts in groupby(rows, key=itemgetter(0)):
        columns = list(parts)
        _, _, uniqueness, primary, kind, _ = columns[0]
        written = ", ".join(f'"{column}"{" desc" if descend == "DESC" else ""}' for _, column, *_, descend in columns)
        is_unique = uniqueness == "UNIQUE"
        words = "primary key" if primary else f'{"unique " if is_unique else ""}index "{name}"'
        found.append(
            Index(
                name=name,
                columns=tuple(column for _, column, *_ in columns),
                is_unique=is_unique and not kind.startswith("FUNCTION"),
                is_primary=primary is not None,
                definition=f"{words} ({written}) {kind.lower()}",
            )
        )
    return tuple(sorted(found, key=lambda each: not each.is_primary))
