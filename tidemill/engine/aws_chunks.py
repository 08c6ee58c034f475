r"""Bodies in chunks (`Content-Encoding: aws-chunked`): read piece by piece, the signature of each chunk checked.

    <size in hex>[;chunk-signature=<signature>]\r\n<bytes>\r\n … 0[;chunk-signature=<signature>]\r\n
    [<trailer>:<value>\r\n …][x-amz-trailer-signature:<signature>\r\n]\r\n

Bytes are given out before the signature of their chunk was checked, so whoever takes them must be able to take all of
it back until the end was reached.
"""

import hashlib
import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from tidemill.engine import sigv4
from tidemill.engine.s3_faults import S3Fault
from tidemill.engine.sigv4_claims import Claim, compare_signatures

_MAX_LINE_BYTES: Final = 1024
_MAX_TRAILERS: Final = 10
_MAX_CHUNK_BYTES: Final = 5 * 1024**3
_HEAD: Final = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER: Final = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]*+([\x20-\x7e]*)")
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"


class ChunkSignatures:
    """The chain of signatures of one body: each chunk's holds that of the one before, the first that of the request."""

    def __init__(self, claim: Claim, key: bytes) -> None:
        self._claim = claim
        self._key = key
        self._previous = claim.signature

    def check_chunk(self, signature: str, sha256: str) -> None:
        """Raises S3Fault where it is not that of the next chunk."""
        text = sigv4.chunk_to_sign(self._claim.moment, self._claim.scope, previous=self._previous, sha256=sha256)
        self._check(signature, text)

    def check_trailer(self, signature: str, sha256: str) -> None:
        """Raises S3Fault where it is not that of the trailer."""
        text = sigv4.trailer_to_sign(self._claim.moment, self._claim.scope, previous=self._previous, sha256=sha256)
        self._check(signature, text)

    def _check(self, signature: str, text: str) -> None:
        self._previous = sigv4.signature(self._key, text)
        compare_signatures(self._previous, signature)


class _Expecting(Enum):
    HEAD = auto()
    BYTES = auto()
    END_OF_BYTES = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkReader:
    """Takes a body as it arrives and gives what it carries.

    Attributes:
        trailers: name in lower case -> value; complete once `is_complete`.
    """

    def __init__(self, *, signatures: ChunkSignatures | None, has_trailer: bool, declared: Iterable[str] = ()) -> None:
        """`declared`: the names that the trailer may have, in lower case. `signatures` is None for unsigned chunks."""
        self.trailers: dict[str, str] = {}
        self._signatures = signatures
        self._has_trailer = has_trailer
        self._declared = frozenset(declared)
        self._expecting = _Expecting.HEAD
        self._line = bytearray()
        self._left = 0
        self._signature = ""
        self._sha256 = hashlib.sha256()
        self._signed_trailer = b""
        self._trailer_signature = ""

    @property
    def is_complete(self) -> bool:
        """Whether the last line was read and all signatures are good."""
        return self._expecting is _Expecting.NOTHING

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The next piece of the body as it was sent; what it carries.

        Raises:
            S3Fault: it is malformed, or a signature is wrong.
        """
        position = 0
        while position < len(data):
            if self._expecting is _Expecting.BYTES:
                piece = data[position : position + self._left] if position or self._left < len(data) else data
                position += len(piece)
                self._took(piece)
                yield piece
            else:
                position = self._read_line(data, position)

    def _took(self, piece: bytes) -> None:
        if self._signatures is not None:
            self._sha256.update(piece)
        self._left -= len(piece)
        if self._left == 0:
            self._expecting = _Expecting.END_OF_BYTES

    def _read_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end + 1
        self._line += data[position:stop]
        if len(self._line) > _MAX_LINE_BYTES:
            raise _malformed("a line between chunks is too long")
        if end >= 0:
            line = bytes(self._line)
            self._line.clear()
            self._take_line(line.removesuffix(b"\n").removesuffix(b"\r"))
        return stop

    def _take_line(self, line: bytes) -> None:
        match self._expecting:
            case _Expecting.HEAD:
                self._take_head(line)
            case _Expecting.END_OF_BYTES:
                if line:
                    raise _malformed("a chunk is longer than it says")
                self._end_chunk()
                self._expecting = _Expecting.HEAD
            case _Expecting.TRAILER:
                self._take_trailer(line)
            case _:
                raise _malformed("there is more behind its end")

    def _take_head(self, line: bytes) -> None:
        found = _HEAD.fullmatch(line)
        if found is None or (found[2] is None) is not (self._signatures is None):
            raise _malformed("a chunk does not begin with its size" + (" and signature" if self._signatures else ""))
        self._left = int(found[1], 16)
        self._signature = (found[2] or b"").decode()
        if self._left > _MAX_CHUNK_BYTES:
            raise S3Fault("EntityTooLarge")
        self._expecting = _Expecting.BYTES if self._left else _Expecting.TRAILER
        if self._left == 0:
            self._end_chunk()

    def _end_chunk(self) -> None:
        if self._signatures is not None:
            self._signatures.check_chunk(self._signature, self._sha256.hexdigest())
            self._sha256 = hashlib.sha256()

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self._end()
            return
        found = _TRAILER.fullmatch(line)
        if found is None or not self._has_trailer or len(self.trailers) >= _MAX_TRAILERS or self._trailer_signature:
            raise _malformed("its trailer is not of the expected form")
        name, value = found[1].decode().lower(), found[2].decode().strip()
        if name == _TRAILER_SIGNATURE:
            self._trailer_signature = value
            return
        if name not in self._declared or name in self.trailers:
            raise _malformed(f"the trailer {name!r} was not announced by x-amz-trailer")
        self.trailers[name] = value
        self._signed_trailer += f"{name}:{value}\n".encode()

    def _end(self) -> None:
        if self._declared - set(self.trailers):
            raise _malformed("a trailer that x-amz-trailer announces is missing")
        if self._signatures is not None and self._has_trailer:
            sha256 = hashlib.sha256(self._signed_trailer).hexdigest()
            self._signatures.check_trailer(self._trailer_signature, sha256)
        self._expecting = _Expecting.NOTHING


def _malformed(why: str) -> S3Fault:
    return S3Fault("InvalidRequest", f"The body is not as aws-chunked has it: {why}.")
