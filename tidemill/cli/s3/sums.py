"""Files in pieces and parts, and the ETag that an object gets from them."""

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Final

from tidemill.cli.s3.places import local_errors
from tidemill.stores.objects.checks import multipart_etag
from tidemill.stores.objects.port import MAX_PARTS

WHOLE_BYTES: Final = 8 * 1024 * 1024
"""What is larger goes in parts."""
_PART_BYTES: Final = 16 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024


def part_bytes_of(size_bytes: int) -> int:
    """How large the parts of a file are made: so that there are never too many."""
    return max(_PART_BYTES, -(-size_bytes // MAX_PARTS))


def pieces_of(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from `start` up to `end` (exclusive); fewer where it is shorter."""
    with local_errors(path), path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end and (piece := file.read(min(_PIECE_BYTES, end - start))):
            start += len(piece)
            yield piece


def etag_of(path: Path, size_bytes: int) -> str:
    """As S3 makes it of an upload of ours: the MD5 of the bytes, or that of the MD5s of the parts."""
    if size_bytes <= WHOLE_BYTES:
        return _md5(path, 0, size_bytes)
    step = part_bytes_of(size_bytes)
    return multipart_etag([_md5(path, start, start + step) for start in range(0, size_bytes, step)])


def _md5(path: Path, start: int, end: int) -> str:
    digest = md5(usedforsecurity=False)
    for piece in pieces_of(path, start, end):
        digest.update(piece)
    return digest.hexdigest()
