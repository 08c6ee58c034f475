"""What an evaluator and its worker say to each other over a socket: a length, and that many bytes of MessagePack."""

import struct
from collections.abc import Callable
from typing import Final

import msgspec

from tidemill.engine.expressions.javascript import Given, Limits, Mode, Touched
from tidemill.engine.expressions.need import Large, Need
from tidemill.model.errors import ExpressionFailed

HEADER: Final = struct.Struct("!I")
READY: Final = b"ready"
MAX_ANSWER_BYTES: Final = 512 << 20
_NO_TEXT: Final = "It has half of a surrogate pair, which is no text."


class Question(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One evaluation, as `engine/expressions/javascript.py` takes it."""

    mode: Mode
    expression: str
    given: tuple[tuple[Need, bytes | Large | None], ...] = ()
    names: tuple[str, ...] = ()
    limits: Limits = Limits()


def question_of(expression: str, given: Given, *, names: list[str], limits: Limits) -> Question:
    """What `javascript.run` is called with, as a question."""
    return Question(mode="value", expression=expression, given=tuple(given.items()), names=tuple(names), limits=limits)


class Evaluation(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What came of it: `value` as JSON text, what was `touched` and is not known, or why it `failed`."""

    value: bytes | None = None
    touched: Touched | None = None
    failed: str | None = None

    def told(self) -> bytes | Touched:
        """The value, or what was touched.

        Raises:
            ExpressionFailed: it failed.
        """
        if self.touched is not None:
            return self.touched
        if self.value is None:
            raise ExpressionFailed(self.failed or "It gives nothing.")
        return self.value


class Garbled(Exception):
    """What came is no message."""


def ask(question: Question) -> bytes:
    """A question as it goes over the socket.

    Raises:
        ExpressionFailed: a text in it is none.
    """
    try:
        return framed(msgspec.msgpack.encode(question))
    except UnicodeEncodeError as error:
        raise ExpressionFailed(_NO_TEXT) from error


def framed(body: bytes) -> bytes:
    """A message as it goes over the socket."""
    return HEADER.pack(len(body)) + body


def read_evaluation(body: bytes) -> Evaluation:
    """An answer. It was written by a process that user code may have got hold of.

    Raises:
        Garbled: it is none.
    """
    try:
        return msgspec.msgpack.decode(body, type=Evaluation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled from error


def receive_blocking(receive: Callable[[int], bytes]) -> bytes:
    """The next message, from a function that gives some of so many bytes.

    Raises:
        EOFError: the other side is gone.
    """

    def exactly(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            got = receive(min(size - len(data), 1 << 20))
            if not got:
                raise EOFError
            data += got
        return bytes(data)

    return exactly(HEADER.unpack(exactly(HEADER.size))[0])
