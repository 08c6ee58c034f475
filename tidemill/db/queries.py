"""Named queries: reads `db/sql/<noun>.sql` once and hands out each statement with its parameters.

A file holds statements of this form; `:name` marks a parameter, wherever it is not in a string, a comment or a cast:

    -- name: claim
    -- Give up to :limit due jobs to one worker.
    select id from job where tag = any(:tags) limit :limit;
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, LiteralString

SQL_DIRECTORY: Final = Path(__file__).parent / "sql"

_TOKEN: Final = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/ )
    | (?P<string> (?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | (?P<dollar> (?<!\w)\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<cast> :: )
    | (?<!\w):(?P<parameter>[a-z_][a-z0-9_]*)
    | (?P<end> ; )
    | (?P<broken> ' | " | /\* )
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"^-- name: ?(?P<name>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement. `text` is for the server: `$1` stands for the first of `order`, and so on."""

    name: str
    doc: str
    text: str
    order: tuple[str, ...] = ()
    parameters: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    encoded: bytes = field(default=b"", repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozenset(self.order))
        object.__setattr__(self, "encoded", self.text.encode())


class Queries:
    """The queries of one file, as attributes or by `[name]`; a name that is not there raises at once.

    Each is read when it is first asked for: a start would wait for hundreds that few calls need.
    """

    def __init__(self, noun: str, bodies: Mapping[str, str]) -> None:
        self._noun = noun
        self._bodies = bodies
        self._read: dict[str, Query] = {}

    def __getattr__(self, name: str) -> Query:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __getitem__(self, name: str) -> Query:
        query = self._read.get(name)
        if query is None:
            if name not in self._bodies:
                raise KeyError(f"sql/{self._noun}.sql has no query {name!r}; it has {sorted(self._bodies)}.")
            query = self._read[name] = _query(f"{self._noun}.{name}", self._bodies[name])
        return query

    def __iter__(self) -> Iterator[Query]:
        return (self[name] for name in self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)


@cache
def queries(noun: str, directory: Path = SQL_DIRECTORY) -> Queries:
    """All queries of `sql/<noun>.sql`. One without a sentence, or that is not one statement, raises when asked for.

    Raises:
        ValueError: a query has a name that is taken or not a word, or there is text that belongs to none.
        FileNotFoundError: there is no such file.
    """
    text = (directory / f"{noun}.sql").read_text(encoding="utf-8")
    heads = list(_NAME.finditer(text))
    if text[: heads[0].start() if heads else len(text)].strip():
        raise ValueError(f"{noun}.sql: the text before the first `-- name:` belongs to no query.")
    bodies: dict[str, str] = {}
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        name = head["name"].strip()
        if not name.isidentifier() or name in bodies:
            raise ValueError(f"{noun}.sql: {name!r} is not a word, or there are two of it.")
        bodies[name] = text[head.end() : after.start() if after else len(text)]
    return Queries(noun, bodies)


def inline(text: LiteralString, *, name: str = "inline") -> Query:
    """A query that stands in Python: for statements about the database itself, and for tests."""
    return _translate(name, name, text)


def statements(text: str) -> list[str]:
    """`text` cut at its semicolons, without those that hold only comments; knows strings and dollar quotes."""
    parts, start, has_code = [], 0, False
    for kind, token, position in _tokens(text):
        if kind == "end":
            if has_code:
                parts.append(text[start:position].strip())
            start, has_code = position + 1, False
        elif kind != "comment" and token.strip():
            has_code = True
    return [*parts, text[start:].strip()] if has_code else parts


def _query(name: str, body: str) -> Query:
    """The query under one `-- name:` line: first its sentence as comment lines, then the statement."""
    lines = body.strip().splitlines()
    count = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    doc = " ".join(line.removeprefix("--").strip() for line in lines[:count])
    if not doc.endswith((".", ":", ")")):
        raise ValueError(f"Query {name} needs a sentence, with a full stop, in comment lines under its name.")
    found = statements("\n".join(lines[count:]))
    if len(found) != 1:
        raise ValueError(f"Query {name} must be one statement; it is {len(found)}.")
    return _translate(name, doc, found[0])


def _translate(name: str, doc: str, text: str) -> Query:
    """`:parameter` becomes `$1` for the one that comes first, `$2` for the next.

    The driver's own way to name parameters would cost a millisecond for a long statement, each time: it keeps what it
    made of one only up to 4,096 bytes.
    """
    parts: list[str] = []
    numbers: dict[str, int] = {}
    for kind, token, _ in _tokens(text):
        parts.append(f"${numbers.setdefault(token, len(numbers) + 1)}" if kind == "parameter" else token)
    return Query(name, doc, "".join(parts), tuple(numbers))


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and position of each piece; plain code is of the kind "code", and a parameter comes without colon."""
    position = 0
    for match in _TOKEN.finditer(text):
        if match.start() > position:
            yield "code", text[position : match.start()], position
        kind = match.lastgroup or "code"
        kind = "dollar" if kind == "tag" else kind
        if kind == "broken":
            raise ValueError(f"An unclosed quote, or a comment in a comment: {text[match.start() :][:40]!r}")
        yield kind, match["parameter"] if kind == "parameter" else match[0], match.start()
        position = match.end()
    if position < len(text):
        yield "code", text[position:], position
