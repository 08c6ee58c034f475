"""What an object is, and the size of an image."""

import struct
import zlib

import pytest

from tidemill.previews.images import size_of
from tidemill.previews.kinds import Kind, look
from tidemill.previews.table import Format

ZIP = b"PK\x03\x04" + b"\0" * 30


@pytest.mark.parametrize(
    ("key", "content_type", "head", "kind", "format_"),
    [
        ("a.parquet", "", b"PAR1\0", Kind.TABLE, Format.PARQUET),
        ("wrong name.csv", "text/csv", b"PAR1\0", Kind.TABLE, Format.PARQUET),
        ("a.feather", "", b"ARROW1\0\0", Kind.TABLE, Format.ARROW),
        ("a.arrows", "", b"\xff\xff\xff\xff\x10\0\0\0", Kind.TABLE, Format.ARROW),
        ("f/a.CSV", "", b"a,b\n", Kind.TABLE, Format.CSV),
        ("a", "text/csv; charset=utf-8", b"a,b\n", Kind.TABLE, Format.CSV),
        ("a.tsv", "", b"a\tb\n", Kind.TABLE, Format.CSV),
        ("a.ndjson", "", b"{}\n", Kind.TABLE, Format.JSON_LINES),
        ("a.json", "", b"[]", Kind.TABLE, Format.JSON),
        ("a.csv", "", b"\0\1\2\3", Kind.BINARY, None),
        ("a.xlsx", "", ZIP, Kind.TABLE, Format.SPREADSHEET),
        ("a.zip", "", ZIP, Kind.BINARY, None),
        ("a.parquet", "", b"not at all", Kind.TEXT, None),
        ("a.html", "text/html", b"<script>", Kind.TEXT, None),
        ("a.pdf", "", b"%PDF-1.7", Kind.PDF, None),
        ("a.svg", "", b"<svg/>", Kind.IMAGE, None),
        ("notes", "", b"BMW is a car", Kind.TEXT, None),
        ("csv.d/notes", "", b"text", Kind.TEXT, None),
        ("", "", b"", Kind.TEXT, None),
        ("a", "", b"\x7fELF\x02\x01\x01\0", Kind.BINARY, None),
    ],
)
def test_kind(key: str, content_type: str, head: bytes, kind: Kind, format_: Format | None) -> None:
    found = look(key, content_type=content_type, head=head)
    assert (found.kind, found.format) == (kind, format_)


def test_what_is_no_image_or_pdf_is_never_served_as_what_a_browser_runs() -> None:
    for head in (b"<html><script>alert(1)</script>", b"<?xml version='1.0'?><x:script/>", b"alert(1)"):
        for content_type in ("text/html", "application/javascript", "application/xhtml+xml"):
            assert look("a.html", content_type=content_type, head=head).media_type == "text/plain"


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
JPEG = b"\xff\xd8\xff\xe1\x00\x06Exif\xff\xff\xd8\xff\xc2\x00\x11\x08" + struct.pack(">HH", 480, 640) + b"\0" * 9


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PNG, "image/png"),
        (b"GIF89a" + struct.pack("<HH", 640, 480), "image/gif"),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 640, -480), "image/bmp"),
        (JPEG, "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x7f\x02\0\xdf\x01\0", "image/webp"),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14), "image/webp"),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 640, 480), "image/webp"),
    ],
)
def test_size_of_images(head: bytes, media_type: str) -> None:
    found = look("any", content_type="", head=head)
    assert (found.kind, found.media_type, found.size) == (Kind.IMAGE, media_type, (640, 480))
    for length in range(len(head)):
        size_of(head[:length], media_type)


def test_size_of_a_jpeg_that_leads_nowhere() -> None:
    assert size_of(b"\xff\xd8" + b"\xff" * 1000, "image/jpeg") is None
    assert size_of(b"\xff\xd8\xff\xe0\xff\xff" + zlib.compress(b"x"), "image/jpeg") is None
