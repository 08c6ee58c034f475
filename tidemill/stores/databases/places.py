"""Statements whose arguments a driver takes by position."""

from collections.abc import Callable

from tidemill.engine.sql.dialect import Dialect
from tidemill.engine.sql.lexer import Part, place_key, tokens
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.port import Argument, Statement


def by_position(
    statement: Statement, dialect: Dialect, write: Callable[[int], str] = lambda _: "?"
) -> tuple[str, list[Argument]]:
    """The text with `write(n)` in the places of arguments, n counted from 0, and what belongs there, one each.

    Blanks fill up what gets shorter, so that the places in errors of the database are those of the script.

    Raises:
        BadRequest: a place is for an argument that there is not.
    """
    by_name = {argument.name: argument for argument in statement.arguments}
    parts: list[str] = []
    found: list[Argument] = []
    at = 0
    for token in tokens(statement.text, dialect):
        if token.part is not Part.PLACE:
            continue
        text = token.text(statement.text)
        key = place_key(text)
        if not key:
            argument = statement.arguments[len(found)] if len(found) < len(statement.arguments) else None
        elif key.isdigit():
            argument = statement.arguments[int(key) - 1] if int(key) <= len(statement.arguments) else None
        else:
            argument = by_name.get(key)
        if argument is None:
            raise BadRequest(f"The statement in line {statement.line} has {text} without an argument for it.")
        parts += (statement.text[at : token.start], write(len(found)).ljust(token.end - token.start))
        found.append(argument)
        at = token.end
    return "".join((*parts, statement.text[at:])), found
