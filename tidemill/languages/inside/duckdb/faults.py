"""How a script fails: with the name of Tidemill's error for it, and without a stack of ours (`without_stack`)."""

import re
from typing import ClassVar, Final

import duckdb

_LINE: Final = re.compile(r"^LINE (?P<line>\d+): (?P<shown>.*)\n(?P<gap> *)\^$", re.MULTILINE)
_HTTP: Final = re.compile(r"\bHTTP (?:GET|HEAD|PUT|POST|DELETE)|HTTP Error")
_HINTS: Final = (
    (
        re.compile(r"URL needs to contain a bucket name"),
        "Where a path is not written out behind FROM, TO or in a reader's first argument, name the default storage: "
        "s3://_default_/key.",
    ),
    (
        re.compile(r"file system operations are disabled by configuration"),
        "A script reads and writes objects (s3://), addresses of the web, and its own directories /work and /tmp.",
    ),
    (
        re.compile(r"the configuration has been locked"),
        "Limits, access and extensions are set by Tidemill; what a script may change is in the guide on DuckDB.",
    ),
    (
        re.compile(r"Out of Memory Error"),
        "The worker's TIDEMILL_JOB_MEMORY_BYTES is the limit; what is sorted, joined or grouped spills to disk.",
    ),
)


class Refused(Exception):
    """The base of those here."""

    without_stack: ClassVar[bool] = True


class BadRequest(Refused):
    """The script or an argument is wrong."""


class Unsupported(Refused):
    """There is no such thing here."""


class TooLarge(Refused):
    """The result is over its limit."""


class NotStored(Refused):
    """What a statement has written was not made objects."""


class QueryFailed(Refused):
    """DuckDB refuses a statement.

    Attributes:
        line: of the script, from 1.
        column: from 1, where DuckDB tells one; else 0.
        kind: DuckDB's own name for what happened, such as `Binder Error`.
    """

    def __init__(self, message: str, *, line: int, column: int, kind: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.kind = kind


def query_failed(
    error: duckdb.Error | RuntimeError, *, line: int, above: int = 0, secrets: tuple[str, ...] = ()
) -> QueryFailed:
    """What DuckDB said about the statement that begins at `line` of the script; `above`: lines put in before it."""
    message = str(error).rstrip()
    kind = message.partition(":")[0] if ":" in message[:60] else type(error).__name__
    column = 0
    found = _LINE.search(message)
    if found is not None:
        line += int(found["line"]) - 1 - above
        column = 0 if found["shown"].startswith("...") else len(found["gap"]) - len(f"LINE {found['line']}: ") + 1
        gap = " " * (len(found["gap"]) - len(found["line"]) + len(str(line)))
        told = f"LINE {line}: {found['shown']}\n{gap}^"
        message = message[: found.start()] + told + message[found.end() :]
    for secret in secrets:
        message = message.replace(secret, "******")
    hints = "".join(f"\n{hint}" for pattern, hint in _HINTS if pattern.search(message))
    return QueryFailed(f"Line {line}: {message}{hints}", line=line, column=column, kind=kind)
