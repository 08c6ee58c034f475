"""How the records of a file become rows of a table: which columns they have, and how one that does not fit is told."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tidemill.engine.sql.tables import Place
from tidemill.engine.table_files import Record
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, QueryFailed
from tidemill.queries.explorer.effects import with_effect

_NESTED: Final = ("json", "array(", "map(", "tuple(", "nested(")
_PLACE: Final = re.compile(r"\ba(\d+)\b")


def wanted_columns(place: Place, record: Record, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names of a record's values with those of the table; what the mapping does not name is left out.

    Raises:
        BadRequest: there is no such column, or not what the mapping names.
    """
    for name in columns:
        if name not in record.values:
            raise BadRequest(f"there is no {name[:80]!r}, which the mapping names.")
    found = [(name, columns.get(name, "") if columns else name) for name in record.values]
    for _, column in found:
        if column and column not in place.types:
            raise BadRequest(f"the table {place.schema}.{place.table} has no column {column[:80]!r}.")
    return [(name, column) for name, column in found if column]


def told(record: Record, columns: Mapping[str, str], error: BadRequest | QueryFailed) -> BadRequest | QueryFailed:
    """The error with the line of the record and the names of columns."""
    names = [columns.get(name, "") if columns else name for name in record.values]
    given = [name for name in names if name]
    words = _PLACE.sub(lambda match: _column(given, int(match[1])), str(error))
    words = words.replace("(statement at line 1)", "").strip()
    return type(error)(with_effect(f"Line {record.line}: {words}", "Nothing was imported."))


def _column(names: Sequence[str], number: int) -> str:
    return names[number - 1] if number <= len(names) else f"a{number}"


def is_nested(type_name: str) -> bool:
    """Whether values of the type are JSON within texts, in files that have nothing but texts."""
    return type_name.endswith("[]") or type_name.lower().startswith(_NESTED)


def nested_value(raw: bytes | None) -> bytes | None:
    """A text that is meant as JSON (CSV has no other way), as what it says."""
    if raw is None or not raw.startswith(b'"'):
        return raw
    text = str(jsontext.loads(raw)).encode()
    try:
        jsontext.check(text, max_bytes=len(text))
    except InvalidJson:
        return raw
    return text
