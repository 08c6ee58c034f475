"""Statements as the driver is given them: places of arguments renamed, queries wrapped so that values come whole."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.engine.sql.lexer import Part, place_key, tokens
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.oracle.arguments import Bound, bound_value
from tidemill.stores.databases.oracle.columns import Fetched, NotFetched
from tidemill.stores.databases.port import Statement

_FIRST_WORD: Final = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*+([a-z]+)", re.IGNORECASE | re.DOTALL)
_QUERIES: Final = frozenset({"select", "with"})
_CHANGES: Final = frozenset({"insert", "update", "delete", "merge"})
_LOCKS: Final = re.compile(r"\bfor\s+update\b[^']*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The text with `:b1`, `:b2`, ... in it, and what belongs there. Reserved words such as `:date` become names."""

    text: str
    values: Mapping[str, Bound]
    first_word: str

    @property
    def is_query(self) -> bool:
        """Whether it gives rows, and changes nothing."""
        return self.first_word in _QUERIES

    @property
    def can_be_parsed(self) -> bool:
        """Whether the server may be asked about it without doing it: parsing DDL does it."""
        return self.first_word in _QUERIES | _CHANGES


def prepared(statement: Statement) -> Prepared:
    """
    Raises:
        BadRequest: an argument does not fit its type, or is not there.
    """
    values = {argument.name: bound_value(argument) for argument in statement.arguments}
    names: dict[str, str] = {}
    parts: list[str] = []
    at = 0
    for token in tokens(statement.text, DIALECTS["oracledb"]):
        if token.part is not Part.PLACE:
            continue
        key = place_key(token.text(statement.text))
        if key not in values:
            raise BadRequest(f"The statement in line {statement.line} has :{key} without an argument for it.")
        name = names.setdefault(key, f"b{len(names) + 1}")
        parts += (statement.text[at : token.start], values[key].expression.format(f":{name}"))
        at = token.end
    return Prepared(
        text="".join((*parts, statement.text[at:])),
        values={name: values[key] for key, name in names.items()},
        first_word=_first_word(statement.text),
    )


def exact(text: str, columns: Sequence[Fetched]) -> str:
    """The query itself, or one around it by which the server makes texts of what the driver would cut.

    It begins on the first line, so that lines in errors stay those of the script.

    Raises:
        NotFetched: it cannot be put into another one, and has such columns.
    """
    cut = [each for each in columns if each.exactly]
    if not cut:
        return text
    names = [each.column.name for each in columns]
    is_doubled = len(set(names)) != len(names)
    if _LOCKS.search(text) or (is_doubled and _first_word(text) == "with"):
        raise cannot_be_exact(cut[0])
    if is_doubled:
        return _numbered(text, columns)
    wanted = ", ".join(
        f"{each.exactly.format(_quoted(each))} as {_quoted(each)}" if each.exactly else _quoted(each)
        for each in columns
    )
    return f"select {wanted} from ({text}\n)"  # noqa: S608 # names that the server told, in quotes


def _numbered(text: str, columns: Sequence[Fetched]) -> str:
    """Where two columns have one name, they are called by their numbers within."""
    names = [f"c{number}" for number in range(1, len(columns) + 1)]
    wanted = ", ".join(
        f"{(each.exactly or '{}').format(name)} as {name}" for each, name in zip(columns, names, strict=True)
    )
    return f"with q ({', '.join(names)}) as ({text}\n) select {wanted} from q"  # noqa: S608 # names of our own


def _first_word(text: str) -> str:
    match = _FIRST_WORD.match(text)
    return match[1].lower() if match else ""


def cannot_be_exact(fetched: Fetched) -> NotFetched:
    """The error about a column of a result that cannot be put into another query."""
    name, kind = fetched.column.name, fetched.column.type.name
    return NotFetched(
        f"The column {name!r} ({kind}) would lose some of what it holds here: select {fetched.exactly.format(name)}."
    )


def _quoted(each: Fetched) -> str:
    return f'"{each.column.name}"'
