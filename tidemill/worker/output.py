"""What a running job prints: lines go to its log, `WM_STREAM:` lines to its result stream; masked, capped, batched."""

import asyncio
import codecs
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from tidemill.db import queue
from tidemill.db.pool import Statements
from tidemill.db.queue import ClaimedJob
from tidemill.engine.masking import MASK, Masker
from tidemill.model.errors import Unavailable

T = TypeVar("T")

STREAM_MARKER: Final = b"WM_STREAM: "
_STEP_MARKER: Final = b"WM_WAC_STEP: "
_BATCH_BYTES: Final = 256 * 1024
_EAGER_FLUSHES: Final = 8
_EAGER_S: Final = 0.2
_STEADY_S: Final = 0.9
_PAUSE_S: Final = 0.5
_LAST_LINE_BYTES: Final = 1024 * 1024

NewSecrets = Callable[[], Awaitable[list[bytes]]]
"""The secrets that the job was given since the last call."""


class Output:
    """Takes a job's output in pieces and writes it in batches: soon at first, then about once a second.

    A secret that the job reads is recorded before the job gets it, and asked for before a batch is written: so what it
    prints of it is masked, however fast it is.

    Attributes:
        lost: the lease is gone; nothing more is written.
        of_workflow: the client tells in lines of its own which step begins; they are no part of the log.
        last_line: the last line that was printed, without its end.
    """

    def __init__(
        self,
        statements: Statements,
        job: ClaimedJob,
        *,
        secrets: list[bytes],
        new_secrets: NewSecrets,
        max_bytes: int,
        patience_s: float,
    ) -> None:
        """`patience_s`: how long to try again while the database is away, before giving up with `Unavailable`."""
        self._statements = statements
        self._job = job
        self._new_secrets = new_secrets
        self._masker = Masker(secrets)
        self._room = max_bytes
        self._cut = 0
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._line = b""
        self._log = bytearray()
        self._stream = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._ends: tuple[int, int] | None = None if job.attempt > 1 else (0, 0)
        self._flushing = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._flushes = 0
        self._is_continued = False
        self._warned = False
        self.lost = False
        self.of_workflow = False
        self.last_line = b""
        self.streamed = bytearray()

    def go_on_at(self, ends: tuple[int, int]) -> None:
        """The log and the stream of the job end there, in UTF-16 units; nothing was written yet."""
        self._ends = ends

    async def take(self, chunk: bytes) -> None:
        """One more piece of output. Returns late when the database cannot keep up, so that the job is slowed down."""
        lines = (self._line + chunk).split(b"\n")
        self._line = lines.pop()
        for line in lines:
            self._take_line(line + b"\n")
        if self._line and not self._may_be_marked(self._line):
            self._take_part(self._line)
            self._line = b""
        self._arrived.set()
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._keep_flushing())
        if len(self._log) + len(self._stream) > _BATCH_BYTES:
            await self.flush()

    def _may_be_marked(self, line: bytes) -> bool:
        """Whether the beginning of a line could be that of one that is not for the log."""
        markers = (STREAM_MARKER, _STEP_MARKER) if self.of_workflow else (STREAM_MARKER,)
        return any(marker.startswith(line[: len(marker)]) for marker in markers)

    def _take_part(self, part: bytes) -> None:
        """The beginning or a further piece of a line that has not ended yet."""
        self.last_line = ((self.last_line if self._is_continued else b"") + part)[-_LAST_LINE_BYTES:]
        self._is_continued = True
        self._write(part)

    def _take_line(self, line: bytes) -> None:
        if not self._is_continued and line.startswith(STREAM_MARKER):
            piece = line[len(STREAM_MARKER) : -1].replace(b"\\n", b"\n")
            self._stream += piece
            self.streamed += piece
            return
        if self.of_workflow and not self._is_continued and line.startswith(_STEP_MARKER):
            return
        text = line.rstrip(b"\r\n")
        self.last_line = ((self.last_line if self._is_continued else b"") + text)[-_LAST_LINE_BYTES:]
        self._is_continued = False
        self._write(line)

    def _write(self, text: bytes) -> None:
        if self._room >= len(text):
            self._room -= len(text)
            self._log += text
            return
        if not self._cut:
            self._log += text[: self._room] + self._cut_marker()
        self._cut += len(text)
        self._room = 0

    def _cut_marker(self) -> bytes:
        return (
            f"\n[tidemill] The log is cut here: it has more than {self._max_bytes} bytes (TIDEMILL_MAX_LOG_BYTES).\n"
        ).encode()

    def say(self, sentence: str) -> None:
        """A line of our own in the log of the job."""
        self._log += f"[tidemill] {sentence}\n".encode()
        self._arrived.set()

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Write batches during the block, soon at first, then about once a second. Costs nothing without output."""
        try:
            yield
        finally:
            self._closing.set()
            self._arrived.set()
            if self._flusher is not None:
                await self._flusher

    async def _keep_flushing(self) -> None:
        while not self.lost and not self._closing.is_set():
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EAGER_S if self._flushes < _EAGER_FLUSHES else _STEADY_S):
                    await self._closing.wait()
                    return  # whoever closes writes the rest
            self._arrived.clear()
            await self.flush()

    def end(self) -> None:
        """No more output comes: what waits for the end of its line is one."""
        if self._line:
            self._take_line(self._line + (b"\n" if self._line.startswith(STREAM_MARKER) else b""))
            self._line = b""

    async def flush(self, *, final: bool = False) -> None:
        """Write what has come. `final`: also what waits for the end of a secret; the job has ended, and all that it
        read was learned (`learn_secrets`) after that."""
        async with self._flushing:
            if final:
                self.end()
            # Taken before the question: what is printed meanwhile may hold a secret that the answer does not know.
            log, self._log = bytes(self._log), bytearray()
            stream, self._stream = bytes(self._stream), bytearray()
            if not final and (log or stream):
                await self.learn_secrets()
            masked = self._masker.feed(log) + (self._masker.flush() if final else b"")
            text = self._decoder.decode(masked, final).replace("\x00", "\N{SYMBOL FOR NULL}")
            await self._append(text, stream=False, live=not final)
            if stream:
                await self._append(
                    self.mask(stream).decode(errors="replace").replace("\x00", "␀"), stream=True, live=not final
                )
            if text or stream:
                self._flushes += 1

    @property
    def is_written(self) -> bool:
        """Whether all that was printed is in the log: then nothing is left in which a secret could be."""
        return not (self._line or self._log or self._stream or self._masker.holds)

    def remember(self, secrets: list[bytes]) -> None:
        """Mask `secrets` from now on."""
        for secret in secrets:
            self._masker.add(secret)

    async def learn_secrets(self) -> None:
        """Mask what the job has read meanwhile."""
        self.remember(await self._insist(self._new_secrets))
        if self._masker.unmaskable and not self._warned:
            self._warned = True
            self.say(f"{len(self._masker.unmaskable)} secret(s) have fewer than 8 characters and are not masked.")

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, tried again while the database is away: what a job did is not lost over a restart."""
        give_up_at = asyncio.get_running_loop().time() + self._patience_s
        while True:
            try:
                return await work()
            except Unavailable:
                if self.lost or asyncio.get_running_loop().time() > give_up_at:
                    raise
                await asyncio.sleep(_PAUSE_S)

    async def _append(self, text: str, *, stream: bool, live: bool) -> None:
        if not text or self.lost:
            return
        if self._ends is None:
            self._ends = await queue.log_ends(self._statements, self._job.id)
        start = self._ends[int(stream)]
        units = await self._insist(
            lambda: queue.append_log(self._statements, self._job, text, start_unit=start, stream=stream, live=live)
        )
        if units is None:
            self.lost = True
            return
        self._ends = (self._ends[0], start + units) if stream else (start + units, self._ends[1])

    def mask(self, text: bytes) -> bytes:
        """`text` with all secrets masked that the job has read so far."""
        return self._masker.mask_whole(text)

    def mask_result(self, raw: bytes) -> bytes:
        """A result with the job's secrets masked; the log says so when there were any."""
        masked = self.mask(raw)
        if masked != raw:
            self.say(f"A secret was replaced by {MASK.decode()} in the result.")
        return masked
