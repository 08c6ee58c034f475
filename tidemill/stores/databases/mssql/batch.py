"""What is to be known of a batch before it is sent: whether it only reads, and how many results it may give."""

from collections.abc import Iterator
from typing import Final

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.engine.sql.lexer import Part, Token, tokens
from tidemill.model.errors import QueryFailed
from tidemill.stores.databases.port import Statement

_READS: Final = frozenset({"SELECT", "WITH", "DECLARE", "SET", "IF", "PRINT", "WAITFOR", "BEGIN", "WHILE"})
_WRITES: Final = frozenset(
    (
        *("ALTER", "BACKUP", "BULK", "CHECKPOINT", "COMMIT", "CREATE", "DBCC", "DELETE", "DENY", "DROP", "EXEC"),
        *("EXECUTE", "GRANT", "INSERT", "INTO", "KILL", "LOAD", "MERGE", "OPENDATASOURCE", "OPENQUERY", "OPENROWSET"),
        *("RECEIVE", "RECONFIGURE", "RESTORE", "REVERT", "REVOKE", "ROLLBACK", "SAVE", "SEND", "SETUSER", "SHUTDOWN"),
        *("TRAN", "TRANSACTION", "TRUNCATE", "UPDATE", "UPDATETEXT", "WRITETEXT"),
    )
)
"""Reserved words but for `receive` and `send`: as names of columns they are in brackets or quotes."""
_UNCOUNTED: Final = frozenset(["DBCC", "EXEC", "EXECUTE", "FETCH", "GOTO", "OUTPUT", "RECEIVE", "RESTORE", "WHILE"])
"""What comes after them may give any number of results."""
_JOINING: Final = frozenset({"ALL", "EXCEPT", "INTERSECT", "UNION"})
_BEGINNINGS: Final = (
    _READS | _WRITES | {"USE", "GO", "THROW", "RAISERROR", "OPEN", "CLOSE", "DEALLOCATE", "DISABLE", "ENABLE"}
)


def only_reads(statement: Statement) -> None:
    """SQL Server has no sessions that cannot write. So a batch is looked through for every word that writes.

    Functions cannot write there, and procedures are not called.

    Raises:
        QueryFailed: it has such a word, or begins with one that is not known.
    """
    before = ""
    for count, (token, word) in enumerate(_words(statement.text)):
        is_sequence = word == "VALUE" and before == "NEXT"
        if word in _WRITES or is_sequence or (count == 0 and word not in _READS):
            line = statement.line + statement.text.count("\n", 0, token.start)
            raise QueryFailed(f"A read-only session runs no {word.lower()!r} (line {line}).")
        before = word


def gives_one_result(text: str) -> bool:
    """Whether it surely gives the rows of one query at most, so that they need not be held to see what follows."""
    selects, before, is_first, depth = 0, "", True, 0
    for token in tokens(text, DIALECTS["mssql"]):
        word = token.text(text).upper()
        if token.part is Part.COMMENT:
            continue
        if is_first and word not in _BEGINNINGS:
            return False  # a procedure, called without `exec`; or parentheses around a query
        is_first = False
        depth += (token.part is Part.OPEN) - (token.part is Part.CLOSE)
        if token.part is Part.WORD:
            if word in _UNCOUNTED:
                return False
            selects += word == "SELECT" and depth == 0 and before not in _JOINING
        before = word
    return selects == 1


def _words(text: str) -> Iterator[tuple[Token, str]]:
    for token in tokens(text, DIALECTS["mssql"]):
        if token.part is Part.WORD:
            yield token, token.text(text).upper()
