"""What a job's end means: its result, or how it failed."""

from typing import Final

from tidemill.db import queue
from tidemill.languages.port import ProgramLanguage
from tidemill.model import jsontext
from tidemill.model.errors import InvalidJson, TooLarge
from tidemill.model.job import EndReason
from tidemill.sandbox.port import Exit, ExitReason

ERROR: Final = "error.json"
"""Where a Python job leaves what it raised."""
NULL: Final = b"null"
_SHOWN_CHARS: Final = 500


class JobFailed(Exception):
    """Ends an attempt as a failure; `result` is the JSON that clients see."""

    def __init__(self, reason: EndReason, name: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.result = queue.error_result(name, message).raw


def result_of(ended: Exit, language: ProgramLanguage, *, streamed: bytes, last_line: bytes, max_bytes: int) -> bytes:
    """The JSON that a job returned. `streamed` is what it sent as its result.

    Raises:
        JobFailed: it raised, broke a limit, was killed, or left something that is no JSON we keep faithfully.
    """
    if ended.reason is not ExitReason.FINISHED:
        reason, name = _EXITS.get(ended.reason, (EndReason.LIMIT, "LimitReached"))
        raise JobFailed(reason, name, ended.message)
    if ERROR in ended.files:
        failure = JobFailed(EndReason.ERROR, "ExecutionErr", "")
        failure.result = b'{"error":' + _checked(ended.files[ERROR], max_bytes) + b"}"
        raise failure
    if ended.code != 0:
        how = f"code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
        last = last_line.decode(errors="replace")[:_SHOWN_CHARS]
        raise JobFailed(
            EndReason.ERROR,
            "ExecutionErr",
            f"The script ended with exit {how}." + (f" Its last line was: {last}" if last else ""),
        )
    result = language.result(ended.files)
    if result is None:
        raise JobFailed(EndReason.ERROR, "NoResult", "The script ended without a result, perhaps by os._exit.")
    if streamed and result.strip() == NULL:
        return jsontext.dumps(streamed.decode(errors="replace"))
    return _checked(result, max_bytes)


_EXITS: Final = {
    ExitReason.OUT_OF_MEMORY: (EndReason.OUT_OF_MEMORY, "OutOfMemory"),
    ExitReason.TOO_MANY_PROCESSES: (EndReason.LIMIT, "TooManyProcesses"),
    ExitReason.FILE_TOO_LARGE: (EndReason.LIMIT, "FileTooLarge"),
    ExitReason.DISK_FULL: (EndReason.LIMIT, "DiskFull"),
    ExitReason.CPU_TIME: (EndReason.LIMIT, "CpuTime"),
    ExitReason.LOST: (EndReason.WORKER_LOST, "WorkerLost"),
    ExitReason.KILLED: (EndReason.ERROR, "Killed"),
}


def _checked(raw: bytes, max_bytes: int) -> bytes:
    try:
        jsontext.check(raw, max_bytes=max_bytes)
    except (InvalidJson, TooLarge) as error:
        raise JobFailed(EndReason.LIMIT, type(error).__name__, f"The result cannot be kept: {error}") from error
    return raw
