"""Encodings, and pieces of text whose borders cut no character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.previews.text import encoding_of, piece_of

TEXT = "Grüße, 世界 \U0001f30a\n" * 30


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "utf-8"),
        (b"plain", "utf-8"),
        (TEXT.encode(), "utf-8"),
        (TEXT.encode()[:-2], "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-32"), "utf-32"),
        ("Grüße aus Köln".encode("utf-16-le"), "utf-16-le"),
        ("Grüße aus Köln".encode("utf-16-be"), "utf-16-be"),
        ("Grüße für 5 €".encode("cp1252"), "cp1252"),
        (b"\x1b[31mred\x1b[0m", "utf-8"),
        (b"\x00\x01\x02\x03", ""),
        (b"\x7fELF\x02", ""),
        (bytes(range(256)), ""),
        (b"\x81\x8d", ""),
        (b"a\0b", ""),
    ],
)
def test_encoding(data: bytes, expected: str) -> None:
    assert encoding_of(data) == expected


@given(
    text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff"), max_size=60),
    written=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-be"]),
    cuts=st.lists(st.integers(0, 300), max_size=4),
)
def test_pieces_put_together_are_the_text(text: str, written: str, cuts: list[int]) -> None:
    data = text.encode(written)
    encoding = {"utf-8-sig": "utf-8"}.get(written, written)
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    whole = ""
    at = 0
    for end in borders[1:]:
        piece = piece_of(data[at:end], start=at, head=data[:8], encoding=encoding)
        assert at <= piece.start <= piece.end <= end or piece.text == ""
        whole += piece.text
        at = piece.end
    assert whole == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "cp1252"])
def test_a_piece_from_the_middle_says_which_bytes_it_is_of(encoding: str) -> None:
    text = "Grüße €" * 20 if encoding == "cp1252" else TEXT
    data = text.encode(encoding)
    for start in range(4, 40):
        piece = piece_of(data[start : start + 31], start=start, head=data[:8], encoding=encoding)
        assert piece.text in text
        assert start <= piece.start < start + 4
        assert start + 31 - 4 < piece.end <= start + 31
