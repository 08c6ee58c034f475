"""How each engine writes what the explorer generates: quotes, placeholders, patterns, how values of a type compare."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How values of a type are compared.

    Attributes:
        column: the expression that is compared, of `{column}`.
        value: the expression that a bound value becomes, of `{value}`.
        bound_as: the type that the value is bound as; "" for that of the column.
    """

    column: str = "{column}"
    value: str = "{value}"
    bound_as: str = ""


PLAIN: Final = Compared()
Columns = Sequence[tuple[str, str]]
"""Quoted names with their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How an engine writes what is generated.

    Attributes:
        quoted: a name in quotes.
        placeholder: of a value, from `{number}` and `{type}`.
        text: the type of texts.
        contains, begins: patterns with `{column}` and `{value}`.
        nulls_last, nulls_last_descending: where an order puts them.
        compared: how a type is compared in filters and keys.
        sorted: how it is sorted, so that the order has the same places for equal values as the comparison has.
        version: the expression that changes whenever a row does, of its columns; None where rows cannot be changed.
        is_short: the version may stand in a statement that is shown.
        row: the expression that names a row of a table without keys; "" for none.
        tie: one that differs where rows of a table without keys do, of its columns; all of them are sorted by else.
        tie_type: of it.
        alias: behind the name of a table in a select.
        row_type: of that expression.
        row_text: it as a text.
        page: behind a query, for `{count}` of its rows.
        skipping: the same, for those after `{skipped}` others.
        unsorted: before that where a query has no order of its own.
        lock: behind a select, so that its rows stay as they are.
        only_one: behind an update or delete that must not touch a second row like the first; "" where `row` is there.
        nothing: behind `insert into x`, for a row of defaults; `{column}` is one of the columns.
        locked: behind the name of a table in a select, for the same as `lock`.
        first_one: behind `update` and `delete`, for the same as `only_one`.
        many: takes rows of `{columns}` into `{source}`, for a session that writes many at once; `{values}` are places.
        place: one of them, from `{number}`.
        most_rows, most_values: that one insert takes.
        staging: makes a table of the session's own for `{columns}`, where rows wait that no transaction holds together.
        staged: the type of a column there.
        savepoint, back: mark a place in a transaction, and go back there.
    """

    quoted: Callable[[str], str]
    placeholder: str
    text: str = "text"
    contains: str
    begins: str
    nulls_last: bool
    nulls_last_descending: bool
    compared: Callable[[str], Compared] = lambda _: PLAIN
    sorted: Callable[[str], Compared] = lambda _: PLAIN
    version: Callable[[Columns], str] | None = None
    is_short: bool = True
    row: str = ""
    tie: Callable[[Columns], str] | None = None
    tie_type: str = ""
    alias: str = ""
    row_type: str = ""
    row_text: str = ""
    page: str = " limit {count}"
    skipping: str = " limit {count} offset {skipped}"
    unsorted: str = ""
    lock: str = " for update"
    only_one: str = ""
    nothing: str = "default values"
    locked: str = ""
    first_one: str = ""
    many: str = ""
    place: str = ":a{number}"
    staging: str = ""
    staged: Callable[[str], str] = lambda type_name: type_name
    most_rows: int = 500
    most_values: int = 20_000
    savepoint: str = "savepoint tidemill_rows"
    back: str = "rollback to savepoint tidemill_rows"


def _doubled(quote: str) -> Callable[[str], str]:
    return lambda name: quote + name.replace(quote, quote * 2) + quote


_MYSQL_WORD: Final = re.compile(r"[a-z]+")
_MYSQL_LONG: Final = frozenset(
    {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob"}
)
_MYSQL_NUMBERS: Final = frozenset(
    {*("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "year")}
    | {*("date", "time", "datetime", "timestamp")}
)
_WIDE_BIT: Final = re.compile(r"bit\((\d+)\)")


def _mysql_word(type_name: str) -> str:
    match = _MYSQL_WORD.match(type_name.lower())
    return match[0] if match else ""


def _mysql_compared(type_name: str) -> Compared:
    """Single floats are equal to what a text of them means in single precision; wide bits are bytes."""
    wide = _WIDE_BIT.fullmatch(type_name)
    if wide and wide[1] != "1":
        digits = -(-int(wide[1]) // 8) * 2
        return Compared(column=f"unhex(lpad(hex({{column}}), {digits}, '0'))", bound_as="varbinary")
    match _mysql_word(type_name):
        case "float":
            return Compared(value="cast({value} as float)", bound_as="double")
        case "json":
            return Compared(value="cast({value} as json)")
    return PLAIN


def _mysql_sorted(type_name: str) -> Compared:
    """As texts what has another order inside. Of long values MySQL sorts by their beginning only."""
    word = _mysql_word(type_name)
    match word:
        case "float":
            return Compared(column="({column} * 1e0)", bound_as="double")
        case "enum" | "set" | "json":
            return Compared(column="cast({column} as char(100))", bound_as="text")
        case _ if word in _MYSQL_LONG:
            return Compared(column="left({column}, 100)")
    return _mysql_compared(type_name)


def _mysql_version(columns: Columns) -> str:
    """A digest of all values, by their bytes: neither case nor blanks at the end are overlooked."""
    parts = ", ".join(f"coalesce({_mysql_digested(name, type_name)}, '-')" for name, type_name in columns)
    return f"sha2(concat_ws(',', {parts}), 256)"


def _mysql_digested(name: str, type_name: str) -> str:
    word = _mysql_word(type_name)
    if word in {"float", "bit"}:
        return f"{name} * 1e0" if word == "float" else f"{name} + 0"
    return name if word in _MYSQL_NUMBERS else f"sha2({name}, 256)"


_WRAPPED: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)")
_SORTABLE: Final = re.compile(
    r"U?Int\d+|B?Float\d+|Decimal.*|Bool|String|FixedString.*|UUID|Date.*|IPv[46]|Enum(?:8|16).*|Time.*"
)


def _clickhouse_compared(type_name: str) -> Compared:
    """Instants are bound in UTC, whatever zone the column shows them in; enums by their names."""
    plain = type_name
    while match := _WRAPPED.fullmatch(plain):
        plain = match[1]
    if plain.startswith("Enum"):
        return Compared(column="toString({column})", bound_as="String")
    return Compared(bound_as=_in_utc(plain))


def _in_utc(type_name: str) -> str:
    match = re.fullmatch(r"DateTime(64)?(?:\((?:(\d), ?)?'[^']*'\))?", type_name)
    if match is None:
        return type_name
    return f"DateTime64({match[2]}, 'UTC')" if match[1] else "DateTime('UTC')"


_MOMENTS: Final = re.compile(r"\bDateTime(?:64\((\d)(?:, ?'[^']*')?\)|(?!64)(?:\('[^']*'\))?)")


def _clickhouse_staged(type_name: str) -> str:
    """Instants in UTC, in which they are written."""
    return _MOMENTS.sub(lambda match: f"DateTime64({match[1]}, 'UTC')" if match[1] else "DateTime('UTC')", type_name)


def _clickhouse_sorted(type_name: str) -> Compared:
    """NaN has its place among the nulls. What has no order is sorted as text."""
    found = _clickhouse_compared(type_name)
    if found.bound_as.startswith(("Float", "BFloat")):
        return Compared(column="if(isNaN({column}), null, {column})", bound_as=found.bound_as)
    return found if _SORTABLE.fullmatch(found.bound_as) else Compared(column="toString({column})", bound_as="String")


def _clickhouse_quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


_FETCH: Final = " offset {skipped} rows fetch next {count} rows only"
_MSSQL_WORD: Final = re.compile(r"[a-z0-9_]+")
_MSSQL_AS_TEXT: Final = frozenset({"text", "ntext", "xml", "sql_variant"})
_MSSQL_AS_BYTES: Final = frozenset({"image", "geometry", "geography", "hierarchyid", "timestamp", "rowversion"})


def _mssql_compared(type_name: str) -> Compared:
    """As texts or bytes what SQL Server does not compare as it is."""
    match = _MSSQL_WORD.match(type_name.lower())
    word = match[0] if match else ""
    if word in _MSSQL_AS_TEXT:
        size = "4000" if word == "sql_variant" else "max"
        return Compared(column=f"cast({{column}} as nvarchar({size}))", bound_as="nvarchar(max)")
    if word in _MSSQL_AS_BYTES:
        return Compared(column="cast({column} as varbinary(max))", bound_as="varbinary(max)")
    return PLAIN


_MSSQL_WITHOUT_BYTES: Final = frozenset({"text", "ntext", "json", "vector"})
_MSSQL_VERSIONS: Final = frozenset({"timestamp", "rowversion"})


def _mssql_version(columns: Columns) -> str:
    """The table's own row version, else a digest of all values by their bytes."""
    for name, type_name in columns:
        if type_name in _MSSQL_VERSIONS:
            return f"lower(convert(varchar(64), cast({name} as varbinary(8)), 2))"
    parts = " + ".join(f"isnull(hashbytes('SHA2_256', {_mssql_bytes(*each)}), 0x00)" for each in columns)
    return f"lower(convert(varchar(64), hashbytes('SHA2_256', cast(0x as varbinary(max)) + {parts}), 2))"


def _mssql_bytes(name: str, type_name: str) -> str:
    is_converted = type_name.partition("(")[0] in _MSSQL_WITHOUT_BYTES
    return f"cast({f'cast({name} as nvarchar(max))' if is_converted else name} as varbinary(max))"


_ORACLE_HASHED: Final = re.compile(
    r"(?:number|n?varchar2|n?char|raw|date|timestamp|interval|binary_float|binary_double|float|u?rowid)\b"
)
_ORACLE_TOGETHER: Final = 50
"""Digests that one text of Oracle's holds."""


def _oracle_version(columns: Columns) -> str:
    """A digest of all values. Of large ones the server makes none: then the change number, of the row or its block."""
    if not all(_ORACLE_HASHED.match(type_name) for _, type_name in columns):
        return "to_char(ora_rowscn)"
    parts = [f"nvl2({name}, rawtohex(standard_hash({name}, 'SHA256')), '-')" for name, _ in columns]
    while len(parts) > 1 or not parts[0].startswith("rawtohex"):
        groups = [parts[at : at + _ORACLE_TOGETHER] for at in range(0, len(parts), _ORACLE_TOGETHER)]
        parts = [f"rawtohex(standard_hash({' || '.join(group)}, 'SHA256'))" for group in groups]
    return f"lower({parts[0]})"


def _bracketed(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


_BIGQUERY_TEXT: Final = "coalesce(json_value(to_json({column})), to_json_string({column}))"
_BIGQUERY_UNSORTED: Final = re.compile(r"(?:array|struct|range)<|json|geography|interval")


def _bigquery_compared(type_name: str) -> Compared:
    """As texts what BigQuery does not compare. NaN has its place among the nulls."""
    if _BIGQUERY_UNSORTED.match(type_name):
        return Compared(column="to_json_string({column})", bound_as="string")
    return PLAIN


def _bigquery_sorted(type_name: str) -> Compared:
    if type_name == "float64":
        return Compared(column="if(is_nan({column}), null, {column})")
    return _bigquery_compared(type_name)


_SNOWFLAKE_UNSORTED: Final = frozenset({"variant", "object", "array", "map", "vector", "geography", "geometry"})


def _snowflake_compared(type_name: str) -> Compared:
    """As texts what Snowflake compares in ways of its own."""
    return (
        Compared(column="cast({column} as varchar)", bound_as="varchar") if type_name in _SNOWFLAKE_UNSORTED else PLAIN
    )


STYLES: Final = {
    "bigquery": Style(
        quoted=_clickhouse_quoted,
        placeholder="@a{number}",
        text="string",
        contains=f"strpos(lower({_BIGQUERY_TEXT}), lower({{value}})) > 0",
        begins=f"starts_with({_BIGQUERY_TEXT}, {{value}})",
        nulls_last=False,
        nulls_last_descending=True,
        compared=_bigquery_compared,
        sorted=_bigquery_sorted,
        tie=lambda _: "to_hex(sha256(to_json_string(tidemill_row)))",
        tie_type="string",
        alias=" as tidemill_row",
    ),
    "snowflake": Style(
        quoted=_doubled('"'),
        placeholder="?",
        text="varchar",
        contains="position(lower({value}), lower(cast({column} as varchar))) > 0",
        begins="startswith(cast({column} as varchar), {value})",
        nulls_last=True,
        nulls_last_descending=False,
        compared=_snowflake_compared,
        sorted=_snowflake_compared,
        tie=lambda columns: f"hash({', '.join(name for name, _ in columns)})",
        tie_type="number(19,0)",
    ),
    "postgresql": Style(
        quoted=_doubled('"'),
        placeholder="${number}",
        contains="position(lower({value}::text) in lower({column}::text)) > 0",
        begins="starts_with({column}::text, {value}::text)",
        nulls_last=True,
        nulls_last_descending=False,
        version=lambda _: "xmin::text",
        row="ctid",
        row_type="tid",
        row_text="ctid::text",
        many="copy {source} ({columns}) from stdin",
    ),
    "mysql": Style(
        quoted=_doubled("`"),
        placeholder=":a{number}",
        contains="locate(lower({value}), lower(cast({column} as char))) > 0",
        begins="left(cast({column} as char), char_length({value})) = {value}",
        nulls_last=False,
        nulls_last_descending=True,
        compared=_mysql_compared,
        sorted=_mysql_sorted,
        version=_mysql_version,
        is_short=False,
        only_one=" limit 1",
        nothing="() values ()",
        many="insert into {source} ({columns}) values",
    ),
    "mssql": Style(
        quoted=_bracketed,
        placeholder="@P{number}",
        text="nvarchar(max)",
        contains="charindex(lower({value}), lower(cast({column} as nvarchar(max)))) > 0",
        begins="left(cast({column} as nvarchar(max)), datalength({value}) / 2) = {value}",
        nulls_last=False,
        nulls_last_descending=True,
        compared=_mssql_compared,
        sorted=_mssql_compared,
        page=_FETCH,
        skipping=_FETCH,
        unsorted=" order by (select null)",
        version=_mssql_version,
        is_short=False,
        lock="",
        locked=" with (updlock, rowlock)",
        first_one="top (1) ",
        most_values=2_000,
        savepoint="save transaction tidemill_rows",
        back="rollback transaction tidemill_rows",
    ),
    "oracledb": Style(
        quoted=_doubled('"'),
        placeholder=":a{number}",
        text="varchar2",
        contains="instr(lower(to_char({column})), lower({value})) > 0",
        begins="substr(to_char({column}), 1, length({value})) = {value}",
        nulls_last=True,
        nulls_last_descending=False,
        row="rowid",
        row_type="rowid",
        row_text="rowidtochar(rowid)",
        page=_FETCH,
        skipping=_FETCH,
        version=_oracle_version,
        is_short=False,
        nothing="({column}) values (default)",
        many="insert into {source} ({columns}) values ({values})",
        most_rows=1,
    ),
    "clickhouse": Style(
        quoted=_clickhouse_quoted,
        placeholder="{{a{number}:{type}}}",
        text="String",
        contains="positionCaseInsensitiveUTF8(toString({column}), {value}) > 0",
        begins="startsWith(toString({column}), {value})",
        nulls_last=True,
        nulls_last_descending=True,
        compared=_clickhouse_compared,
        sorted=_clickhouse_sorted,
        many="insert into {source} ({columns}) settings input_format_null_as_default = 0 format TabSeparated",
        staging="create temporary table {source} ({columns}) engine = MergeTree order by tuple()",
        staged=_clickhouse_staged,
    ),
}


def style_of(language: str) -> Style:
    """How `language` writes it.

    Raises:
        Unsupported: the explorer does not know the engine.
    """
    if language not in STYLES:
        raise Unsupported(
            f"The explorer cannot look into databases of {language!r} yet; it knows {', '.join(STYLES)}. Run a script."
        )
    return STYLES[language]
