"""Which encoding text is in, and a piece of it as text."""

import codecs
from dataclasses import dataclass
from typing import Final

ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
"""Those of text that can be read."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNITS: Final = {"utf-32": 4, "utf-16": 2, "utf-16-le": 2, "utf-16-be": 2}
_FALLBACK: Final = "cp1252"
_ALLOWED_CONTROLS: Final = frozenset(b"\t\n\r\f\x08\x1b")
_CONTINUATION: Final = range(0x80, 0xC0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text, and from which bytes of the object it was made: characters that a border cuts in two are left out."""

    text: str
    start: int
    end: int


def encoding_of(head: bytes) -> str:
    """The encoding of text that starts like this, as Python calls it; "" for what is no text.

    One that nothing tells is Windows-1252, if it can be. An empty object is text.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _wide(head)
    if _holds_controls(head):
        return ""
    for name in ("utf-8", _FALLBACK):
        try:
            codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeDecodeError:
            continue
        return name
    return ""


def piece_of(data: bytes, *, start: int, head: bytes, encoding: str) -> Piece:
    """The text of `data`, which stands at `start` of an object that begins with `head`.

    Raises:
        UnicodeDecodeError: it is not in this encoding.
    """
    name, mark = _without_mark(encoding, head)
    skipped = len(mark) if start == 0 else _cut_bytes(data, start=start, encoding=name)
    decoder = codecs.getincrementaldecoder(name)()
    text = decoder.decode(data[skipped:])
    kept, _ = decoder.getstate()
    return Piece(text, start + skipped, start + len(data) - len(kept))


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: in text of Europe, every other byte is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros >= max(2, half * 0.6) and others == 0:
            try:
                text = codecs.getincrementaldecoder(name)().decode(head)
            except UnicodeDecodeError:
                return ""
            return "" if _holds_controls(text.encode()) else name
    return ""


def _holds_controls(data: bytes) -> bool:
    return any(byte < 32 and byte not in _ALLOWED_CONTROLS for byte in data)


def _without_mark(encoding: str, head: bytes) -> tuple[str, bytes]:
    """The encoding for any place of the object, and the mark at its start."""
    for mark, name in _BOMS:
        if name == encoding and head.startswith(mark):
            order = "-le" if mark[:1] == b"\xff" else "-be"
            return (name if name == "utf-8" else name + order), mark
    return encoding, b""


def _cut_bytes(data: bytes, *, start: int, encoding: str) -> int:
    """How many bytes at the start belong to a character that begins before."""
    if encoding == "utf-8":
        return next((place for place, byte in enumerate(data[:3]) if byte not in _CONTINUATION), min(3, len(data)))
    unit = _UNITS.get(encoding, _UNITS.get(encoding.removesuffix("-le").removesuffix("-be"), 1))
    skipped = -start % unit
    if unit == 2 and 0xDC <= _high_byte(data[skipped : skipped + 2], encoding) < 0xE0:
        skipped += 2
    return min(skipped, len(data))


def _high_byte(unit: bytes, encoding: str) -> int:
    if len(unit) < 2:
        return 0
    return unit[1] if encoding.endswith("-le") else unit[0]
