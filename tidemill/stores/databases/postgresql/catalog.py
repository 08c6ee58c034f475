"""What a Postgres says of its tables."""

from typing import Final

from tidemill.model.errors import NotFound
from tidemill.stores.databases.catalog import (
    VIEW,
    ForeignKey,
    Index,
    Table,
    TableColumn,
    TableName,
    asked,
    key_of,
)
from tidemill.stores.databases.port import Session

_KINDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_FOREIGN: Final = "It is a foreign table: change it where it is."

_TABLES: Final = """
select n.nspname::text, c.relname::text, c.relkind::text,
       case when c.reltuples < 0 then null else c.reltuples::bigint end,
       coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  and pg_catalog.has_schema_privilege(n.oid, 'usage')
  and pg_catalog.has_any_column_privilege(c.oid, 'select, insert, update')
order by 1, 2"""

_TABLE: Final = """
select c.relkind::text, coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and pg_catalog.has_schema_privilege(n.oid, 'usage')
  and pg_catalog.has_any_column_privilege(c.oid, 'select, insert, update')"""

_COLUMNS: Final = """
select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '' or a.attidentity = 'a',
       coalesce(pg_catalog.col_description(c.oid, a.attnum), ''),
       array(select e.enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = a.atttypid order by e.enumsortorder)
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped
order by a.attnum"""

_INDEXES: Final = """
select i.relname::text,
       array(select a.attname::text from unnest(x.indkey[0:x.indnkeyatts - 1]) with ordinality k(number, place)
             join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number order by k.place),
       x.indisunique and x.indpred is null and x.indexprs is null and x.indisvalid, x.indisprimary,
       pg_catalog.pg_get_indexdef(x.indexrelid)
from pg_catalog.pg_index x
join pg_catalog.pg_class i on i.oid = x.indexrelid
join pg_catalog.pg_class c on c.oid = x.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2
order by x.indisprimary desc, 1"""

_FOREIGN_KEYS: Final = """
select k.conname::text,
       array(select a.attname::text from unnest(k.conkey) with ordinality u(number, place)
             join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place),
       fn.nspname::text, f.relname::text,
       array(select a.attname::text from unnest(k.confkey) with ordinality u(number, place)
             join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number order by u.place)
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_class f on f.oid = k.confrelid
join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
where k.contype = 'f' and n.nspname = $1 and c.relname = $2
order by 1"""


class PostgresCatalog:
    """A `Catalog`."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        return [
            TableName(schema=schema, name=name, kind=_KINDS[kind], rows=rows, comment=comment)
            for schema, name, kind, rows, comment in await asked(session, _TABLES)
        ]

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`."""
        found = await asked(session, _TABLE, schema=schema, name=name)
        if not found:
            raise NotFound(f"There is no table {schema}.{name} in the database, or its user may not see it.")
        ((kind, comment),) = found
        columns = tuple(
            TableColumn(
                name=column,
                type=type_name,
                is_nullable=is_nullable,
                default=default,
                is_generated=is_generated,
                comment=note,
                choices=tuple(choices),
            )
            for column, type_name, is_nullable, default, is_generated, note, choices in await asked(
                session, _COLUMNS, schema=schema, name=name
            )
        )
        indexes = tuple(
            Index(name=index, columns=tuple(of), is_unique=unique, is_primary=primary, definition=definition)
            for index, of, unique, primary, definition in await asked(session, _INDEXES, schema=schema, name=name)
        )
        return Table(
            schema=schema,
            name=name,
            kind=_KINDS[kind],
            comment=comment,
            columns=columns,
            key=key_of(indexes, columns),
            indexes=indexes,
            foreign_keys=tuple(
                ForeignKey(name=key, columns=tuple(of), schema=there, table=table, references=tuple(to))
                for key, of, there, table, to in await asked(session, _FOREIGN_KEYS, schema=schema, name=name)
            ),
            why_read_only={"v": VIEW, "m": VIEW, "f": _FOREIGN}.get(kind, ""),
        )
