"""Only the bytes that an answer needs are read."""

import random

import pyarrow as pa
import pytest

from tests.contracts.previews.conftest import Asker, Counted, parquet, rows
from tidemill.model.errors import TooLarge
from tidemill.previews.readers import Bounds, Readers
from tidemill.previews.table import Format

MIB = 1024 * 1024
GIB = 1024 * MIB
COUNT = 400_000
PARTS = 20


@pytest.fixture(scope="module")
def wide() -> bytes:
    """20 row groups of one small and three large columns."""
    chance = random.Random(5)
    columns = {
        f"data{number}": pa.array([chance.randbytes(24) for _ in range(COUNT)], pa.binary()) for number in (1, 2, 3)
    }
    return parquet(pa.table({"id": list(range(COUNT)), **columns}), row_group_size=COUNT // PARTS, use_dictionary=False)


async def test_the_first_page_of_parquet_takes_the_footer_and_the_first_pages_of_one_row_group(
    ask: Asker, wide: bytes
) -> None:
    source = Counted.of(wide)
    page = await ask.page(source, Format.PARQUET, limit=50)
    assert [row[0] for row in rows(page)] == list(range(50))
    assert page.total == COUNT
    assert source.read_bytes < 64 * 1024 + 2 * len(wide) / PARTS


async def test_a_page_deep_inside_skips_what_is_before(ask: Asker, wide: bytes) -> None:
    source = Counted.of(wide)
    page = await ask.page(source, Format.PARQUET, offset=COUNT - 10, limit=50)
    assert [row[0] for row in rows(page)] == list(range(COUNT - 10, COUNT))
    assert source.read_bytes < len(wide) / 10


async def test_a_count_takes_the_footer_only(ask: Asker, wide: bytes) -> None:
    source = Counted.of(wide)
    assert await ask.count(source, Format.PARQUET) == COUNT
    assert source.reads == [(len(wide) - 64 * 1024, len(wide))]


async def test_columns_without_rows_take_the_footer_and_little_more(ask: Asker, wide: bytes) -> None:
    source = Counted.of(wide)
    page = await ask.page(source, Format.PARQUET, limit=0)
    assert page.rows == []
    assert source.read_bytes < len(wide) / 10


async def test_a_filter_takes_the_column_that_it_is_about(ask: Asker, wide: bytes) -> None:
    source = Counted.of(wide)
    assert await ask.count(source, Format.PARQUET, filters='{"id": {"type": "lessThan", "filter": 7}}') == 7
    assert source.read_bytes < len(wide) / 10


def endless(line: bytes) -> Counted:
    """One gigabyte of the same line."""
    block = line * (2 * MIB // len(line) + 2)

    def read(start: int, end: int) -> bytes:
        shift = start % len(line)
        return (block * ((end - start) // len(block) + 1))[shift : shift + end - start]

    return Counted(GIB // len(line) * len(line), read)


@pytest.mark.parametrize(
    ("line", "format_", "most"),
    [(b"12,some text,3.5\n", Format.CSV, MIB), (b'{"a": 12, "b": "some text"}\n', Format.JSON_LINES, 4 * MIB)],
)
async def test_first_rows_of_a_gigabyte_take_its_first_piece(
    ask: Asker, line: bytes, format_: Format, most: int
) -> None:
    source = endless(line)
    page = await ask.page(source, format_, limit=100)
    assert len(page.rows) == 100
    assert page.next_offset == 100
    assert page.total is None
    assert source.read_bytes <= most


@pytest.mark.parametrize("how", [{"order_by": "a"}, {"search": "no such thing"}])
async def test_what_takes_more_than_a_preview_may_read_is_refused_with_a_way_out(how: dict[str, str]) -> None:
    source = endless(b'{"a": 12, "b": "some text"}\n')
    async with Readers(Bounds(read_bytes=8 * MIB)) as readers:
        with pytest.raises(TooLarge, match=r"8388608 bytes that a preview may read .* DuckDB script"):
            await Asker(readers).page(source, Format.JSON_LINES, **how)
    assert source.read_bytes <= 8 * MIB
