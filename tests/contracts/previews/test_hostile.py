"""Objects made to do harm: an error that says what is wrong, and everything else goes on."""

import contextlib
import io
import struct
import zipfile

import pyarrow as pa
import pytest

from tests.contracts.previews.conftest import Asker, Counted, parquet, rows
from tests.contracts.previews.test_texts import BOOK
from tests.contracts.previews.test_typed import NUMBERS, feather
from tidemill.model.errors import PreviewFailed, TooLarge
from tidemill.previews.table import MAX_PAGE_BYTES, Format

GIB = 1024**3
GOOD = parquet(NUMBERS)


def with_footer_at(length: int) -> bytes:
    """Parquet that lies about the length of its footer."""
    return GOOD[:-8] + struct.pack("<I", length) + b"PAR1"


def damaged(data: bytes, *, step: int) -> bytes:
    return bytes(byte ^ 0x55 if place % step == step - 1 else byte for place, byte in enumerate(data))


def archive(size_bytes: int, *, claims: int | None = None) -> bytes:
    """A spreadsheet whose one sheet is that many spaces."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bomb:
        for entry in book.infolist():
            is_sheet = entry.filename == "xl/worksheets/sheet1.xml"
            bomb.writestr(entry.filename, b" " * size_bytes if is_sheet else book.read(entry))
    data = target.getvalue()
    return data if claims is None else data.replace(struct.pack("<I", size_bytes), struct.pack("<I", claims))


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (GOOD[:100], Format.PARQUET),
        (GOOD[: len(GOOD) // 2], Format.PARQUET),
        (GOOD[:4], Format.PARQUET),
        (b"", Format.PARQUET),
        (with_footer_at(0), Format.PARQUET),
        (with_footer_at(2**31), Format.PARQUET),
        (with_footer_at(2**32 - 1), Format.PARQUET),
        (b"PAR1" * 1000, Format.PARQUET),
        (feather(NUMBERS, "lz4")[:500], Format.ARROW),
        (b"ARROW1\0\0" + b"\xff" * 1000, Format.ARROW),
        (b"ARROW1\0\0" + struct.pack("<ii", -1, 2**31 - 1), Format.ARROW),
        (BOOK[: len(BOOK) // 2], Format.SPREADSHEET),
        (b"PK\x03\x04" + b"\0" * 100, Format.SPREADSHEET),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 5000, Format.SPREADSHEET),
    ],
)
async def test_what_is_damaged_is_an_error(ask: Asker, data: bytes, format_: Format) -> None:
    with pytest.raises(PreviewFailed) as caught:
        await ask.page(data, format_)
    assert "object://" not in str(caught.value)
    assert "/tidemill/" not in str(caught.value)


@pytest.mark.parametrize("step", [13, 101, 997])
@pytest.mark.parametrize("format_", [Format.PARQUET, Format.ARROW, Format.SPREADSHEET])
async def test_noise_never_does_more_than_an_error(ask: Asker, step: int, format_: Format) -> None:
    whole = {Format.PARQUET: GOOD, Format.ARROW: feather(NUMBERS, "zstd"), Format.SPREADSHEET: BOOK}[format_]
    with contextlib.suppress(PreviewFailed, TooLarge):
        await ask.page(damaged(whole, step=step), format_)
    assert len((await ask.page(GOOD, Format.PARQUET, limit=5)).rows) == 5


async def test_a_million_columns(ask: Asker) -> None:
    header = b",".join(b"c%d" % number for number in range(1_000_000))
    with pytest.raises((TooLarge, PreviewFailed)):
        await ask.page(header + b"\n" + b"," * 999_999 + b"\n", Format.CSV)


async def test_many_columns_in_parquet(ask: Asker) -> None:
    table = pa.table({f"c{number}": [number] for number in range(6000)})
    with pytest.raises(TooLarge, match="6000 columns"):
        await ask.page(parquet(table), Format.PARQUET)


@pytest.mark.parametrize("format_", [Format.CSV, Format.JSON_LINES])
async def test_a_gigabyte_without_an_end_of_line(ask: Asker, format_: Format) -> None:
    source = Counted(GIB, lambda start, end: b"x" * (end - start))
    with pytest.raises(TooLarge, match="first line"):
        await ask.page(source, format_)
    assert source.read_bytes <= 20 * 1024 * 1024


async def test_spreadsheet_bombs(ask: Asker) -> None:
    with pytest.raises(TooLarge, match="unpacks to"):
        await ask.page(archive(300 * 1024 * 1024), Format.SPREADSHEET)


async def test_spreadsheet_bombs_that_lie(ask: Asker) -> None:
    size = 300 * 1024 * 1024
    with pytest.raises((TooLarge, PreviewFailed)):
        await ask.page(archive(size, claims=1000), Format.SPREADSHEET)


async def test_compressed_bombs_in_parquet(ask: Asker) -> None:
    """Half a gigabyte of text in some kilobytes."""
    table = pa.table({"t": pa.array(["x" * 64 * 1024 * 1024] * 8, pa.large_string())})
    data = parquet(table, compression="zstd", use_dictionary=False)
    assert len(data) < 1024 * 1024
    with pytest.raises((TooLarge, PreviewFailed)):
        await ask.page(data, Format.PARQUET)


async def test_a_page_ends_before_it_gets_too_large_and_says_so(ask: Asker) -> None:
    data = parquet(pa.table({"id": [1, 2, 3], "t": ["x" * (MAX_PAGE_BYTES // 2 - 100)] * 3}))
    page = await ask.page(data, Format.PARQUET)
    assert [row[0] for row in rows(page)] == [1, 2]
    assert page.next_offset == 2
    page = await ask.page(data, Format.PARQUET, offset=2)
    assert ([row[0] for row in rows(page)], page.next_offset) == ([3], None)


async def test_a_row_that_no_page_can_hold_is_an_error(ask: Asker) -> None:
    data = parquet(pa.table({"t": ["x" * (MAX_PAGE_BYTES + 1)]}))
    with pytest.raises(TooLarge, match="A row of this page"):
        await ask.page(data, Format.PARQUET)


async def test_deep_json(ask: Asker) -> None:
    with pytest.raises(PreviewFailed):
        await ask.page(b"[" * 200_000 + b"]" * 200_000, Format.JSON)
