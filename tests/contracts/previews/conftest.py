"""Real reader processes over objects in memory whose reads are counted."""

import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tidemill.previews.readers import Bounds, Readers
from tidemill.previews.table import Format, Page, TableQuestion


class Counted:
    """An object whose bytes come from a function, which may make them up."""

    def __init__(self, size_bytes: int, read: Callable[[int, int], bytes]) -> None:
        self.size_bytes = size_bytes
        self.reads: list[tuple[int, int]] = []
        self._read = read

    @classmethod
    def of(cls, data: bytes) -> "Counted":
        return cls(len(data), lambda start, end: data[start:end])

    async def read(self, start: int, end: int) -> bytes:
        self.reads.append((start, end))
        return self._read(start, end)

    @property
    def read_bytes(self) -> int:
        return sum(end - start for start, end in self.reads)


class Asker:
    """Asks readers about bytes."""

    def __init__(self, readers: Readers) -> None:
        self.readers = readers

    async def page(self, data: bytes | Counted, format_: Format, **how: Any) -> Page:
        source = Counted.of(data) if isinstance(data, bytes) else data
        return await self.readers.page(question(source, format_, **how), source)

    async def count(self, data: bytes | Counted, format_: Format, **how: Any) -> int:
        source = Counted.of(data) if isinstance(data, bytes) else data
        return await self.readers.count(question(source, format_, **how), source)

    async def export(self, data: bytes | Counted, format_: Format, **how: Any) -> bytes:
        source = Counted.of(data) if isinstance(data, bytes) else data
        return b"".join([piece async for piece in self.readers.export(question(source, format_, **how), source)])


def question(source: Counted, format_: Format, **how: Any) -> TableQuestion:
    return TableQuestion(task="page", format=format_, size_bytes=source.size_bytes, **how)


def names(page: Page) -> list[str]:
    return [column.name for column in page.columns]


def types(page: Page) -> list[str]:
    return [column.type for column in page.columns]


def rows(page: Page) -> list[list[Any]]:
    return [[msgspec.json.decode(cell) for cell in row] for row in page.rows]


def texts(page: Page) -> list[list[str]]:
    """The cells as they go over the wire."""
    return [[bytes(cell).decode() for cell in row] for row in page.rows]


def parquet(table: pa.Table, **how: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, **how)
    return target.getvalue()


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    async with Readers() as readers:
        yield readers


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    """Without readers that are started in case there is another question."""
    async with Readers(Bounds(spare_s=0)) as readers:
        yield Asker(readers)
