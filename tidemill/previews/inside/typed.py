"""Parquet and Arrow: tables with types of their own, read a piece at a time."""

from collections.abc import Callable
from typing import Any, Final

from duckdb import DuckDBPyConnection
from duckdb.sqltypes import DuckDBPyType
from nanoarrow.ipc import InputStream

from tidemill.previews.inside.cells import typed
from tidemill.previews.inside.engine import OBJECT, Engine, quoted
from tidemill.previews.inside.files import ObjectFile
from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.inside.relation import Field, Relation, require_columns

_PARQUET: Final = f"read_parquet({OBJECT})"
_ROW_NUMBER: Final = "file_row_number"
_ARROW_MAGIC: Final = b"ARROW1\0\0"

# Python holds these exactly; all other types are turned into text by the engine, which does.
_EXACT: Final = frozenset(
    {
        *("boolean", "tinyint", "smallint", "integer", "bigint", "hugeint"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
        *("float", "double", "varchar", "blob"),
    }
)


def parquet(engine: Engine) -> Relation:
    """The contents of a Parquet file; its footer is read."""
    connection = engine.connection
    row = connection.execute(f"select num_rows from parquet_file_metadata({OBJECT})").fetchone()
    assert row is not None
    fields = _fields(connection, _PARQUET)
    number = "" if any(each.name.lower() == _ROW_NUMBER for each in fields) else _ROW_NUMBER
    return Relation(sql=_PARQUET, fields=fields, number=number, total=int(row[0]))


def arrow(engine: Engine, ranges: Ranges) -> Relation:
    """The record batches of an Arrow file or stream."""
    start = len(_ARROW_MAGIC) if ranges.read(0, len(_ARROW_MAGIC)) == _ARROW_MAGIC else 0
    stream = Stream(lambda: InputStream.from_readable(ObjectFile(ranges, start=start)))
    engine.connection.register("batches", stream)
    return Relation(sql="batches", fields=_fields(engine.connection, "batches"))


class Stream:
    """Record batches that can be read many times, each time from the start, as far as somebody wants them."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._begin().__arrow_c_stream__(requested_schema)


def _fields(connection: DuckDBPyConnection, sql: str) -> tuple[Field, ...]:
    relation = connection.sql(f"from {sql}")
    require_columns(len(relation.columns))
    return tuple(_field(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True))


def _field(name: str, kind: DuckDBPyType) -> Field:
    column = quoted(name)
    shown = _shown(kind)
    return Field(
        name=name,
        type=str(kind),
        shown=column if shown == str(kind) else f"cast({column} as {shown})",
        text=f"cast({column} as varchar)",
        value=column,
        encode=typed,
    )


def _shown(kind: DuckDBPyType) -> str:
    """The type as which the engine hands out a value that Python must not round."""
    match kind.id:
        case "list" | "array":
            return f"{_shown(_parts(kind)['child'])}[]"
        case "struct":
            return f"struct({', '.join(f'{quoted(name)} {_shown(part)}' for name, part in _parts(kind).items())})"
        case "map":
            return f"map(varchar, {_shown(_parts(kind)['value'])})"
        case name:
            return str(kind) if name in _EXACT else "varchar"


def _parts(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types that a type is made of; the size of an array, which is among them, is none."""
    return {name: part for name, part in kind.children if isinstance(part, DuckDBPyType)}
