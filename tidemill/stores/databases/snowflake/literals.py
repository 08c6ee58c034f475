"""Arguments written into a statement: the SQL API binds none where a request has several statements.

Each becomes a literal of the very type and value that would be bound, made of the binding alone: digits of numbers,
hexadecimal digits, moments that were counted, and text within quotes. Snowflake reads `\\` and `'` in those the same in
all sessions.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.snowflake.arguments import Binding, bindings

_DAY_MS: Final = 86_400_000
_SECOND_NS: Final = 10**9
_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)
_CLOCK: Final = "HH24:MI:SS.FF9"
_MOMENT: Final = f"YYYY-MM-DD {_CLOCK}"


def with_literals(statement: Statement) -> str:
    """Its text, with a literal for each `?`.

    Raises:
        BadRequest: a value does not fit its declared type.
    """
    return "".join(_parts(statement)) if statement.arguments else statement.text


def _parts(statement: Statement) -> Iterator[str]:
    text, end = statement.text, 0
    literals = map(_literal, bindings(statement.arguments).values())
    for token in tokens(text, dialect_of("snowflake")):
        if token.part is Part.PLACE:
            yield f"{text[end : token.start]} {next(literals)} "
            end = token.end
    yield text[end:]


def _literal(binding: Binding) -> str:
    value = binding["value"]
    return "null" if value is None else _KINDS[str(binding["type"])](value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _number(value: str) -> str:
    return f"({value})" if value.startswith("-") else value


def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()


def _clock(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, _SECOND_NS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"


def _moment(nanoseconds: int) -> str:
    days, of_day = divmod(nanoseconds, _DAY_S * _SECOND_NS)
    return f"{_day(days)} {_clock(of_day)}"


def _with_offset(value: str) -> str:
    nanoseconds, _, shifted = value.partition(" ")
    offset = int(shifted) - 1440
    there = _moment(int(nanoseconds) + offset * 60 * _SECOND_NS)
    hours, minutes = divmod(abs(offset), 60)
    return _as("timestamp_tz", f"{there} {'-' if offset < 0 else '+'}{hours:02}:{minutes:02}", f"{_MOMENT} TZH:TZM")


def _as(type_name: str, written: str, form: str) -> str:
    return f"to_{type_name}('{written}', '{form}')"


_KINDS: Final[dict[str, Callable[[str], str]]] = {
    "FIXED": _number,
    "REAL": lambda value: f"'{value}'::float",
    "BOOLEAN": lambda value: value,
    "TEXT": _quoted,
    "BINARY": lambda value: f"to_binary('{value}', 'HEX')",
    "DATE": lambda value: _as("date", _day(int(value) // _DAY_MS), "YYYY-MM-DD"),
    "TIME": lambda value: _as("time", _clock(int(value)), _CLOCK),
    "TIMESTAMP_NTZ": lambda value: _as("timestamp_ntz", _moment(int(value)), _MOMENT),
    "TIMESTAMP_LTZ": lambda value: _as("timestamp_ltz", f"{_moment(int(value))} +00:00", f"{_MOMENT} TZH:TZM"),
    "TIMESTAMP_TZ": _with_offset,
}
