"""Forms as bodies: what is read of them, and that no body makes the reader work without end."""

import tracemalloc
from collections.abc import AsyncIterator

import pytest

from tidemill.model.errors import BadRequest, TooLarge
from tidemill.server.form import MAX_FILES, Field, read_multipart
from tidemill.server.multipart import MAX_PARTS, Part, parameter_of

TYPE = "multipart/form-data; boundary=x"


async def pieces_of(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(
    body: bytes, *, content_type: str = TYPE, size: int = 1 << 16, max_bytes: int = 1 << 20, held: str | None = None
) -> list[Field]:
    """The fields of a form that arrives in pieces. A file is kept as its name, its type and its bytes."""

    async def keep(part: Part, body: AsyncIterator[bytes]) -> bytes:
        content = b"".join([piece async for piece in body])
        return f"{part.filename}|{part.content_type}|".encode() + content

    pieces = pieces_of(body, size)
    return await read_multipart(content_type, pieces, keep=keep, holds=lambda name: name == held, max_bytes=max_bytes)


def file(name: str, content: bytes) -> Field:
    """A file as `read` keeps it."""
    return Field(name, content, is_file=True, is_kept=True)


def part(disposition: str, value: bytes = b"1") -> bytes:
    return b"--x\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    ("disposition", "field"),
    [
        ('form-data; name="a"', Field("a", b"1")),
        ("form-data; name=a", Field("a", b"1")),
        ('form-data; NAME = "a;b=c"', Field("a;b=c", b"1")),
        ('form-data; name="a\\"b\\\\"; filename="c d"', file('a"b\\', b"c d||1")),
        ('form-data; filename=""; name=""', file("", b"||1")),
        ('form-data; odd; =; x"y"; name="a"', Field("a", b"1")),
        ("form-data; name=\"a\"; filename*=utf-8''b", Field("a", b"1")),
    ],
)
async def test_the_parameters_of_a_part_are_read(disposition: str, field: Field) -> None:
    assert await read(part(disposition) + b"--x--") == [field]


@pytest.mark.parametrize("disposition", ["form-data", "form-data; name", 'form-data; filename="name=a"', ""])
async def test_a_part_without_a_name_is_refused(disposition: str) -> None:
    with pytest.raises(BadRequest, match="has no name"):
        await read(part(disposition) + b"--x--")


CONTENT = b"\r\n--x\r\n\r\n--\r\n-\r--x--\r".replace(b"--x", b"--y") + bytes(range(256))
WHOLE = (
    b"preamble\r\n"
    + part("form-data; name=a", b"")
    + part('form-data; name=b; filename="f"\r\nContent-Type: text/x; c="', CONTENT)
    + part("form-data; name=c", CONTENT)
    + b"--x  \r\nContent-Disposition: form-data; name=d\r\n\r\n\r\n--x--\r\nepilogue"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1 << 16])
async def test_a_form_is_the_same_however_it_arrives(size: int) -> None:
    kept = file("b", b'f|text/x; c="|' + CONTENT)
    assert await read(WHOLE, size=size) == [Field("a", b""), kept, Field("c", CONTENT), Field("d", b"")]


async def test_a_form_that_breaks_off_is_refused() -> None:
    for end in range(len(WHOLE) - len(b"--\r\nepilogue")):
        with pytest.raises(BadRequest, match="last boundary is missing"):
            await read(WHOLE[:end])


async def test_a_file_for_the_type_bytes_is_held() -> None:
    body = part('form-data; name=a; filename="f"', b"12") + b"--x--"
    assert await read(body, held="a") == [Field("a", b"12", is_file=True)]


async def test_nobody_chose_a_file() -> None:
    body = part('form-data; name=a; filename=""', b"") + b"--x--"
    assert await read(body) == [file("a", b"")]


async def test_a_form_within_a_form_is_a_field() -> None:
    inner = b"--y\r\nContent-Disposition: attachment; filename=z\r\n\r\n1\r\n--y--"
    head = "form-data; name=a\r\nContent-Type: multipart/mixed; boundary=y"
    assert await read(part(head, inner) + b"--x--") == [Field("a", inner)]


async def test_a_quoted_boundary_is_the_text_in_the_quotes() -> None:
    assert await read(part("form-data; name=a") + b"--x--", content_type='multipart/form-data; boundary="x"')


@pytest.mark.parametrize("content_type", ["multipart/form-data", 'multipart/form-data; boundary=""', TYPE + "x" * 70])
async def test_a_form_names_its_boundary(content_type: str) -> None:
    with pytest.raises(BadRequest, match="boundary"):
        await read(b"--x--", content_type=content_type)


async def test_a_form_has_a_bounded_number_of_fields() -> None:
    one = part("form-data; name=a")
    assert len(await read(one * MAX_PARTS + b"--x--")) == MAX_PARTS
    with pytest.raises(BadRequest, match="more than 1000 fields"):
        await read(one * 10_000 + b"--x--")


async def test_a_form_has_a_bounded_number_of_files() -> None:
    one = part('form-data; name=a; filename="f"')
    assert len(await read(one * MAX_FILES + b"--x--")) == MAX_FILES
    with pytest.raises(BadRequest, match="more than 100 files"):
        await read(one * (MAX_FILES + 1) + b"--x--")


async def test_fields_are_bounded_and_files_are_not() -> None:
    large = bytes(1000)
    assert await read(part('form-data; name=a; filename="f"', large) + b"--x--", max_bytes=10)
    for body in (part("form-data; name=a", large), part("form-data; name=a", large[:600]) * 2):
        with pytest.raises(TooLarge):
            await read(body + b"--x--", max_bytes=999)
    with pytest.raises(TooLarge):
        await read(part('form-data; name=a; filename="f"', large) + b"--x--", max_bytes=999, held="a")


async def test_the_head_of_a_part_is_bounded() -> None:
    with pytest.raises(BadRequest, match="head of a part"):
        await read(part("form-data; name=a" + "a" * 20_000) + b"--x--")


async def test_a_flood_of_boundaries_is_not_taken_apart() -> None:
    body = b"\r\n--x" * 1_000_000 + b"--"
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest):
            await read(body)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", ['\\"', '"', ";", '="', ';name="\\"', ';name="\\', "; ", " ", ";=", "\\"])
def test_no_header_is_looked_at_twice(unit: str) -> None:
    """A pattern that tries each place of a header to its end takes hours for a header of a megabyte."""
    header = 'form-data; name="' + unit * (1 << 19)
    assert parameter_of(header, "boundary") is None
