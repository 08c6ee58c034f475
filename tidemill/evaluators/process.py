"""One evaluator as its worker sees it: started, asked again and again, killed when it takes too long."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from typing import Final

from tidemill.engine.expressions.javascript import Limits
from tidemill.evaluators.messages import (
    HEADER,
    MAX_ANSWER_BYTES,
    READY,
    Evaluation,
    Garbled,
    read_evaluation,
    receive_blocking,
)
from tidemill.model.errors import ExpressionFailed, Unavailable

AT_ONCE_BYTES: Final = 64 * 1024
"""A question up to this size fits into the buffer of the socket, so that sending it takes no time."""
_MODULE: Final = "tidemill.evaluators.inside"
_START_S: Final = 60.0
_GRACE_S: Final = 0.5
"""Processor time beyond what the engine itself allows: then it does not keep to it."""
_MOST_S: Final = 10.0
"""And so long at most altogether, on a machine that is busy with other things."""
_LOOK_S: Final = 0.1
_PIECE: Final = 256 * 1024


class Evaluator:
    """Make it, wait for it with `get_ready`, and `close` it. It answers one question at a time, and blocks."""

    def __init__(self) -> None:
        """Begin to start it. It ends with the thread that calls this."""
        self._socket, theirs = socket.socketpair()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * AT_ONCE_BYTES)
        nowhere = subprocess.DEVNULL
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", _MODULE, str(theirs.fileno())],
                stdin=nowhere, stdout=nowhere, stderr=nowhere, env={}, cwd="/", pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        self._inbox = bytearray()
        self.asked = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def get_ready(self) -> None:
        """Wait until it has given up all that it does not need.

        Raises:
            Unavailable: it does not start.
        """
        self._socket.settimeout(_START_S)
        try:
            is_ready = receive_blocking(self._socket.recv) == READY
        except (OSError, EOFError):
            is_ready = False
        if not is_ready:
            self.close()
            raise Unavailable("The process that evaluates expressions does not start; the host may be out of memory.")

    def ask(self, question: bytes, *, limits: Limits) -> Evaluation:
        """The answer to a question of any size.

        Raises:
            ExpressionFailed: it took too long, or ended the evaluator, which is closed then.
        """
        self._socket.settimeout(_MOST_S)
        self.asked += 1
        try:
            self._socket.sendall(question)
        except OSError as error:
            raise self._ended() from error
        return self.finish(limits=limits)

    def ask_at_once(self, question: bytes, *, wait_s: float) -> Evaluation | None:
        """The answer to a question of at most `AT_ONCE_BYTES`, if it comes within `wait_s`; else `finish` brings it.

        Raises:
            ExpressionFailed: it ended the evaluator, which is closed then.
        """
        self._socket.settimeout(wait_s)
        self.asked += 1
        try:
            self._socket.sendall(question)
            return self._received()
        except TimeoutError:
            return None
        except OSError as error:
            raise self._ended() from error

    def finish(self, *, limits: Limits) -> Evaluation:
        """The answer to what was asked. Raises what `ask` does."""
        before_s, give_up_at = self.cpu_s(), time.monotonic() + _MOST_S
        self._socket.settimeout(_LOOK_S)
        while True:
            try:
                return self._received()
            except TimeoutError as error:
                is_over = self.cpu_s() - before_s > limits.time_s + _GRACE_S
                if is_over or time.monotonic() > give_up_at:
                    self.close()
                    raise ExpressionFailed(f"It took more than {limits.time_s:g} s.") from error
            except OSError as error:
                raise self._ended() from error

    def close(self) -> None:
        """End the process, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._socket.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def _received(self) -> Evaluation:
        """The next answer; what has come of it stays over a timeout."""
        while (size := self._size()) is None or len(self._inbox) < HEADER.size + size:
            piece = self._socket.recv(_PIECE)
            if not piece:
                raise ConnectionResetError
            self._inbox += piece
        body, self._inbox = bytes(self._inbox[HEADER.size :]), bytearray()
        try:
            return read_evaluation(body if len(body) == size else b"")
        except Garbled as error:
            raise ConnectionResetError from error

    def _size(self) -> int | None:
        if len(self._inbox) < HEADER.size:
            return None
        size: int = HEADER.unpack_from(self._inbox)[0]
        if size > MAX_ANSWER_BYTES:
            raise ConnectionResetError
        return size

    def cpu_s(self) -> float:
        """Processor time that it has used; 0.0 where that cannot be told."""
        if sys.platform != "linux":
            return 0.0
        try:
            return time.clock_gettime((~self._process.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
        except OSError:
            return 0.0

    def _ended(self) -> ExpressionFailed:
        self.close()
        code = self._process.returncode
        how = f" ({signal.Signals(-code).name})" if code < 0 and code != -signal.SIGKILL else ""
        return ExpressionFailed(
            f"It ended the process that evaluates it{how}: it is made to do harm, or needs too much memory."
        )
