"""The comment lines at the top of a script for documents or keys: its arguments, its database, and how it is run.

    # database f/shop/store
    # name (string)
    # at_least (int) = 18
    # result_collection=last_statement_first_row
    # s3 prefix=exports format=json
    # read_only

`--` may stand in place of `#`. What reads like none of these is a comment.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from tidemill.model import jsontext
from tidemill.model.errors import InvalidJson, InvalidScript

MAX_SOURCE_BYTES: Final = 1024 * 1024
FORMATS: Final = ("json", "csv", "parquet")
RESULT_COLLECTION: Final = "result_collection"

_LINE: Final = re.compile(r"(?:#|--)[ \t]*(.*)")
_ARGUMENT: Final = re.compile(r"([A-Za-z_]\w*)[ \t]*\([ \t]*(\w+(?:\[\])?)[ \t]*\)[ \t]*(?:=[ \t]*(.*))?", re.ASCII)
_DATABASE: Final = re.compile(r"database[ \t]+(\S+)")
_STREAMED: Final = re.compile(r"s3(?:[ \t]+(.*))?")
_OPTION: Final = re.compile(r"([a-z_][a-z0-9_]*)(?:=(\S*))?", re.ASCII)
_SET: Final = re.compile(r"([a-z_][a-z0-9_]*)[ \t]*=[ \t]*(.*)", re.ASCII)
_PATH: Final = re.compile(r"(?:\$res:|res://)?([uf]/\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An argument that a script declares.

    Attributes:
        type_name: lower case, with `[]` for a list.
        has_default: a call may leave it out.
        default: the text behind `=`, without blanks around it; "" for none.
        line: where, from 1.
    """

    name: str
    type_name: str
    has_default: bool = False
    default: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """The result goes to workspace storage: under which prefix ("" for the usual), where, in which format."""

    prefix: str = ""
    storage: str = ""
    format: str = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the first lines of a script say.

    Attributes:
        database: path of the resource; "" where the argument `database` brings it.
        options: by name; "" for one that is only named, such as `read_only`.
        body_line: where the script itself begins, from 1.
        body: from there on.
    """

    arguments: tuple[Declaration, ...] = ()
    database: str = ""
    streamed: Streamed | None = None
    options: dict[str, str] = field(default_factory=dict)
    body_line: int = 1
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a language's first lines may say: types of arguments, and options with the values that each may have."""

    types: Collection[str]
    options: dict[str, tuple[str, ...]]


def read_head(content: str, dialect: Dialect) -> Head:
    """The first lines of `content`, up to one that is neither blank nor a comment.

    Raises:
        InvalidScript: a line declares what cannot be; the message names it.
    """
    check_source(content)
    lines = content.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    arguments: list[Declaration] = []
    database, streamed, options = "", None, {}
    number = 0
    for number, line in enumerate(lines, start=1):
        comment = _LINE.fullmatch(line.strip())
        if comment is None and line.strip() and line.strip() != "---":
            break
        text = comment[1].strip() if comment else ""
        if match := _ARGUMENT.fullmatch(text):
            arguments.append(_declaration(match, number, dialect, arguments))
        elif match := _DATABASE.fullmatch(text):
            database = _database(match[1], number, database)
        elif match := _STREAMED.fullmatch(text):
            streamed = _streamed(match[1] or "", number)
        elif match := _option_in(text, dialect):
            options.update(_option(match, number, dialect))
    else:
        number += 1
    return Head(
        arguments=tuple(arguments),
        database=database,
        streamed=streamed,
        options=options,
        body_line=number,
        body="\n".join(lines[number - 1 :]),
    )


def check_source(content: str) -> None:
    """Refuse what no script can be.

    Raises:
        InvalidScript: it is too large, or holds what is no text.
    """
    try:
        size_bytes = len(content.encode())
    except UnicodeEncodeError as error:
        raise InvalidScript("The script is not valid Unicode text: it holds half of a surrogate pair.") from error
    if size_bytes > MAX_SOURCE_BYTES:
        raise InvalidScript(f"The script has {size_bytes} bytes; at most {MAX_SOURCE_BYTES} are allowed.")
    if "\0" in content:
        raise InvalidScript("The script holds a NUL character.")


def unquoted(text: str) -> str:
    """A default without the quotes around it, if there are some: JSON's rules in double ones, none in single ones."""
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            return str(jsontext.loads(text.encode()))
        except InvalidJson as error:
            raise InvalidScript(f"The default {text[:60]} is no JSON string: {error}") from error
    return text


def _declaration(match: re.Match[str], line: int, dialect: Dialect, before: list[Declaration]) -> Declaration:
    name, type_name, default = match[1], match[2].lower(), match[3]
    if type_name not in dialect.types:
        known = ", ".join(sorted(dialect.types))
        raise InvalidScript(f"Line {line}: argument {name} has the unknown type {type_name!r}; there are: {known}.")
    if name == "database" or any(other.name == name for other in before):
        raise InvalidScript(f"Line {line}: the argument {name!r} is there already; use another name.")
    has_default = default is not None and default.strip() != ""
    return Declaration(
        name=name, type_name=type_name, has_default=has_default, default=(default or "").strip(), line=line
    )


def _database(text: str, line: int, before: str) -> str:
    match = _PATH.fullmatch(text)
    if match is None:
        raise InvalidScript(f"Line {line}: {text[:80]!r} is not the path of a resource, such as f/shop/store.")
    if before and before != match[1]:
        raise InvalidScript(f"Line {line}: the script names two databases; a script has one.")
    return match[1]


def _streamed(text: str, line: int) -> Streamed:
    parts = dict.fromkeys(("prefix", "storage", "format"), "") | {"format": "json"}
    for word in text.split():
        name, sign, value = word.partition("=")
        if name not in parts or not sign:
            raise InvalidScript(f"Line {line}: `s3` takes prefix=, storage= and format=, not {word[:60]!r}.")
        parts[name] = value
    if parts["format"] not in FORMATS:
        raise InvalidScript(f"Line {line}: the format is one of {', '.join(FORMATS)}, not {parts['format'][:40]!r}.")
    return Streamed(**parts)


def _option_in(text: str, dialect: Dialect) -> re.Match[str] | None:
    """An option, with blanks around its `=` where there is one of that name: other texts with blanks are remarks."""
    found = _SET.fullmatch(text)
    return found if found and found[1] in dialect.options else _OPTION.fullmatch(text)


def _option(match: re.Match[str], line: int, dialect: Dialect) -> dict[str, str]:
    name, value = match[1], match[2]
    if name not in dialect.options:
        if value is None:
            return {}  # a comment of one word
        raise InvalidScript(
            f"Line {line}: there is no option {name!r}; there are: {', '.join(sorted(dialect.options))}."
        )
    allowed = dialect.options[name]
    if (value or "") not in (allowed or ("",)):
        said = f"one of {', '.join(allowed)}" if allowed else "written without a value"
        raise InvalidScript(f"Line {line}: {name} is {said}.")
    return {name: value or ""}
