"""Takes SQL apart into strings, names, comments, places of arguments and words, as each dialect's own parser does.

What is not closed runs to the end of the text: the database tells about that in its own words.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import cache
from typing import Final, NamedTuple

from tidemill.engine.sql.dialect import Dialect, Place


class Part(Enum):
    """What a piece of SQL is."""

    COMMENT = auto()
    STRING = auto()
    NAME = auto()
    """In quotes."""
    PLACE = auto()
    """Where an argument goes."""
    WORD = auto()
    NUMBER = auto()
    END = auto()
    """A semicolon."""
    OPEN = auto()
    CLOSE = auto()
    """A parenthesis."""
    OTHER = auto()


class Token(NamedTuple):
    """A piece of SQL: `text[start:end]`."""

    part: Part
    start: int
    end: int

    def text(self, whole: str) -> str:
        """What it is in the `whole` that it was found in."""
        return whole[self.start : self.end]


def tokens(text: str, dialect: Dialect) -> Iterator[Token]:
    """All pieces of `text` but blanks, in their order. Takes time in proportion to the text, whatever is in it."""
    match = _pattern(dialect).match
    position, size = 0, len(text)
    while position < size:
        found = match(text, position)
        assert found is not None
        kind = found.lastgroup or ""
        end = _LONG[kind](text, found) if kind in _LONG else found.end()
        if kind != "blank":
            yield Token(_PARTS[kind], position, end)
        position = end


def place_key(token_text: str) -> str:
    """What an argument's place names: `1` for `$1` and `@P1`, else the name; "" for `?`."""
    if token_text.startswith("{"):
        return token_text[1:].partition(":")[0].strip()
    if token_text[:2].lower() == "@p" and token_text[2:].isdigit():
        return token_text[2:]
    return token_text[1:]


_HIGH: Final = "\x80-\U0010ffff"  # to the parsers all beyond ASCII are letters
_PLACES: Final = {
    Place.DOLLAR_NUMBER: r"\$[1-9]\d{0,4}(?!\d)",
    Place.DOLLAR_NAME: r"\$[A-Za-z_]\w*+|\$[1-9]\d{0,4}(?!\d)",
    Place.COLON_NAME: r":[A-Za-z_]\w*+",
    Place.AT_NUMBER: r"@[pP][1-9]\d{0,4}(?!\w)",
    Place.AT_NAME: r"@[A-Za-z_]\w*+",
    Place.QUESTION: r"\?",
    Place.BRACES: r"\{\s*[A-Za-z_]\w*+\s*:[^{}']*+\}",
}
_LINE_COMMENT: Final = {"--": r"--[^\r\n]*+", "#": r"\#[^\r\n]*+", "//": r"//[^\r\n]*+"}
_GAP: Final = r"(?:[ \t\f\v]|--[^\r\n]*+)*+[\r\n](?:\s|--[^\r\n]*+(?=[\r\n]))*+"


@cache
def _pattern(dialect: Dialect) -> re.Pattern[str]:
    """One pattern for each piece; the first that fits counts."""
    parts = [("blank", r"\s+"), ("comment", _line_comments(dialect))]
    if dialect.hints_are_code:
        parts.append(("hint", r"/\*!(?:[^*]|\*(?!/))*+(?:\*/)?"))
    parts.append(("nested" if dialect.nests else "block", r"/\*"))
    parts += _strings(dialect)
    parts += _names(dialect)
    parts += [
        ("skipped", r"::|:=|@@|\?\?" if Place.QUESTION in dialect.places else r"::|:=|@@"),
        ("place", "|".join(_PLACES[each] for each in dialect.places)),
        ("word", rf"[A-Za-z_{_HIGH}][\w{_HIGH}{dialect.word_signs}]*+"),
        ("number", r"\d[\w.]*+"),
        ("end", ";"),
        ("open", r"\("),
        ("close", r"\)"),
        ("other", r"."),
    ]
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in parts), re.DOTALL | re.ASCII)


def _line_comments(dialect: Dialect) -> str:
    patterns = [_LINE_COMMENT.get(each, re.escape(each) + r"[^\r\n]*+") for each in dialect.line_comments]
    if dialect.dash_needs_blank:
        patterns[0] = r"--(?=[\s\x00-\x1f]|\Z)[^\r\n]*+"
    return "|".join(patterns)


def _strings(dialect: Dialect) -> list[tuple[str, str]]:
    escaped = r"'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)"
    plain = r"'(?:[^']|'')*+(?:'|\Z)"
    parts: list[tuple[str, str]] = []
    if dialect.triple_quotes:
        bodies = "|".join(
            rf"{quote}(?:[^{quote[0]}\\]|\\.|{quote[0]}(?!{quote[0]}{{2}}))*+(?:{quote}|\\?\Z)"
            for quote in ("'''", '"""')
        )
        parts.append(("tripled", rf"(?:[rR][bB]?|[bB][rR]?)?(?:{bodies})"))
        parts.append(
            ("raw", r"""(?:[rR][bB]?|[bB][rR]?)(?:'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))""")
        )
    if dialect.quote_operator:
        parts.append(("delimited", r"[nN]?[qQ]'(?P<delimiter>[^\s'])"))
    if dialect.escape_prefix:
        more = rf"(?:{_GAP}{escaped})*+" if dialect.continues_lines else ""
        parts.append(("escaped", rf"[eE]{escaped}{more}"))
    more = rf"(?:{_GAP}{plain})*+" if dialect.continues_lines else ""
    parts.append(("string", escaped if dialect.escapes else plain + more))
    if dialect.double_is_string:
        parts.append(("double", escaped.replace("'", '"')))
    if dialect.dollar_tags:
        parts.append(("dollar", rf"\$(?:[A-Za-z_{_HIGH}][\w{_HIGH}]*+)?\$"))
    elif dialect.dollar_quotes:
        parts.append(("dollar", r"\$\$"))
    return parts


def _names(dialect: Dialect) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    if not dialect.double_is_string:
        parts.append(("name", r'"(?:[^"]|"")*+(?:"|\Z)'))
    if dialect.backticks:
        inner = r"`(?:[^`\\]|\\.|``)*+(?:`|\\?\Z)" if dialect.triple_quotes else r"`(?:[^`]|``)*+(?:`|\Z)"
        parts.append(("ticked", inner))
    if dialect.brackets:
        parts.append(("bracket", r"\[(?:[^\]]|\]\])*+(?:\]|\Z)"))
    return parts


_MARK: Final = re.compile(r"/\*|\*/")


def _end_of_nested(text: str, found: re.Match[str]) -> int:
    depth = 1
    for mark in _MARK.finditer(text, found.end()):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def _end_of_block(text: str, found: re.Match[str]) -> int:
    return _after(text, "*/", found.end())


def _end_of_dollar(text: str, found: re.Match[str]) -> int:
    return _after(text, found.group(), found.end())


def _end_of_delimited(text: str, found: re.Match[str]) -> int:
    opening = found["delimiter"]
    return _after(text, {"[": "]", "{": "}", "<": ">", "(": ")"}.get(opening, opening) + "'", found.end())


def _after(text: str, closing: str, start: int) -> int:
    place = text.find(closing, start)
    return len(text) if place < 0 else place + len(closing)


_LONG: Final = {
    "nested": _end_of_nested,
    "block": _end_of_block,
    "dollar": _end_of_dollar,
    "delimited": _end_of_delimited,
}
_PARTS: Final = {
    "comment": Part.COMMENT,
    "hint": Part.OTHER,
    "nested": Part.COMMENT,
    "block": Part.COMMENT,
    "tripled": Part.STRING,
    "raw": Part.STRING,
    "delimited": Part.STRING,
    "escaped": Part.STRING,
    "string": Part.STRING,
    "double": Part.STRING,
    "dollar": Part.STRING,
    "name": Part.NAME,
    "ticked": Part.NAME,
    "bracket": Part.NAME,
    "skipped": Part.OTHER,
    "place": Part.PLACE,
    "word": Part.WORD,
    "number": Part.NUMBER,
    "end": Part.END,
    "open": Part.OPEN,
    "close": Part.CLOSE,
    "other": Part.OTHER,
}
