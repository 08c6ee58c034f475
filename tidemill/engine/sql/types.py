"""What a declared SQL type means for a form: the JSON schema of its values, and how a default is read."""

import re
from collections.abc import Mapping
from typing import Final

from tidemill.engine.sql.dialect import Dialect

Schema = Mapping[str, object]

_INTEGER: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_TEXT: Final[Schema] = {"type": "string"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_DATE: Final[Schema] = {"type": "string", "format": "date"}
_TIME: Final[Schema] = {"type": "string", "format": "time"}
_BYTES: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
_JSON: Final[Schema] = {"type": "object"}
_ANY: Final[Schema] = {}
S3_OBJECT: Final = "s3object"
_POINTER: Final[Schema] = {"type": "object", "format": "resource-s3_object"}


def _table(*groups: tuple[Schema, str]) -> Mapping[str, Schema]:
    return {word: schema for schema, words in groups for word in words.split()}


_COMMON: Final = _table(
    (_INTEGER, "smallint integer int int2 int4 int8 bigint tinyint mediumint uinteger ubigint usmallint utinyint"),
    (_NUMBER, "real float float4 float8 double decimal dec numeric number fixed"),
    (_BOOLEAN, "bool boolean"),
    (_DATE, "date"),
    (_TIME, "time timetz"),
    (_MOMENT, "timestamp timestamptz datetime"),
    (_POINTER, S3_OBJECT),
)
_OWN: Final[Mapping[str, Mapping[str, Schema]]] = {
    "postgresql": _table(
        (_INTEGER, "smallserial serial bigserial serial2 serial4 serial8 oid"),
        (_JSON, "json jsonb"),
        (_BYTES, "bytea"),
    ),
    "mysql": _table(
        (_INTEGER, "year uint unsigned"),
        (_BOOLEAN, "bit"),
        (_JSON, "json"),
        (_BYTES, "binary varbinary blob tinyblob mediumblob longblob"),
    ),
    "mssql": _table(
        (_BOOLEAN, "bit"),
        (_NUMBER, "money smallmoney"),
        (_MOMENT, "datetime2 smalldatetime datetimeoffset"),
        (_BYTES, "binary varbinary image timestamp rowversion"),
    ),
    "oracledb": _table(
        (_NUMBER, "binary_float binary_double"),
        (_MOMENT, "date"),
        (_BYTES, "blob raw"),
        (_JSON, "json"),
    ),
    "snowflake": _table(
        (_INTEGER, "byteint"),
        (_MOMENT, "timestamp_ntz timestamp_ltz timestamp_tz timestampntz timestampltz timestamptz"),
        (_BYTES, "binary varbinary"),
        (_JSON, "object"),
        ({"type": "array"}, "array"),
        (_ANY, "variant"),
    ),
    "bigquery": _table(
        (_INTEGER, "int64 byteint"),
        (_NUMBER, "float64 bignumeric bigdecimal"),
        (_BYTES, "bytes"),
        (_JSON, "json struct record"),
    ),
    "clickhouse": _table(
        (_INTEGER, "int8 int16 int32 int64 int128 int256 uint8 uint16 uint32 uint64 uint128 uint256"),
        (_NUMBER, "float32 float64 decimal32 decimal64 decimal128 decimal256"),
        (_DATE, "date32"),
        (_MOMENT, "datetime64"),
        (_JSON, "json"),
    ),
    "duckdb": _table(
        (_INTEGER, "hugeint uhugeint int1 long short signed"),
        (_JSON, "json struct map"),
        (_BYTES, "blob bytea binary varbinary"),
        (_MOMENT, "timestamp_s timestamp_ms timestamp_ns"),
    ),
}
_FOLDED: Final = re.compile(r"\s+")
_SIZE: Final = re.compile(r"(?<!\s)\s*+\([^()]*+\)")
_WRAPPED: Final = re.compile(r"(nullable|lowcardinality)\((.*)\)")
_TWO_WORDS: Final = {
    "double precision": "double",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time with time zone": "timetz",
    "time without time zone": "time",
}


def normal(type_name: str) -> str:
    """A type as it is written, in lower case with single blanks, and none before its size or brackets."""
    text = _FOLDED.sub(" ", type_name.strip().lower())
    return re.sub(r" (?=[(\[)])|(?<=[(]) ", "", text)


def schema_of(type_name: str, dialect: Dialect) -> Schema:
    """The JSON schema of the values of a type, which must be `normal`; what is not known is text."""
    wrapped = _WRAPPED.fullmatch(type_name)
    if wrapped:
        return schema_of(wrapped[2], dialect)
    item = _item_of(type_name)
    if item is not None:
        return {"type": "array", "items": schema_of(item, dialect)}
    plain = _SIZE.sub("", type_name).strip()
    plain = _TWO_WORDS.get(plain, plain)
    word = plain.partition(" ")[0].partition("<")[0]
    for table in (_OWN.get(dialect.name, {}), _COMMON):
        found = table.get(plain) or table.get(word)
        if found is not None:
            return found
    return _TEXT


def _item_of(type_name: str) -> str | None:
    """What an array holds: of `bigint[]`, `array<int64>`, `Array(UInt8)`."""
    if type_name.endswith("]"):
        return type_name[: type_name.rindex("[")].rstrip()
    for opening, closing in (("array<", ">"), ("array(", ")")):
        if type_name.startswith(opening) and type_name.endswith(closing):
            return type_name[len(opening) : -1].strip()
    return None
