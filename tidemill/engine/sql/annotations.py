"""What a script says about how it is run, in the comment lines before its first statement: `-- result_collection=…`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from tidemill.engine.sql.dialect import Dialect
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.model.errors import InvalidScript


class Collection(StrEnum):
    """Which rows of which statements are the result; `docs/guides/sql.md` shows each."""

    LAST_ALL_ROWS = "last_statement_all_rows"
    LAST_FIRST_ROW = "last_statement_first_row"
    LAST_ALL_ROWS_SCALAR = "last_statement_all_rows_scalar"
    LAST_FIRST_ROW_SCALAR = "last_statement_first_row_scalar"
    ALL_ALL_ROWS = "all_statements_all_rows"
    ALL_FIRST_ROW = "all_statements_first_row"
    ALL_ALL_ROWS_SCALAR = "all_statements_all_rows_scalar"
    ALL_FIRST_ROW_SCALAR = "all_statements_first_row_scalar"
    LEGACY = "legacy"
    """One statement: its rows; several: the rows of each."""

    @cached_property
    def is_of_all(self) -> bool:
        """Whether the result has an entry for each statement."""
        return self.value.startswith("all_")

    @cached_property
    def is_first_row(self) -> bool:
        """Whether only the first row of a statement counts."""
        return "_first_row" in self.value

    @cached_property
    def is_scalar(self) -> bool:
        """Whether only the first column counts."""
        return self.value.endswith("_scalar")


class Format(StrEnum):
    """What `-- s3` writes."""

    JSON = "json"
    """JSON Lines: an object a row."""
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """`-- s3 [prefix=…] [storage=…] [format=…]`: the rows go to an object. `storage` "" is the default one."""

    prefix: str = ""
    storage: str = ""
    format: Format = Format.JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """How a script is run.

    Attributes:
        database: path of the resource, or `datatable://name`; "" where the argument `database` says it.
        streaming: None: the result is answered.
        is_transaction: all statements take effect together, or none.
        is_read_only: the server refuses writes.
        is_prepare: statements are described, not run.
        role: of a data table.
        big_numbers_as_text: integers that a JavaScript number cannot hold, and decimals, are strings.
    """

    database: str = ""
    collection: Collection = Collection.LAST_ALL_ROWS
    streaming: Streaming | None = None
    is_transaction: bool = False
    is_read_only: bool = False
    is_prepare: bool = False
    role: str = ""
    big_numbers_as_text: bool = False


def read_annotations(text: str, dialect: Dialect) -> Annotations:
    """What the comment lines before the first statement say. Other comments mean nothing.

    Raises:
        InvalidScript: a line says something that is not understood; the message names it.
    """
    found: dict[str, object] = {}
    for number, line in leading_comments(text, dialect):
        for pattern, read in _READERS:
            fits = pattern.fullmatch(line)
            if fits is None:
                continue
            try:
                found |= read(fits)
            except ValueError as error:
                raise InvalidScript(f"Line {number}: {error}") from error
            break
    return Annotations(**found)  # type: ignore[arg-type]  # the readers name the fields


def leading_comments(text: str, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """The comment lines before the first statement, with their numbers, without the sign that begins them."""
    for token in tokens(text, dialect):
        if token.part is not Part.COMMENT:
            return
        comment = text[token.start : token.end]
        sign = next((each for each in dialect.line_comments if comment.startswith(each)), None)
        if sign is not None and (token.start == 0 or text[token.start - 1] in "\r\n"):
            yield text.count("\n", 0, token.start) + 1, comment.removeprefix(sign).strip()


def _database(found: re.Match[str]) -> dict[str, object]:
    return {"database": found["path"].removeprefix("$res:").removeprefix("res://")}


def _collection(found: re.Match[str]) -> dict[str, object]:
    mode = found["mode"]
    if mode not in {each.value for each in Collection}:
        raise ValueError(f"There is no result_collection {mode[:60]!r}; there are: {', '.join(Collection)}.")
    return {"collection": Collection(mode)}


def _streaming(found: re.Match[str]) -> dict[str, object]:
    options: dict[str, str] = {}
    for pair in (found["options"] or "").split():
        name, _, value = pair.partition("=")
        if name not in {"prefix", "storage", "format"} or not value:
            raise ValueError(f"-- s3 takes prefix=, storage= and format=, not {pair[:60]!r}.")
        options[name] = value
    wanted = options.get("format", "json")
    if wanted not in {each.value for each in Format}:
        raise ValueError(f"-- s3 writes the formats {', '.join(Format)}, not {wanted[:40]!r}.")
    return {
        "streaming": Streaming(
            prefix=options.get("prefix", ""), storage=options.get("storage", ""), format=Format(wanted)
        )
    }


def _big_numbers(found: re.Match[str]) -> dict[str, object]:
    if found["how"] not in {"string", "number"}:
        raise ValueError(f"big_numbers is string or number, not {found['how'][:40]!r}.")
    return {"big_numbers_as_text": found["how"] == "string"}


_READERS: Final = (
    (re.compile(r"database\s+(?P<path>(?:\$res:|res://)?[ufg]/\S+|(?:datatable|ducklake)(?:://\S*)?)"), _database),
    (re.compile(r"result_collection\s*=\s*(?P<mode>.*)"), _collection),
    (re.compile(r"return_last_result"), lambda _: {"collection": Collection.LAST_ALL_ROWS}),
    (re.compile(r"s3(?:\s+(?P<options>\w*\s*=.*))?"), _streaming),
    (re.compile(r"transaction"), lambda _: {"is_transaction": True}),
    (re.compile(r"read_only|ApplicationIntent\s*=\s*ReadOnly", re.IGNORECASE), lambda _: {"is_read_only": True}),
    (re.compile(r"prepare"), lambda _: {"is_prepare": True}),
    (re.compile(r"role\s+(?P<role>[A-Za-z0-9_-]{1,63})"), lambda found: {"role": found["role"]}),
    (re.compile(r"big_numbers\s*=\s*(?P<how>\S+)"), _big_numbers),
)
