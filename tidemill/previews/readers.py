"""Answers questions about tables in objects, each by a reader process of its own, a few at a time."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import msgspec

from tidemill.model.errors import BadRequest, PreviewFailed, TooLarge, TooManyRequests, Unavailable
from tidemill.previews.process import Reader
from tidemill.previews.table import MAX_ROWS, MIB, WAY_OUT, Page, Source, TableQuestion

T = TypeVar("T")

_MAX_ANSWER_BYTES: Final = 64 * MIB
"""Of a page with its columns: more than an honest reader sends (`MAX_PAGE_BYTES`)."""
_RETRY_AFTER_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What previews may take.

    Attributes:
        readers: previews that are read at a time, and again exports.
        waiting: previews that wait for their turn; more are sent away.
        read_bytes: what one page or count may read of its object.
        answer_s: how long one may take, with all that its storage takes.
        export_s: the same for an export, with all that its receiver takes.
        spare_s: how long the next reader is kept ready; 0 for not at all.
    """

    readers: int = 4
    waiting: int = 32
    read_bytes: int = 256 * MIB
    answer_s: float = 30.0
    export_s: float = 900.0
    spare_s: float = 60.0


class Readers:
    """Use it as `async with`.

    Whoever asks is served by a fresh process: an object that takes over its reader meets nobody else's bytes.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._slots = asyncio.Semaphore(self._bounds.readers)
        self._exports = asyncio.Semaphore(self._bounds.readers)
        self._waiting = 0
        self._spare: asyncio.Task[Reader] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def page(self, question: TableQuestion, source: Source) -> Page:
        """Rows of the table.

        Raises:
            BadRequest: there is no such column, sheet, or condition.
            PreviewFailed: the object is not what `question.format` says.
            TooLarge: it takes more than a preview may.
            TooManyRequests: too many wait already.
        """
        _require_paging(question)
        return _decoded(await self._answer(msgspec.structs.replace(question, task="page"), source), Page)

    async def count(self, question: TableQuestion, source: Source) -> int:
        """The number of rows that fit. Raises what `page` does."""
        return _decoded(await self._answer(msgspec.structs.replace(question, task="count"), source), int)

    async def export(self, question: TableQuestion, source: Source) -> AsyncGenerator[bytes]:
        """All rows that fit, as CSV in UTF-8. Raises what `page` does, first of all before the first piece."""
        question = msgspec.structs.replace(question, task="export")
        async with self._turn(self._exports), self._reader() as reader:
            deadline = asyncio.get_running_loop().time() + self._bounds.export_s
            pieces = reader.answer(question, source, max_read_bytes=None)
            try:
                while (piece := await _next(pieces, deadline)) is not None:
                    yield piece
            except TimeoutError as error:
                raise TooLarge(f"The export takes more than {self._bounds.export_s:g} s. {WAY_OUT}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the reader that waits for a question. Those that answer one end with who asked."""
        self._drop_spare()
        await asyncio.gather(*self._closing)

    async def _answer(self, question: TableQuestion, source: Source) -> bytes:
        answer = bytearray()
        async with self._turn(self._slots), self._reader() as reader:
            try:
                async with asyncio.timeout(self._bounds.answer_s):
                    async for piece in reader.answer(question, source, max_read_bytes=self._bounds.read_bytes):
                        answer += piece
                        if len(answer) > _MAX_ANSWER_BYTES:
                            raise TooLarge(f"The answer has more than {_MAX_ANSWER_BYTES} bytes. {WAY_OUT}")
            except TimeoutError as error:
                raise TooLarge(
                    f"The answer takes more than the {self._bounds.answer_s:g} s that a preview may. {WAY_OUT}"
                ) from error
        return bytes(answer)

    @contextlib.asynccontextmanager
    async def _turn(self, slots: asyncio.Semaphore) -> AsyncIterator[None]:
        if self._waiting >= self._bounds.waiting:
            raise TooManyRequests("Too many previews are being read; try again soon.", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            await slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            slots.release()

    @contextlib.asynccontextmanager
    async def _reader(self) -> AsyncIterator[Reader]:
        """A reader, and the next one made ready in the meantime."""
        reader = await self._take_spare() or await Reader.start()
        self._keep_spare()
        try:
            yield reader
        finally:
            await reader.close()

    async def _take_spare(self) -> Reader | None:
        """The reader that was made ready, unless something has ended it."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            reader = await spare
        except Unavailable:
            return None
        if reader.is_alive:
            return reader
        await reader.close()
        return None

    def _keep_spare(self) -> None:
        if not self._bounds.spare_s:
            return
        self._spare = self._spare or asyncio.create_task(Reader.start())
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(self._bounds.spare_s, self._drop_spare)

    def _drop_spare(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        spare, self._spare, self._expiry = self._spare, None, None
        if spare is not None:
            task = asyncio.create_task(_close(spare))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _next(pieces: AsyncIterator[bytes], deadline: float) -> bytes | None:
    """Without holding a time limit over what the receiver does between two pieces."""
    async with asyncio.timeout_at(deadline):
        return await anext(pieces, None)


async def _close(spare: asyncio.Task[Reader]) -> None:
    spare.cancel()
    with contextlib.suppress(asyncio.CancelledError, Unavailable):
        await (await spare).close()


def _require_paging(question: TableQuestion) -> None:
    if not 0 <= question.limit <= MAX_ROWS:
        raise BadRequest(f"limit must be from 0 to {MAX_ROWS}.")
    if not 0 <= question.offset < 2**62:
        raise BadRequest("offset must not be negative.")


def _decoded(answer: bytes, kind: type[T]) -> T:
    """What a reader says is checked like a request: it may have been taken over."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PreviewFailed("The reader of this object gives no answer: the object is made to do harm.") from error
