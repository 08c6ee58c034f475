"""Readers come and go: killed ones, waiting ones, and none is left behind."""

import asyncio
import os
import signal

import psutil
import pytest

from tests.contracts.previews.conftest import Asker, Counted, question, rows
from tidemill.model.errors import NotFound, PreviewFailed, TooLarge, TooManyRequests
from tidemill.previews.process import Reader
from tidemill.previews.readers import Bounds, Readers
from tidemill.previews.table import Format

CSV = b"a\n1\n2\n"


class Held(Counted):
    """An object whose first read waits until it is let go."""

    def __init__(self, data: bytes) -> None:
        super().__init__(len(data), lambda start, end: data[start:end])
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def read(self, start: int, end: int) -> bytes:
        self.asked.set()
        await self.let_go.wait()
        return await super().read(start, end)


def children() -> set[int]:
    """Readers that live. One that ended and was not waited for yet has no command line any more."""
    found = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    return {each.pid for each in found if "tidemill.previews.inside" in " ".join(each.cmdline())}


async def test_a_killed_reader_is_an_error_and_the_next_one_works(readers: Readers) -> None:
    ask = Asker(readers)
    held = Held(CSV)
    asking = asyncio.create_task(ask.page(held, Format.CSV))
    await held.asked.wait()
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    held.let_go.set()
    with pytest.raises(PreviewFailed, match="SIGKILL"):
        await asking
    assert rows(await ask.page(CSV, Format.CSV)) == [[1], [2]]


async def test_a_storage_that_fails_fails_the_preview_with_its_own_error(ask: Asker) -> None:
    def fail(_start: int, _end: int) -> bytes:
        raise NotFound("It was deleted.")

    with pytest.raises(NotFound, match="It was deleted"):
        await ask.page(Counted(100, fail), Format.CSV)
    assert rows(await ask.page(CSV, Format.CSV)) == [[1], [2]]


async def test_a_storage_that_never_answers_is_waited_for_so_long_only() -> None:
    async with Readers(Bounds(answer_s=0.01)) as readers:
        with pytest.raises(TooLarge, match=r"0\.01 s"):
            await Asker(readers).page(Held(CSV), Format.CSV)
    assert not children()


async def test_only_so_many_read_at_a_time_and_only_so_many_wait() -> None:
    async with Readers(Bounds(readers=2, waiting=1)) as readers:
        ask = Asker(readers)
        held = [Held(CSV) for _ in range(3)]
        asking = [asyncio.create_task(ask.page(each, Format.CSV)) for each in held]
        await held[0].asked.wait()
        await held[1].asked.wait()
        assert not held[2].asked.is_set()
        with pytest.raises(TooManyRequests):
            await ask.page(CSV, Format.CSV)
        for each in held:
            each.let_go.set()
        assert [rows(page) for page in await asyncio.gather(*asking)] == [[[1], [2]]] * 3
    assert not children()


async def test_who_stops_asking_leaves_nothing_behind() -> None:
    async with Readers() as readers:
        held = Held(CSV)
        asking = asyncio.create_task(Asker(readers).page(held, Format.CSV))
        await held.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        source = Counted.of(b"a\n" + b"1\n" * 100_000)
        export = readers.export(question(source, Format.CSV), source)
        await anext(export)
        await export.aclose()
    assert not children()


async def test_the_next_reader_is_ready_and_replaced_when_it_died(readers: Readers) -> None:
    ask = Asker(readers)
    await ask.page(CSV, Format.CSV)
    spare = ask.readers._spare
    assert spare is not None
    reader = await spare
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    await reader._process.wait()
    assert rows(await ask.page(CSV, Format.CSV)) == [[1], [2]]


async def test_a_reader_answers_once_and_has_an_empty_environment() -> None:
    reader = await Reader.start()
    process = psutil.Process(reader._process.pid)
    assert process.environ() == {} or os.geteuid() != 0
    source = Counted.of(CSV)
    pieces = [piece async for piece in reader.answer(question(source, Format.CSV), source, max_read_bytes=100)]
    assert pieces
    assert await reader._process.wait() == 0
    await reader.close()
