"""Splits the text of a script into commands and words, with the quotes and escapes of redis-cli.

A line is a command. In double quotes `\\n`, `\\r`, `\\t`, `\\b`, `\\a`, `\\xHH`, `\\"` and `\\\\` stand for bytes; in
single quotes only `\\'` does. A quoted text may go over several lines (Lua scripts do). Lines that begin with `#` are
comments.
"""

import re
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import InvalidScript

_REFERENCE: Final = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
_PLAIN: Final = re.compile(r"[^\s\"']+")
_BLANKS: Final = re.compile(r"[ \t\r]*")
_IN_DOUBLE: Final = re.compile(r"[^\"\\]+")
_IN_SINGLE: Final = re.compile(r"[^'\\]+|\\(?!')")
_ESCAPES: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A word `$name`: an argument."""

    name: str


Word = bytes | Reference


@dataclass(frozen=True, slots=True)
class Line:
    """A command as it is written. `line` is where it begins, from 1."""

    line: int
    words: tuple[Word, ...]

    @property
    def name(self) -> str:
        """The command's name in upper case."""
        first = self.words[0]
        return first.decode(errors="replace").upper() if isinstance(first, bytes) else ""


def split(text: str, *, first_line: int = 1) -> list[Line]:
    """The commands of `text`, in order.

    Raises:
        InvalidScript: a quote is not closed, or something follows it; the message names the line.
    """
    return _Splitter(text, first_line).commands()


class _Splitter:
    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._position = 0
        self._line = first_line

    def commands(self) -> list[Line]:
        found: list[Line] = []
        while self._position < len(self._text):
            start = self._line
            words = self._command()
            if words:
                found.append(Line(start, tuple(words)))
        return found

    def _command(self) -> list[Word]:
        """The words up to the end of the line."""
        words: list[Word] = []
        while True:
            self._take(_BLANKS)
            here = self._text[self._position : self._position + 1]
            if here == "#" and not words:
                end = self._text.find("\n", self._position)
                self._position = len(self._text) if end < 0 else end
            elif here in {"", "\n"}:
                self._position += 1
                self._line += 1
                return words
            else:
                words.append(self._word())

    def _word(self) -> Word:
        pieces: list[bytes] = []
        start = self._position
        while True:
            here = self._text[self._position : self._position + 1]
            if here in {'"', "'"}:
                pieces.append(self._quoted(here))
                continue
            plain = self._take(_PLAIN)
            if not plain:
                break
            pieces.append(plain.encode())
        reference = _REFERENCE.fullmatch(self._text[start : self._position])
        return Reference(reference[1]) if reference else b"".join(pieces)

    def _quoted(self, quote: str) -> bytes:
        start = self._line
        self._position += 1
        pieces: list[bytes] = []
        while True:
            here = self._text[self._position : self._position + 1]
            if here == "":
                raise InvalidScript(f"Line {start}: a quote ({quote}) is not closed.")
            if here == quote:
                self._position += 1
                self._check_end(quote)
                return b"".join(pieces)
            pieces.append(self._piece(quote))

    def _piece(self, quote: str) -> bytes:
        """The next bytes inside of quotes."""
        text = self._take(_IN_DOUBLE if quote == '"' else _IN_SINGLE)
        if text:
            self._line += text.count("\n")
            return text.encode()
        if quote == "'":  # the one escape that there is: \'
            self._position += 2
            return b"'"
        return self._escape()

    def _escape(self) -> bytes:
        code = self._text[self._position + 1 : self._position + 2]
        digits = self._text[self._position + 2 : self._position + 4]
        if code == "x" and re.fullmatch("[0-9a-fA-F]{2}", digits):
            self._position += 4
            return bytes.fromhex(digits)
        self._position += 2
        self._line += code == "\n"
        return _ESCAPES.get(code, code.encode())

    def _check_end(self, quote: str) -> None:
        after = self._text[self._position : self._position + 1]
        if after and not after.isspace():
            raise InvalidScript(f"Line {self._line}: after the closing {quote} of a word a blank is expected.")

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._position)
        if found is None:
            return ""
        self._position = found.end()
        return found[0]
