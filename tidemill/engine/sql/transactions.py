"""What `-- transaction` cannot hold: statements that end the transaction that it has begun."""

from collections.abc import Iterable
from typing import Final

from tidemill.engine.sql.dialect import Dialect
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.engine.sql.statements import Piece
from tidemill.model.errors import InvalidScript

_HEAD: Final = 200
"""Characters in which the words that matter stand, with comments between them."""
_CONTROL: Final = frozenset({"COMMIT", "ROLLBACK", "ABORT"})
_BEGINS: Final = {"mysql": ("BEGIN",), "postgresql": ("BEGIN", "END"), "duckdb": ("BEGIN", "END")}
"""Words that begin or end a transaction there, and are no block of statements."""
_EVERYWHERE: Final = frozenset({"ALTER", "CREATE", "DROP", "GRANT", "REVOKE"})
_DEFINING: Final = {
    "mysql": _EVERYWHERE | {"RENAME", "TRUNCATE", "OPTIMIZE", "REPAIR", "FLUSH", "LOCK", "INSTALL", "UNINSTALL"},
    "oracledb": _EVERYWHERE | {"RENAME", "TRUNCATE", "COMMENT", "ANALYZE", "AUDIT", "PURGE"},
    "snowflake": _EVERYWHERE | {"UNDROP", "COMMENT"},
}
"""Statements that commit what was done before them, where the server does so."""
_ALSO: Final = {"mysql": ("ANALYZE TABLE", "CHECK TABLE", "UNLOCK TABLES")}
"""Those of which the first word does not tell it."""
_HARMLESS: Final = {
    "mysql": ("CREATE TEMPORARY", "CREATE OR REPLACE TEMPORARY", "DROP TEMPORARY"),
    "oracledb": ("ALTER SESSION", "ALTER SYSTEM"),
    "snowflake": ("ALTER SESSION",),
}


def require_undivided(text: str, pieces: Iterable[Piece], dialect: Dialect) -> None:
    """All statements can take effect together.

    Raises:
        InvalidScript: one of them would end the transaction; the message names its line.
    """
    if not dialect.is_split:  # the server gets them as one, and looks after it
        return
    for piece in pieces:
        head = _head(text[piece.start : min(piece.end, piece.start + _HEAD)], dialect)
        words = head.split()
        if _controls(words, dialect):
            raise InvalidScript(
                f"Line {piece.line}: `{' '.join(words[:2]).lower()}` begins or ends a transaction, which "
                "`-- transaction` does for the whole script. Leave one of the two out."
            )
        if _commits(head, dialect):
            raise InvalidScript(
                f"Line {piece.line}: `{' '.join(words[:2]).lower()}` commits what was done before it, so that "
                "`-- transaction` could not take all of the script back. Put it into a script of its own."
            )


def _commits(head: str, dialect: Dialect) -> bool:
    if head.startswith(_ALSO.get(dialect.name, ())):
        return True
    is_defining = head.partition(" ")[0] in _DEFINING.get(dialect.name, ())
    return is_defining and not head.startswith(_HARMLESS[dialect.name])


def _head(text: str, dialect: Dialect) -> str:
    """The first words, in capitals."""
    found: list[str] = []
    for token in tokens(text, dialect):
        if token.part is Part.COMMENT:
            continue
        if token.part is not Part.WORD or len(found) == 4:
            break
        found.append(token.text(text).upper())
    return " ".join(found)


def _controls(words: list[str], dialect: Dialect) -> bool:
    match words:
        case ["ROLLBACK", "TO", *_] | ["ROLLBACK", "WORK" | "TRANSACTION", "TO", *_]:
            return False  # a savepoint stays inside
        case ["START" | "PREPARE", "TRANSACTION", *_] | ["BEGIN", "TRANSACTION" | "WORK", *_]:
            return True
        case ["BEGIN"] if dialect.name == "snowflake":
            return True
        case ["SET", "AUTOCOMMIT", *_] | ["SET", "SESSION" | "LOCAL" | "GLOBAL", "AUTOCOMMIT", *_]:
            return True
        case [first, *_]:
            return first in _CONTROL or first in _BEGINS.get(dialect.name, ())
    return False
