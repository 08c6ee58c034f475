"""What a type of DuckDB's is made of."""

from typing import Final

from duckdb.sqltypes import DuckDBPyType

INTEGERS: Final = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
)
WIDE_INTEGERS: Final = frozenset({"hugeint", "uhugeint", "bignum"})


def parts_of(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types inside of a type, by name: `child` of a list, `key` and `value` of a map, the fields of a struct."""
    return {name: part for name, part in kind.children if isinstance(part, DuckDBPyType)}


def scale_of(kind: DuckDBPyType) -> int:
    """The digits behind the point of a decimal."""
    return next(size for name, size in kind.children if name == "scale" and isinstance(size, int))
