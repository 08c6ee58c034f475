"""An evaluator: gets ready, gives up all that it does not need, answers one question after the other."""

import socket
import sys
from typing import Final

import msgspec

from tidemill.engine.expressions import javascript
from tidemill.engine.expressions.javascript import Touched
from tidemill.evaluators.messages import READY, Evaluation, Question, framed, receive_blocking
from tidemill.model.errors import ExpressionFailed
from tidemill.sandbox.confinement import confine, die_with_parent

MORE_MEMORY_BYTES: Final = 1 << 30
CPU_S: Final = 600
"""In its whole life."""


def main() -> None:
    """Serve the socket whose descriptor is the argument."""
    die_with_parent()
    sock = socket.socket(fileno=int(sys.argv[1]))
    _answer(
        msgspec.msgpack.encode(Question(mode="value", expression="[1].map((x) => x)[0] + 1"))
    )  # loads what it needs
    confine(keep=(2, sock.fileno()), more_memory_bytes=MORE_MEMORY_BYTES, cpu_s=CPU_S)
    sock.sendall(framed(READY))
    try:
        while True:
            sock.sendall(framed(_answer(receive_blocking(sock.recv))))
    except EOFError:
        return


def _answer(body: bytes) -> bytes:
    try:
        answer = _evaluated(msgspec.msgpack.decode(body, type=Question))
    except ExpressionFailed as error:
        answer = Evaluation(failed=str(error))
    except MemoryError:
        answer = Evaluation(failed="It needs too much memory; take only the part of a value that is needed.")
    return msgspec.msgpack.encode(answer)


def _evaluated(question: Question) -> Evaluation:
    if question.mode == "parse":
        javascript.check_syntax(question.expression)
        return Evaluation(value=b"null")
    found = javascript.run(
        question.expression, dict(question.given), names=list(question.names), limits=question.limits
    )
    return Evaluation(touched=found) if isinstance(found, Touched) else Evaluation(value=found)


if __name__ == "__main__":
    main()
