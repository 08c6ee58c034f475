"""How values and rows cross the border: JSON as it was written, times in UTC, rows as frozen classes or dicts."""

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.postgres import types as postgres_types
from psycopg.rows import AsyncRowFactory, dict_row

_JSON_TYPES: Final = ("json", "jsonb")


@dataclasses.dataclass(frozen=True, slots=True)
class Json:
    """JSON text given as a parameter for a `json` column; it is stored byte by byte as it is."""

    raw: bytes


class _JsonDumper(Dumper):
    oid = postgres_types["json"].oid

    def dump(self, obj: Json) -> Buffer | None:
        return obj.raw


class _RawLoader(Loader):
    """`json` and `jsonb` columns arrive as bytes: parsing them here would round numbers and drop duplicate keys."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def register(context: AdaptContext) -> None:
    """Teach a connection our types."""
    context.adapters.register_dumper(Json, _JsonDumper)
    for name in _JSON_TYPES:
        context.adapters.register_loader(name, _RawLoader)


def row_factory(row_type: type[Any] | None) -> AsyncRowFactory[Any]:
    """Rows as `row_type` (a dataclass or `msgspec.Struct`), by column name; dicts where it is None.

    Enum fields are made from their text and tuple or frozenset fields from arrays.

    Raises (when the first row is made):
        TypeError: the columns are not exactly the fields; the message names the difference.
    """
    if row_type is None:
        return dict_row

    def factory(cursor: Any) -> Callable[[Sequence[Any]], Any]:
        found = cursor.pgresult  # its `description` would make an object a column
        names = tuple([found.fname(at).decode() for at in range(found.nfields)]) if found else ()
        return _maker(row_type, names) if names else _no_row  # type: ignore[arg-type]

    return factory


def row_maker(row_type: type[Any] | None, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """What makes a row of these columns, as `row_factory` has them."""
    if row_type is None:
        return lambda values: dict(zip(columns, values, strict=True))
    return _maker(row_type, columns)  # type: ignore[arg-type]


def _no_row(values: Sequence[Any]) -> Any:
    raise TypeError(f"The statement gives no rows, but a row came: {len(values)} values.")


@cache
def _maker(row_type: type[Any], columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    names = _field_names(row_type)
    if set(names) != set(columns) or len(set(columns)) != len(columns):
        raise TypeError(
            f"{row_type.__name__} does not fit the query: the columns {sorted(set(columns) - set(names))} have no "
            f"field, the fields {sorted(set(names) - set(columns))} have no column."
        )
    hints = typing.get_type_hints(row_type)
    converters = [(column, convert) for column in columns if (convert := _converter(hints[column]))]

    def make(values: Sequence[Any]) -> Any:
        row = dict(zip(columns, values, strict=True))
        for column, convert in converters:
            if row[column] is not None:
                row[column] = convert(row[column])
        return row_type(**row)

    return make


def _field_names(row_type: type[Any]) -> tuple[str, ...]:
    if dataclasses.is_dataclass(row_type):
        return tuple(f.name for f in dataclasses.fields(row_type) if f.init)
    if issubclass(row_type, msgspec.Struct):
        return row_type.__struct_fields__
    raise TypeError(f"{row_type.__name__} is neither a dataclass nor a msgspec.Struct.")


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    """What makes a field's value from the driver's, or None where the driver's is right already."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        found = [c for argument in typing.get_args(hint) if (c := _converter(argument))]
        return found[0] if len(found) == 1 else None
    origin = typing.get_origin(hint) or hint
    if origin is msgspec.Raw or origin in (tuple, frozenset):
        return typing.cast("Callable[[Any], Any]", origin)
    return hint if isinstance(hint, type) and issubclass(hint, enum.Enum) else None


async def prepare_session(connection: AsyncConnection[Any]) -> None:
    """Once for each connection: our types, and times in UTC."""
    register(connection)
    await connection.execute("set timezone = 'UTC'; set datestyle = 'ISO'", prepare=False)
