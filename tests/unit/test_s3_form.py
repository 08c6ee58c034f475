"""Forms that post objects: fields up to the file, in the words of S3 where they are wrong."""

from collections.abc import AsyncIterator

import pytest

from tidemill.engine.s3_faults import S3Fault
from tidemill.server.s3.form_reading import MAX_FIELDS, FormReader, is_form_type

TYPE = "multipart/form-data; boundary=bb"


def field(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'--bb\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value + b"\r\n"


FILE = field(b"file", b"content\r\n--b", b'; filename="a b.txt"')
END = b"--bb--\r\n"


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for place in range(0, len(content), size):
        yield content[place : place + size]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_fields_come_before_the_file_whatever_the_pieces(size: int) -> None:
    content = field(b"Key", "ä".encode()) + field(b"policy", b"") + FILE + field(b"after", b"1") + END
    reader = FormReader(TYPE, pieces(content, size))
    assert await reader.fields() == {"key": "ä", "policy": ""}
    assert reader.filename == "a b.txt"
    assert b"".join([piece async for piece in reader.file()]) == b"content\r\n--b"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (field(b"key", b"a") + END, "InvalidArgument"),
        (field(b"key", b"a") + field(b"KEY", b"b") + FILE + END, "MalformedPOSTRequest"),
        (field(b"key", b"\xff") + FILE + END, "MalformedPOSTRequest"),
        (field(b"key\xff", b"a") + FILE + END, "MalformedPOSTRequest"),
        (field(b"file", b"", b'; filename="\xff"') + END, "MalformedPOSTRequest"),
        (field(b"key", b"x" * 70_000) + FILE + END, "MalformedPOSTRequest"),
        (b"".join(field(b"%d" % n, b"") for n in range(MAX_FIELDS + 1)) + FILE + END, "MalformedPOSTRequest"),
        (b"--bb\r\nX-Head: " + b"x" * 20_000 + b"\r\n\r\n", "MalformedPOSTRequest"),
        (b"--bb\r\nContent-Disposition: form-data\r\n\r\na\r\n" + FILE + END, "MalformedPOSTRequest"),
        (field(b"key", b"a"), "MalformedPOSTRequest"),
        (b"", "MalformedPOSTRequest"),
    ],
)
async def test_what_is_wrong_is_told_in_the_words_of_s3(content: bytes, code: str) -> None:
    with pytest.raises(S3Fault) as raised:
        await FormReader(TYPE, pieces(content, 1000)).fields()
    assert raised.value.s3_code == code


async def test_a_file_without_an_end_is_no_file() -> None:
    reader = FormReader(TYPE, pieces(field(b"key", b"a") + FILE, 50))
    await reader.fields()
    with pytest.raises(S3Fault):
        assert [piece async for piece in reader.file()]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(TYPE, True), ("Multipart/Form-Data;boundary=x", True), ("multipart/form-data", True), ("multipart/mixed", False)],
)
def test_types_of_forms(text: str, is_one: bool) -> None:
    assert is_form_type(text) is is_one


def test_a_form_names_its_boundary() -> None:
    with pytest.raises(S3Fault):
        FormReader("multipart/form-data", pieces(b"", 1))
