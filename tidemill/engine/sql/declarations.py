"""The arguments of a script: declared in comment lines (`-- $1 name (type) = default`), or just used."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tidemill.engine.sql.dialect import Dialect, Place
from tidemill.engine.sql.lexer import Part, Token, place_key, tokens
from tidemill.engine.sql.types import S3_OBJECT, normal, schema_of
from tidemill.model import jsontext
from tidemill.model.errors import InvalidJson, InvalidScript


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One argument of a script.

    Attributes:
        name: by which a job gives it.
        key: what its place in a statement names: `1` for `$1` and `@P1`, the name for `:name`; its rank for `?`.
        type_name: as declared or, in PostgreSQL, cast to where it is used; lower case; "" if the database decides.
        default: raw JSON; None without one.
        choices: of an interpolated name, those allowed; empty for any.
        is_name: it is put in for `%%name%%`, not bound.
        at: where in the script it is declared, in characters; -1 if it is only used.
    """

    name: str
    key: str
    type_name: str = ""
    default: bytes | None = None
    choices: tuple[str, ...] = ()
    is_name: bool = False
    at: int = -1

    @property
    def is_pointer(self) -> bool:
        """Whether its value points to an object whose content is bound."""
        return self.type_name == S3_OBJECT


def declarations(text: str, dialect: Dialect) -> tuple[Declared, ...]:
    """The arguments of a script in the order in which forms show them: those that are bound, then interpolated ones.

    Raises:
        InvalidScript: a declaration contradicts another, or its default does not fit its type.
    """
    found = list(tokens(text, dialect))
    lines = _comment_lines(text, found, dialect)
    bound = _bound(lines, dialect)
    if dialect.places[0] in {Place.DOLLAR_NUMBER, Place.BRACES}:
        bound = _with_used(text, found, bound, dialect)
    return (*bound, *_interpolated(lines))


def _comment_lines(text: str, found: Iterable[Token], dialect: Dialect) -> list[tuple[int, str]]:
    """Each comment that begins a line, with where it begins, without the sign."""
    lines = []
    for token in found:
        if token.part is not Part.COMMENT or (token.start and text[token.start - 1] not in "\r\n"):
            continue
        comment = text[token.start : token.end]
        sign = next((each for each in dialect.line_comments if comment.startswith(each)), None)
        if sign is not None:
            lines.append((token.start, comment.removeprefix(sign)))
    return lines


_MOST_TYPE_CHARS: Final = 2000
"""Types that were read are remembered."""
_TYPE: Final = r"\(\s*(?P<type>(?:[^()]|\((?:[^()]|\([^()]*+\))*+\))+?)\s*\)"
_REST: Final = rf"(?:\s+{_TYPE})?\s*(?:=\s*(?P<default>.*?))?\s*"
_SIGNS: Final = {
    Place.DOLLAR_NUMBER: r"\$(?P<key>[1-9]\d{0,4})\s+(?P<name>\w+)",
    Place.DOLLAR_NAME: r"\$(?P<key>\w+)",
    Place.COLON_NAME: r":(?P<key>[A-Za-z_]\w*)",
    Place.AT_NUMBER: r"@[pP](?P<key>[1-9]\d{0,4})\s+(?P<name>\w+)",
    Place.AT_NAME: r"@(?P<key>[A-Za-z_]\w*)",
    Place.QUESTION: r"\?(?P<key>)\s+(?P<name>\w+)",
}
_BRACES: Final = r"\{\s*(?P<key>[A-Za-z_]\w*)\s*:\s*(?P<type>[^{}']*?)\s*\}\s*(?:=\s*(?P<default>.*?))?\s*"


@cache
def _pattern(place: Place) -> re.Pattern[str]:
    text = _BRACES if place is Place.BRACES else _SIGNS[place] + _REST
    return re.compile(r"\s*" + text)


def _bound(lines: list[tuple[int, str]], dialect: Dialect) -> list[Declared]:
    declared: list[Declared] = []
    for at, line in lines:
        for place in dialect.places:
            found = _pattern(place).fullmatch(line)
            if found is not None:
                declared.append(_declared(found, place, at=at, dialect=dialect))
                break
    if dialect.places[0] is Place.AT_NUMBER:
        declared = _numbered(declared)
    return _once(declared)


def _declared(found: re.Match[str], place: Place, *, at: int, dialect: Dialect) -> Declared:
    groups = found.groupdict()
    type_name = groups["type"] if place is Place.BRACES else normal(groups["type"] or "")
    name = groups.get("name") or groups["key"]
    default = groups["default"]
    if len(type_name or "") > _MOST_TYPE_CHARS:
        raise InvalidScript(f"The type of the argument {name[:80]} has more than {_MOST_TYPE_CHARS} characters.")
    return Declared(
        name=name,
        key=groups["key"],
        type_name=type_name or "",
        default=None if default is None else read_default(default, name, normal(type_name or ""), dialect),
        at=at,
    )


def _numbered(declared: list[Declared]) -> list[Declared]:
    """Those of MSSQL: by their numbers where these are 1, 2, …; else, as Windmill counts, by their order."""
    keys = sorted(int(each.key) for each in declared)
    if keys == list(range(1, len(declared) + 1)):
        return declared
    return [
        Declared(name=each.name, key=str(rank), type_name=each.type_name, default=each.default, at=each.at)
        for rank, each in enumerate(declared, 1)
    ]


def _once(declared: list[Declared]) -> list[Declared]:
    """Each argument once. `?` may be declared again for a further statement, in the same way."""
    kept: dict[str, Declared] = {}
    names: dict[str, str] = {}
    for each in declared:
        key = each.key or f"?{each.name}"
        earlier = kept.get(key)
        if earlier is not None and (earlier.name, earlier.type_name) != (each.name, each.type_name):
            raise InvalidScript(f"The argument {each.key or each.name} is declared twice, in different ways.")
        if names.setdefault(each.name, key) != key:
            raise InvalidScript(f"Two arguments are called {each.name}: give each its own name.")
        kept.setdefault(key, each)
    return list(kept.values())


def ranked(text: str, dialect: Dialect) -> list[Declared]:
    """The declarations of `?` as they stand in the script, repeated ones too, in their order."""
    found = _comment_lines(text, tokens(text, dialect), dialect)
    pattern = _pattern(Place.QUESTION)
    fits = [(at, pattern.fullmatch(line)) for at, line in found]
    return [_declared(each, Place.QUESTION, at=at, dialect=dialect) for at, each in fits if each is not None]


def _with_used(text: str, found: list[Token], declared: list[Declared], dialect: Dialect) -> list[Declared]:
    """`declared`, with types from where they are used, and with what is used without being declared."""
    known = {each.key: each for each in declared}
    types: dict[str, str] = {}
    used: dict[str, None] = {}
    for index, token in enumerate(found):
        if token.part is not Part.PLACE:
            continue
        written = text[token.start : token.end]
        key = place_key(written)
        used.setdefault(key)
        cast = written[1:-1].partition(":")[2].strip() if written[0] == "{" else _cast(text, found, index)
        if cast:
            types[key] = cast
    numbered = dialect.places[0] is Place.DOLLAR_NUMBER
    for key in sorted(used, key=int) if numbered else used:
        if key in known:
            continue
        known[key] = Declared(name=f"${key}" if numbered else key, key=key)
    return [
        each if each.type_name or key not in types else _typed(each, types[key], dialect) for key, each in known.items()
    ]


def _typed(declared: Declared, type_name: str, dialect: Dialect) -> Declared:
    default = declared.default
    if default is not None and default.startswith(b'"'):
        text = json.loads(default)
        default = read_default(text, declared.name, normal(type_name), dialect)
    name = type_name if dialect.places[0] is Place.BRACES else normal(type_name)
    return Declared(name=declared.name, key=declared.key, type_name=name, default=default, at=declared.at)


_FOLLOW: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "double": (("precision",),),
    "character": (("varying",),),
    "bit": (("varying",),),
    "national": (("character", "varying"), ("character",), ("char",)),
    "time": (("with", "time", "zone"), ("without", "time", "zone")),
    "timestamp": (("with", "time", "zone"), ("without", "time", "zone")),
}


def _cast(text: str, found: list[Token], index: int) -> str:
    """The type that the placeholder at `index` is cast to right there: `$1::type` or `cast($1 as type)`; or ""."""
    if index + 1 == len(found) or found[index + 1].text(text).lower() not in {"::", "as"}:
        return ""
    rest = [each for each in found[index + 1 : index + 16] if each.part is not Part.COMMENT]
    words = [text[each.start : each.end] for each in rest]
    if words[:1] == ["::"]:
        return _type_at(text, rest[1:])
    if [each.lower() for each in words[:1]] == ["as"] and index >= 2:
        before = [text[each.start : each.end].lower() for each in found[index - 2 : index]]
        if before == ["cast", "("]:
            return _type_at(text, rest[1:])
    return ""


def _type_at(text: str, rest: list[Token]) -> str:
    """The type name at the beginning of `rest`, with its size, its further words and its brackets."""
    if not rest or rest[0].part not in {Part.WORD, Part.NAME}:
        return ""
    written = [text[each.start : each.end] for each in rest]
    taken = 1
    while written[taken : taken + 1] == ["."] and len(rest) > taken + 1:
        taken += 2
    taken = _size(written, taken)
    for words in _FOLLOW.get(written[0].lower(), ()):
        if tuple(each.lower() for each in written[taken : taken + len(words)]) == words:
            taken = _size(written, taken + len(words))
            break
    while written[taken : taken + 1] == ["["]:
        closing = next((n for n in range(taken, min(taken + 3, len(written))) if written[n] == "]"), None)
        if closing is None:
            break
        taken = closing + 1
    return text[rest[0].start : rest[taken - 1].end]


def _size(written: list[str], taken: int) -> int:
    """Where the type goes on after a `(10,2)` at `taken`."""
    if written[taken : taken + 1] != ["("]:
        return taken
    closing = next((n for n in range(taken, min(taken + 6, len(written))) if written[n] == ")"), None)
    return taken if closing is None else closing + 1


_CHOICES: Final = r"\w+|[^\s/]+(?:\s*/\s*[^\s/]+)+"
_INTERPOLATED: Final = re.compile(rf"\s*%%(?P<name>[A-Za-z_]\w*)%%(?:\s+(?P<choices>{_CHOICES}))?\s*")


def _interpolated(lines: list[tuple[int, str]]) -> list[Declared]:
    found = [(at, _INTERPOLATED.fullmatch(line)) for at, line in lines]
    declared: dict[str, Declared] = {}
    for at, each in found:
        if each is not None and not each["name"].startswith("WM_"):
            choices = tuple(part.strip() for part in (each["choices"] or "").split("/") if part.strip())
            declared.setdefault(
                each["name"],
                Declared(name=each["name"], key=each["name"], choices=choices, is_name=True, at=at),
            )
    return list(declared.values())


def read_default(text: str, name: str, type_name: str, dialect: Dialect) -> bytes:
    """A default as raw JSON: `null`, a number or truth where the type has those, a quoted text, else the text.

    Raises:
        InvalidScript: it does not fit the type.
    """
    if text.lower() == "null":
        return b"null"
    quoted = re.fullmatch(r"'((?:[^']|'')*)'", text)
    kind = schema_of(type_name, dialect).get("type") if type_name else "string"
    if quoted is not None and kind not in {"object", "array"}:
        return jsontext.dumps(quoted[1].replace("''", "'"))
    text = quoted[1].replace("''", "'") if quoted is not None else text
    match kind:
        case "integer" if re.fullmatch(r"[+-]?\d+", text):
            return str(int(text)).encode()
        case "number" if re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", text):
            return _number(text)
        case "boolean" if text.lower() in {"true", "false", "1", "0"}:
            return b"true" if text.lower() in {"true", "1"} else b"false"
        case "integer" | "number" | "boolean":
            raise InvalidScript(f"The default of the argument {name} is {text[:60]!r}, which is no {type_name}.")
        case "object" | "array":
            return _json(text, name, type_name)
    return jsontext.dumps(text)


def _number(text: str) -> bytes:
    """`text` as JSON writes numbers, with all its digits."""
    sign = "-" if text.startswith("-") else ""
    whole, point, rest = text.lstrip("+-").partition(".")
    digits, exponent = re.fullmatch(r"(\d*)(.*)", rest if point else "").groups()  # type: ignore[union-attr]
    if not point:
        whole, exponent = re.fullmatch(r"(\d*)(.*)", whole).groups()  # type: ignore[union-attr]
    return (sign + (whole.lstrip("0") or "0") + (f".{digits}" if digits else "") + exponent).encode()


def _json(text: str, name: str, type_name: str) -> bytes:
    """A default of a type that holds JSON or a list; Postgres's own `{1,2}` stays a text, which the database reads."""
    try:
        jsontext.check(text.encode(), max_bytes=1 << 20)
    except InvalidJson as error:
        if type_name.endswith("]") and text.startswith("{"):
            return jsontext.dumps(text)
        raise InvalidScript(f"The default of the argument {name} is no JSON: {error}") from error
    return text.encode()
