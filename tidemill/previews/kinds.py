"""What an object is, by its first bytes, then its name, then the type that it was uploaded with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidemill.previews.images import Size, size_of
from tidemill.previews.table import Format
from tidemill.previews.text import encoding_of

HEAD_BYTES: Final = 64 * 1024
"""How much of an object is looked at."""


class Kind(StrEnum):
    """How an object can be shown."""

    TABLE = "table"
    TEXT = "text"
    IMAGE = "image"
    PDF = "pdf"
    BINARY = "binary"
    """Not at all, but as bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        format: of a table, else None.
        encoding: of text, and of tables that are text, as Python calls it; else "".
        media_type: what it is served as.
        size: of an image, width and height in pixels, where its first bytes tell.
    """

    kind: Kind
    media_type: str
    format: Format | None = None
    encoding: str = ""
    size: Size | None = None


_BINARY: Final = "application/octet-stream"
_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/x-icon"),
)
_TYPED: Final = (
    (b"PAR1", Format.PARQUET, "application/vnd.apache.parquet"),
    (b"ARROW1\0\0", Format.ARROW, "application/vnd.apache.arrow.file"),
    (b"\xff\xff\xff\xff", Format.ARROW, "application/vnd.apache.arrow.stream"),
)
_SPREADSHEETS: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}
_CONTAINERS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_TEXTS: Final = {
    "csv": (Format.CSV, "text/csv"),
    "tsv": (Format.CSV, "text/tab-separated-values"),
    "tab": (Format.CSV, "text/tab-separated-values"),
    "psv": (Format.CSV, "text/csv"),
    "jsonl": (Format.JSON_LINES, "application/x-ndjson"),
    "ndjson": (Format.JSON_LINES, "application/x-ndjson"),
    "json": (Format.JSON, "application/json"),
}
_TEXT_TYPES: Final = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "jsonl",
    "application/json": "json",
}


def look(key: str, *, content_type: str, head: bytes) -> Look:
    """What the object with this key is. `head`: its first `HEAD_BYTES` bytes, or all of them."""
    extension = key.rpartition("/")[2].rpartition(".")[2].lower()
    declared = content_type.partition(";")[0].strip().lower()
    return _by_mark(head, extension, declared) or _by_text(head, extension, declared)


def _by_mark(head: bytes, extension: str, declared: str) -> Look | None:
    for mark, format_, media_type in _TYPED:
        if head.startswith(mark):
            return Look(kind=Kind.TABLE, media_type=media_type, format=format_)
    if head.startswith(b"%PDF-"):
        return Look(kind=Kind.PDF, media_type="application/pdf")
    if media_type := _image(head):
        return Look(kind=Kind.IMAGE, media_type=media_type, size=size_of(head, media_type))
    if head.startswith(_CONTAINERS):
        by_type = next((name for name, media_type in _SPREADSHEETS.items() if media_type.lower() == declared), "")
        name = extension if extension in _SPREADSHEETS else by_type
        if name:
            return Look(kind=Kind.TABLE, media_type=_SPREADSHEETS[name], format=Format.SPREADSHEET)
    return None


def _image(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:12] in {b"ftypavif", b"ftypavis"}:
        return "image/avif"
    if head.startswith(b"BM") and encoding_of(head[:64]):
        return ""  # text that happens to begin with these letters
    return next((media_type for mark, media_type in _IMAGES if head.startswith(mark)), "")


def _by_text(head: bytes, extension: str, declared: str) -> Look:
    encoding = encoding_of(head)
    if not encoding:
        return Look(kind=Kind.BINARY, media_type=_BINARY)
    name = extension if extension in _TEXTS else _TEXT_TYPES.get(declared, "")
    if name:
        format_, media_type = _TEXTS[name]
        return Look(kind=Kind.TABLE, media_type=media_type, format=format_, encoding=encoding)
    if extension == "svg" or declared == "image/svg+xml":
        return Look(kind=Kind.IMAGE, media_type="image/svg+xml", encoding=encoding)
    return Look(kind=Kind.TEXT, media_type="text/plain", encoding=encoding)
