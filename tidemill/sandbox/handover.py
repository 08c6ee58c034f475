"""A job as it is handed to a parked interpreter: a memory file that holds the job first, and its results after it.

`inside/parking.py` is the other side and describes the file. What comes back was written by the job.
"""

import json
import os
from collections.abc import Collection, Mapping
from typing import Final

from tidemill.sandbox.work import check_size

_MOST_RESULTS: Final = 16
_LONGEST_LINE: Final = 256
_LARGE_BYTES: Final = 256 * 1024
"""Up to here the pieces of a job are put together to be written at once."""


def pack(env: Mapping[str, str], files: Mapping[str, bytes], *, hurry: bool = False) -> int:
    """A new memory file with the job; its descriptor. `hurry`: it is to say when it is done, before it ends."""
    about = {"env": dict(env), "files": {name: len(content) for name, content in files.items()}}
    head = json.dumps(about | {"hurry": True} if hurry else about).encode()
    memory = os.memfd_create("job", os.MFD_CLOEXEC)
    try:
        pieces = [len(head).to_bytes(4, "big"), head, *files.values()]
        for piece in pieces if sum(map(len, pieces)) > _LARGE_BYTES else [b"".join(pieces)]:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(memory, rest) :]
    except BaseException:
        os.close(memory)
        raise
    return memory


def results(memory: int, names: Collection[str], *, max_bytes: int) -> dict[str, bytes]:
    """Those of `names` that the job has put there, the last of each; what is not as it should be ends the search.

    Raises:
        TooLarge: one has more than `max_bytes` bytes.
    """
    found: dict[str, bytes] = {}
    at, end = 0, os.fstat(memory).st_size
    for _ in range(_MOST_RESULTS):
        line, newline, _ = os.pread(memory, _LONGEST_LINE, at).partition(b"\n")
        name, _, size_text = line.partition(b" ")
        if not newline or not size_text.isdigit():
            break
        size, key = int(size_text), name.decode(errors="replace")
        at += len(line) + 1
        if at + size > end:
            break
        if key in names:
            check_size(size, max_bytes)
            found[key] = os.pread(memory, size, at)
        at += size
    return found
