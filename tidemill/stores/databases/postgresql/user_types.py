"""Types that a database has beside those of every Postgres: enums, composites, domains, arrays of them, extensions'."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.abc import Loader
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from psycopg.types.string import TextLoader

from tidemill.model.column import Column, DataType, Kind
from tidemill.stores.databases.postgresql.composite import PairsLoader, composite_loader
from tidemill.stores.databases.postgresql.types import ADAPTERS, TYPES, array_loader, array_of, column_type

_LOOK_UP: Final = """
with recursive wanted(oid) as (
  select unnest($1::pg_catalog.oid[])
  union
  select part.oid
  from wanted
  join pg_catalog.pg_type on pg_type.oid = wanted.oid
  cross join lateral (
    select pg_type.typelem where pg_type.typelem <> 0 and pg_type.typlen = -1
    union all
    select pg_type.typbasetype where pg_type.typbasetype <> 0
    union all
    select attribute.atttypid
    from pg_catalog.pg_attribute attribute
    where attribute.attrelid = pg_type.typrelid and pg_type.typrelid <> 0
      and attribute.attnum > 0 and not attribute.attisdropped
  ) as part(oid)
)
select pg_type.oid, pg_catalog.format_type(pg_type.oid, null), pg_type.typtype::text, pg_type.typname::text,
  case when pg_type.typcategory = 'A' and pg_type.typlen = -1 then pg_type.typelem else 0 end,
  pg_type.typdelim::text, pg_type.typbasetype, pg_type.typtypmod,
  (
    select pg_catalog.json_agg(
      pg_catalog.json_build_array(attname, atttypid::int8, atttypmod, not attnotnull) order by attnum)
    from pg_catalog.pg_attribute attribute
    where attribute.attrelid = pg_type.typrelid and pg_type.typrelid <> 0
      and attribute.attnum > 0 and not attribute.attisdropped
  )
from wanted join pg_catalog.pg_type on pg_type.oid = wanted.oid
"""
"""A type and all that it is made of. Domains have the type that they are based on, rows their attributes."""


@dataclass(frozen=True, slots=True)
class UserType:
    """A type of this database, and how its values are read.

    Attributes:
        is_lasting: it stays the same as long as its OID does: no row has part in it.
    """

    data_type: DataType
    loader: type[Loader]
    is_lasting: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    oid: int
    name: str
    typtype: str
    typname: str
    item: int
    delimiter: str
    domain_of: int
    modifier: int
    attributes: bytes | None


class UserTypes:
    """What is known of a database's own types, by OID. Rows' types are asked for each time, since they change."""

    def __init__(self) -> None:
        self._lasting: dict[int, UserType] = {}

    def unknown(self, oids: Iterable[int]) -> set[int]:
        """Those of `oids` that have to be looked up."""
        return {oid for oid in oids if oid not in TYPES and oid not in self._lasting}

    def known(self, oids: Iterable[int]) -> dict[int, UserType]:
        return {oid: self._lasting[oid] for oid in oids if oid in self._lasting}

    async def look_up(self, connection: AsyncConnection[Any], oids: Collection[int]) -> dict[int, UserType]:
        """The types of `oids` and all that they are made of; what is not in the catalogue is left out."""
        cursor = AsyncRawCursor(connection)
        await cursor.execute(_LOOK_UP, [list(oids)], prepare=False)
        rows = {row[0]: _Found(*row) for row in await cursor.fetchall()}
        found: dict[int, UserType] = {}
        for oid in rows:
            _resolve(oid, rows, found)
        self._lasting |= {oid: user_type for oid, user_type in found.items() if user_type.is_lasting}
        return found


def register(adapters: AdaptersMap, user_types: dict[int, UserType]) -> None:
    """Let a connection read values of these types."""
    for oid, user_type in user_types.items():
        adapters.register_loader(oid, user_type.loader)


def _resolve(oid: int, rows: dict[int, _Found], found: dict[int, UserType]) -> UserType:
    """Parts come first: a loader looks for those of its parts when it is made."""
    if oid in TYPES:
        return UserType(TYPES[oid], ADAPTERS.get_loader(oid, Format.TEXT) or TextLoader)
    if oid not in found:
        row = rows[oid]
        if row.item:
            item = _resolve(row.item, rows, found)
            loader: type[Loader] = array_loader(row.item, row.delimiter.encode())
            found[oid] = UserType(array_of(item.data_type), loader, item.is_lasting)
        elif row.domain_of:
            base = _resolve(row.domain_of, rows, found)
            found[oid] = UserType(
                column_type(row.domain_of, base.data_type, row.modifier)[1], base.loader, base.is_lasting
            )
        elif row.attributes is not None:
            found[oid] = _row_type(row, row.attributes, rows, found)
        else:
            found[oid] = _plain_type(row)
    return found[oid]


def _row_type(row: _Found, attributes: bytes, rows: dict[int, _Found], found: dict[int, UserType]) -> UserType:
    fields, oids = [], []
    for name, oid, modifier, is_nullable in msgspec.json.decode(attributes, type=list[tuple[str, int, int, bool]]):
        loaded_by, data_type = column_type(oid, _resolve(oid, rows, found).data_type, modifier)
        fields.append(Column(name, data_type, is_nullable))
        oids.append(loaded_by)
    loader = composite_loader(tuple(field.name for field in fields), tuple(oids))
    return UserType(DataType(name=row.name, kind=Kind.STRUCT, fields=tuple(fields)), loader, is_lasting=False)


def _plain_type(row: _Found) -> UserType:
    if row.typname == "hstore" and row.typtype == "b":
        text = DataType(name="text", kind=Kind.TEXT)
        pair = (Column("key", text, is_nullable=False), Column("value", text))
        return UserType(DataType(name=row.name, kind=Kind.MAP, fields=pair), PairsLoader)
    return UserType(DataType(name=row.name, kind=Kind.TEXT), TextLoader)
