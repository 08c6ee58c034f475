"""Where a DuckDB script names objects: `s3:///key` is one of the default storage, which DuckDB itself has no word for.

Only what stands where a path must stand is changed: behind FROM, JOIN, TO and ATTACH, and in the first argument of what
reads files. The same text anywhere else is data, and stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, Token, place_key, tokens
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest

DEFAULT: Final = "_default_"
_SHORT: Final = "s3:///"
_BEFORE: Final = frozenset({"from", "join", "to", "attach"})
_LITERAL_ONLY: Final = frozenset({"from", "join", "attach"})
"""Behind these DuckDB takes no parameter."""
_CALLS_WITH_FROM: Final = frozenset({"extract", "substring", "trim", "overlay", "position"})
_READERS: Final = re.compile(
    r"(?:read_(?:parquet|csv|csv_auto|json|json_auto|json_objects|json_objects_auto|ndjson|ndjson_auto|ndjson_objects"
    r"|text|blob|duckdb|xlsx)|parquet_\w+|sniff_csv|glob|delta_scan|iceberg_\w+)"
)
_PATTERN: Final = re.compile(r"[*?\[]")


class Edit(NamedTuple):
    """`text[start:end]` of a script becomes `text`."""

    start: int
    end: int
    text: str


def path_edits(text: str, values: Mapping[str, bytes]) -> list[Edit]:
    """What is to be changed of a script so that its paths lead to storages; `values` are its arguments, as raw JSON.

    An argument is put in as a quoted text where DuckDB takes no parameter, or where it names the default storage in
    its short form. Else arguments are bound.

    Raises:
        BadRequest: an argument that must be a path is no text, or holds a NUL.
    """
    edits: list[Edit] = []
    for token, before in _in_path_places(text):
        written = text[token.start : token.end]
        if token.part is Part.STRING:
            found = re.match(r"(?:[eE]?'|\$\w*\$)s3://(?=/)", written)
            if found is not None:
                edits.append(Edit(token.start + found.end(), token.start + found.end(), DEFAULT))
        elif place_key(written) in values:
            name = place_key(written)
            literal = _literal(name, values[name], is_needed=before in _LITERAL_ONLY)
            if literal:
                edits.append(Edit(token.start, token.end, literal))
    return edits


def object_address(name: str, pointer: object) -> str:
    """The address of the object that an argument of the type s3object points to.

    Raises:
        BadRequest: it is no pointer, or DuckDB would take its key for a pattern.
    """
    address = pointer if isinstance(pointer, str) else ""
    if isinstance(pointer, dict) and isinstance(pointer.get("s3"), str):
        address = f"s3://{pointer.get('storage') or ''}/{pointer['s3']}"
    address = default_storage_named(address)
    key = address.removeprefix("s3://").partition("/")[2] if address.startswith("s3://") else ""
    if not key:
        raise BadRequest(f'The argument {name} must point to an object: {{"s3": "key"}} or s3://storage/key.')
    if _PATTERN.search(key):
        raise BadRequest(
            f"The argument {name} points to {key[:200]!r}, which DuckDB takes for a pattern because of its *, ? or [. "
            "Give the object another name."
        )
    return address


def default_storage_named(address: str) -> str:
    """`s3:///key` with the name of the default storage in it."""
    return f"s3://{DEFAULT}/{address.removeprefix(_SHORT)}" if address.startswith(_SHORT) else address


def quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _literal(name: str, raw: bytes, *, is_needed: bool) -> str:
    """An argument as it is put into the script as a path; "" where it is bound."""
    value = jsontext.loads(raw)
    items = value if isinstance(value, list) else [value]
    texts = [each for each in items if isinstance(each, str)]
    if not is_needed and not any(each.startswith(_SHORT) for each in texts):
        return ""
    if len(texts) < len(items) or not texts or any("\0" in each for each in texts):
        raise BadRequest(f"The argument {name} is used as a path, and must be a text without a NUL.")
    if isinstance(value, list):
        return f"[{', '.join(quoted(default_storage_named(each)) for each in texts)}]"
    return quoted(default_storage_named(texts[0]))


def _in_path_places(text: str) -> Iterator[tuple[Token, str]]:
    """The strings and arguments that stand where a path stands, with the word before them."""
    nesting = _Nesting()
    before = ""
    for token in tokens(text, dialect_of("duckdb")):
        written = text[token.start : token.end]
        if token.part is Part.COMMENT:
            continue
        if token.part in {Part.STRING, Part.PLACE} and nesting.is_place(before):
            yield token, before
        nesting.take(token.part, written, before)
        before = written.lower() if token.part is Part.WORD else ""


class _Nesting:
    """What each open parenthesis and bracket is."""

    def __init__(self) -> None:
        self._frames: list[_Frame] = []

    def is_place(self, before: str) -> bool:
        """Whether a path stands here, behind the word `before`."""
        frame = self._frames[-1] if self._frames else _Frame.OTHER
        return frame in {_Frame.PATH, _Frame.LIST} or (before in _BEFORE and frame is not _Frame.CALL_WITH_FROM)

    def take(self, part: Part, written: str, before: str) -> None:
        """One more token."""
        if part is Part.OPEN:
            self._frames.append(_frame(before))
        elif written == "[":
            self._frames.append(_Frame.LIST if self._frames[-1:] == [_Frame.PATH] else _Frame.OTHER)
        elif (part is Part.CLOSE or written == "]") and self._frames:
            self._frames.pop()
        elif part is Part.END:
            self._frames.clear()
        elif written == "," and self._frames[-1:] == [_Frame.PATH]:
            self._frames[-1] = _Frame.OTHER


class _Frame(Enum):
    OTHER = auto()
    PATH = auto()
    """The first argument of a reader."""
    LIST = auto()
    """A list there."""
    CALL_WITH_FROM = auto()
    """`extract(day from …)`."""


def _frame(before: str) -> _Frame:
    if _READERS.fullmatch(before):
        return _Frame.PATH
    return _Frame.CALL_WITH_FROM if before in _CALLS_WITH_FROM else _Frame.OTHER
