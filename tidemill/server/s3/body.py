"""The body of a request: unpacked from its chunks, and compared with every checksum that came along, as it passes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from tidemill.engine import checksums, sigv4
from tidemill.engine.aws_chunks import ChunkReader, ChunkSignatures
from tidemill.engine.checksums import ALGORITHMS, HEADER, Checksum
from tidemill.engine.s3_faults import S3Fault
from tidemill.engine.sigv4_claims import Claim
from tidemill.server.s3 import xml
from tidemill.server.s3.request import S3Request

MAX_OBJECT_BYTES: Final = 5 * 1024**4
_CHUNKED: Final = frozenset({sigv4.STREAMING, sigv4.STREAMING_TRAILER, sigv4.STREAMING_UNSIGNED_TRAILER})
_PIECE_BYTES: Final = 128 * 1024
_HASHED_AT_ONCE_BYTES: Final = 1024 * 1024
"""So much goes to another thread together."""
_HASHED_ASIDE_BYTES: Final = 256 * 1024
"""From here on what is left is worth the way there."""
_BESIDE_CHECKSUMS: Final = frozenset({"x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode"})


@dataclass(slots=True)
class _Promise:
    """A checksum that the body must have. `wanted` is None until the trailer tells it."""

    made: Checksum
    wanted: bytes | None
    fault: str


class _Unhashed:
    """Pieces that no checksum has seen, and how many bytes they have."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size_bytes = 0

    def add(self, piece: bytes) -> int:
        """Keep it; how many bytes there are now."""
        self._pieces.append(piece)
        self.size_bytes += len(piece)
        return self.size_bytes

    def take(self) -> list[bytes]:
        """All there are, which are then not there any more."""
        taken, self._pieces, self.size_bytes = self._pieces, [], 0
        return taken


@dataclass(slots=True)
class Body:
    """The body of one request; iterate it once.

    Attributes:
        size_bytes: as it was announced; None where it was not.
        checksums: algorithm -> value in base64 of those that the client sent. Those of a trailer are there in the end.
        sha256: of what is carried, in hex; "" where the client signed none.
        is_whole: whether it was read to its end, and found to be what the client promised.
    """

    request: S3Request
    size_bytes: int | None
    reader: ChunkReader | None
    trailer: str
    promises: list[_Promise]
    checksums: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    is_whole: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body.

        Raises:
            S3Fault: it is shorter or longer than announced, malformed, or not what the checksums are of.
        """
        taken = 0
        hashing: asyncio.Future[None] | None = None
        unhashed = _Unhashed()
        async for piece in self._gathered():
            taken += len(piece)
            if taken > (MAX_OBJECT_BYTES if self.size_bytes is None else self.size_bytes):
                raise S3Fault("InvalidRequest", "The body is longer than was announced.")
            if unhashed.add(piece) >= _HASHED_AT_ONCE_BYTES:
                if hashing is not None:
                    await hashing
                hashing = self._hash(unhashed.take())
            yield piece
        if hashing is not None:
            await hashing
        await self._hash_rest(unhashed)
        if self.size_bytes is not None and taken != self.size_bytes:
            raise S3Fault("IncompleteBody")
        self._keep_promises()
        self.is_whole = True

    def _hash(self, pieces: list[bytes]) -> "asyncio.Future[None] | None":
        """Much is hashed in a thread, while others have their turn and the pieces are on their way already."""
        if not self.promises:
            return None
        return asyncio.get_running_loop().run_in_executor(None, self._update, pieces)

    async def _hash_rest(self, unhashed: _Unhashed) -> None:
        if unhashed.size_bytes < _HASHED_ASIDE_BYTES:
            self._update(unhashed.take())
        elif (hashing := self._hash(unhashed.take())) is not None:
            await hashing

    def _update(self, pieces: list[bytes]) -> None:
        for promise in self.promises:
            for piece in pieces:
                promise.made.update(piece)

    async def _gathered(self) -> AsyncIterator[bytes]:
        """Small pieces put together, so that nobody behind has to handle many; large ones as they are."""
        gathered: list[bytes] = []
        size = 0
        async for piece in self._carried():
            if len(piece) >= _PIECE_BYTES and not gathered:
                yield piece
                continue
            gathered.append(piece)
            size += len(piece)
            if size >= _PIECE_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)

    async def _carried(self) -> AsyncIterator[bytes]:
        async for piece in received(self.request):
            if self.reader is None:
                yield piece
            else:
                for carried in self.reader.feed(piece):
                    yield carried
        if self.reader is not None and not self.reader.is_complete:
            raise S3Fault("IncompleteBody")

    def _keep_promises(self) -> None:
        if self.reader is not None and self.trailer:
            self.checksums[self.trailer] = self.reader.trailers[HEADER + self.trailer]
            self.promises[-1].wanted = _parsed(self.trailer, self.checksums[self.trailer])
        for promise in self.promises:
            if promise.made.digest() != promise.wanted:
                raise S3Fault(promise.fault)


def body_of(request: S3Request, claim: Claim, key: bytes) -> Body:
    """The body of a request that was signed by `claim` with `key`.

    Raises:
        S3Fault: what its headers say of it cannot be.
    """
    is_chunked = claim.payload in _CHUNKED
    promises, sha256 = [], ""
    if not is_chunked and claim.payload != sigv4.UNSIGNED:
        sha256 = claim.payload.lower()
        promises.append(_Promise(hashlib.sha256(), bytes.fromhex(claim.payload), "XAmzContentSHA256Mismatch"))
    if (md5 := request.headers.get("content-md5")) is not None:
        promises.append(_md5_promise(md5))
    sent = _sent_checksums(request)
    promises += [_Promise(ALGORITHMS[name](), _parsed(name, value), "BadDigest") for name, value in sent.items()]
    trailer = _trailer(request) if is_chunked and claim.payload != sigv4.STREAMING else ""
    reader = None
    if is_chunked:
        signatures = None if claim.payload == sigv4.STREAMING_UNSIGNED_TRAILER else ChunkSignatures(claim, key)
        declared = [HEADER + trailer] if trailer else []
        reader = ChunkReader(signatures=signatures, has_trailer=claim.payload != sigv4.STREAMING, declared=declared)
    if trailer:
        promises.append(_Promise(ALGORITHMS[trailer](), None, "BadDigest"))
    if len(sent) + bool(trailer) > 1:
        raise S3Fault("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    return Body(request, _size(request, is_chunked=is_chunked), reader, trailer, promises, sent, sha256)


async def read_small(body: Body, limit: int = xml.MAX_BYTES) -> bytes:
    """All of a body that is XML or the like.

    Raises:
        S3Fault: it has more than `limit` bytes.
    """
    pieces, size = [], 0
    async for piece in body:
        size += len(piece)
        if size > limit:
            raise S3Fault("EntityTooLarge")
        pieces.append(piece)
    return b"".join(pieces)


async def received(request: S3Request) -> AsyncIterator[bytes]:
    """The body as it arrives; raises S3Fault where the client goes away before its end."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise S3Fault("IncompleteBody", "The connection was closed before the body was whole.")
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return


def _size(request: S3Request, *, is_chunked: bool) -> int | None:
    name = "x-amz-decoded-content-length" if is_chunked else "content-length"
    given = request.headers.get(name)
    if given is None:
        if is_chunked:
            raise S3Fault("MissingContentLength", f"You must provide the {name} header.")
        return None if "transfer-encoding" in request.headers else 0
    if not given.isascii() or not given.isdigit() or len(given) > 15:
        raise S3Fault("InvalidArgument", f"{name} must be a whole number.")
    if int(given) > MAX_OBJECT_BYTES:
        raise S3Fault("EntityTooLarge")
    return int(given)


def _sent_checksums(request: S3Request) -> dict[str, str]:
    sent = {
        name.removeprefix(HEADER): value
        for name, value in request.headers.items()
        if name.startswith(HEADER) and name not in _BESIDE_CHECKSUMS
    }
    if unknown := sorted(set(sent) - set(ALGORITHMS)):
        raise S3Fault("NotImplemented", f"The checksum {unknown[0][:40]!r} is not supported; use one of {_known()}.")
    return sent


def _trailer(request: S3Request) -> str:
    """The checksum that the trailer will hold, "" for none."""
    name = request.headers.get("x-amz-trailer", "").strip().lower()
    if not name:
        return ""
    algorithm = name.removeprefix(HEADER)
    if algorithm == name or algorithm not in ALGORITHMS:
        raise S3Fault("InvalidRequest", f"x-amz-trailer must name one checksum: {HEADER} with one of {_known()}.")
    return algorithm


def _parsed(name: str, value: str) -> bytes:
    parsed = checksums.parse(name, value)
    if parsed is None:
        raise S3Fault("InvalidRequest", f"Value for {HEADER}{name} header is invalid.")
    return parsed


def _md5_promise(value: str) -> _Promise:
    wanted = checksums.parse_base64(value)
    if wanted is None or len(wanted) != 16:
        raise S3Fault("InvalidDigest")
    return _Promise(hashlib.md5(usedforsecurity=False), wanted, "BadDigest")


def _known() -> str:
    return ", ".join(ALGORITHMS)
