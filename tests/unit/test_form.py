"""Forms as bodies: what is read of them, and that no body makes the reader work without end."""

import tracemalloc

import pytest

from tidemill.model.errors import BadRequest
from tidemill.server import form
from tidemill.server.form import MAX_FIELDS, Field, parse_multipart

TYPE = "multipart/form-data; boundary=x"


def part(disposition: str, value: bytes = b"1") -> bytes:
    return b"--x\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    ("disposition", "field"),
    [
        ('form-data; name="a"', Field("a", b"1")),
        ("form-data; name=a", Field("a", b"1")),
        ('form-data; NAME = "a;b=c"', Field("a;b=c", b"1")),
        ('form-data; name="a\\"b\\\\"; filename="c d"', Field('a"b\\', b"1", "c d")),
        ('form-data; filename=""; name=""', Field("", b"1", "")),
        ('form-data; odd; =; x"y"; name="a"', Field("a", b"1")),
        ("form-data; name=\"a\"; filename*=utf-8''b", Field("a", b"1")),
    ],
)
def test_the_parameters_of_a_part_are_read(disposition: str, field: Field) -> None:
    assert parse_multipart(TYPE, part(disposition) + b"--x--") == [field]


@pytest.mark.parametrize("disposition", ["form-data", "form-data; name", 'form-data; filename="name=a"', ""])
def test_a_part_without_a_name_is_refused(disposition: str) -> None:
    with pytest.raises(BadRequest, match="has no name"):
        parse_multipart(TYPE, part(disposition) + b"--x--")


def test_a_quoted_boundary_is_the_text_in_the_quotes() -> None:
    assert parse_multipart('multipart/form-data; boundary="x"', part("form-data; name=a") + b"--x--")


def test_a_form_has_a_bounded_number_of_fields() -> None:
    one = part("form-data; name=a")
    assert len(parse_multipart(TYPE, one * MAX_FIELDS + b"--x--")) == MAX_FIELDS
    with pytest.raises(BadRequest, match="more than 1000 fields"):
        parse_multipart(TYPE, one * (MAX_FIELDS + 1) + b"--x--")


def test_a_flood_of_boundaries_is_not_taken_apart() -> None:
    """Each piece costs some 40 bytes: a body of 100 MB could hold 17 million of them."""
    body = b"\r\n--x" * 1_000_000 + b"--"
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest, match="fields"):
            parse_multipart(TYPE, body)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", ['\\"', '"', ";", '="', ';name="\\"', ';name="\\', "; ", " ", ";=", "\\"])
def test_no_header_is_looked_at_twice(unit: str) -> None:
    """A pattern that tries each place of a header to its end takes hours for a header of a megabyte."""
    header = 'form-data; name="' + unit * (1 << 19)
    assert form._parameter(header, "boundary") is None
