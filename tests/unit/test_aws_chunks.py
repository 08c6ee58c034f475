"""Bodies in chunks: whole at any cut, and refused where a byte or a signature is another."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine import sigv4
from tidemill.engine.aws_chunks import ChunkReader, ChunkSignatures
from tidemill.engine.s3_faults import FAULTS, S3Fault
from tidemill.engine.sigv4 import Scope
from tidemill.engine.sigv4_claims import Claim

SCOPE = Scope("20130524", "us-east-1")
MOMENT = "20130524T000000Z"
KEY = sigv4.signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE)
CLAIM = Claim(
    access_key="AKIAIOSFODNN7EXAMPLE", scope=SCOPE, moment=MOMENT, expires_s=0, signed_names=("host",),
    signature="106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", payload=sigv4.STREAMING_TRAILER,
    token="",
)  # fmt: skip


def signed(chunks: Iterable[bytes], *, trailer: str = "") -> bytes:
    """The body as a client sends it."""
    previous, sent = CLAIM.signature, []
    for chunk in (*chunks, b""):
        text = sigv4.chunk_to_sign(MOMENT, SCOPE, previous=previous, sha256=sha256(chunk).hexdigest())
        previous = sigv4.signature(KEY, text)
        sent.append(
            b"%x;chunk-signature=%s\r\n" % (len(chunk), previous.encode()) + (chunk + b"\r\n" if chunk else b"")
        )
    if trailer:
        hashed = sha256(f"{trailer}\n".encode()).hexdigest()
        signature = sigv4.signature(KEY, sigv4.trailer_to_sign(MOMENT, SCOPE, previous=previous, sha256=hashed))
        sent.append(f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode())
    return b"".join(sent) + b"\r\n"


def unsigned(chunks: Iterable[bytes], *, trailer: str) -> bytes:
    sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return sent + f"0\r\n{trailer}\r\n\r\n".encode()


def reader(*, has_signatures: bool = True, trailer: str = "") -> ChunkReader:
    signatures = ChunkSignatures(CLAIM, KEY) if has_signatures else None
    return ChunkReader(signatures=signatures, has_trailer=bool(trailer), declared=[trailer] if trailer else [])


def read(body: bytes, into: ChunkReader, *, cut: int = 1 << 20) -> bytes:
    pieces = [body[place : place + cut] for place in range(0, len(body), cut)]
    taken = b"".join(bytes(piece) for each in pieces for piece in into.feed(each))
    if not into.is_complete:
        raise S3Fault("IncompleteBody")
    return taken


def refusal(body: bytes, into: ChunkReader, *, cut: int = 1 << 20) -> str:
    try:
        read(body, into, cut=cut)
    except S3Fault as fault:
        return fault.s3_code
    return ""


def test_the_trailer_is_signed_as_in_amazons_example() -> None:
    """The example of "Signature calculations for trailing headers" in Amazon's documentation of S3."""
    body = signed([b"a" * 65536, b"a" * 1024], trailer="x-amz-checksum-crc32c:sOO8/Q==")
    for wanted in (
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ):
        assert wanted in body
    into = reader(trailer="x-amz-checksum-crc32c")
    assert len(read(body, into)) == 66560
    assert into.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.integers(1, 200))
def test_any_cut_gives_the_same(chunks: list[bytes], cut: int) -> None:
    assert read(signed(chunks), reader(), cut=cut) == b"".join(chunks)
    plain = unsigned(chunks, trailer="x-amz-checksum-crc32:AAAAAA==")
    into = reader(has_signatures=False, trailer="x-amz-checksum-crc32")
    assert read(plain, into, cut=cut) == b"".join(chunks)
    assert into.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=1))
def test_another_byte_changes_nothing_or_is_refused(place: int, other: bytes) -> None:
    """It changes nothing where it is in the case of a name or the like, which nobody signs."""
    trailer = "x-amz-checksum-crc32"
    body = signed([b"first chunk", b"second chunk"], trailer=f"{trailer}:AAAAAA==")
    place %= len(body)
    into = reader(trailer=trailer)
    try:
        carried = read(body[:place] + other + body[place + 1 :], into)
    except S3Fault:
        return
    assert carried == b"first chunksecond chunk"
    assert into.trailers == {trailer: "AAAAAA=="}


def test_a_wrong_signature_of_the_second_chunk_does_not_pass() -> None:
    good = signed([b"one", b"two", b"three"])
    wrong = good.replace(b"two", b"twx")
    into = reader()
    with pytest.raises(S3Fault, match="signature"):
        read(wrong, into)
    assert refusal(wrong, reader()) == "SignatureDoesNotMatch"
    assert not into.is_complete


def test_chunks_cannot_be_swapped_dropped_or_cut_off() -> None:
    body = signed([b"aaaa", b"bbbb"])
    head = len(b"4;chunk-signature=\r\n") + 64
    first, rest = body[: head + 6], body[head + 6 :]
    second = rest[: head + 6]
    assert refusal(rest, reader()) == "SignatureDoesNotMatch"
    assert refusal(first, reader()) == "IncompleteBody"
    assert refusal(second + first + rest[head + 6 :], reader()) == "SignatureDoesNotMatch"
    assert refusal(first + first + rest, reader()) == "SignatureDoesNotMatch"


def test_unsigned_chunks_are_not_taken_for_signed_ones() -> None:
    plain = unsigned([b"data"], trailer="x-amz-checksum-crc32:AAAAAA==")
    assert refusal(plain, reader(trailer="x-amz-checksum-crc32")) == "InvalidRequest"
    assert refusal(signed([b"data"]), reader(has_signatures=False)) == "InvalidRequest"


def test_trailers_must_be_those_that_were_announced() -> None:
    plain = unsigned([b"data"], trailer="x-amz-checksum-crc32:AAAAAA==")
    assert refusal(plain, reader(has_signatures=False, trailer="x-amz-checksum-sha1")) == "InvalidRequest"
    assert refusal(plain, reader(has_signatures=False)) == "InvalidRequest"
    missing = b"4\r\ndata\r\n0\r\n\r\n"
    assert refusal(missing, reader(has_signatures=False, trailer="x-amz-checksum-crc32")) == "InvalidRequest"
    stripped = signed([b"data"])  # a trailer was announced and signed, and none came
    assert refusal(stripped, reader(trailer="x-amz-checksum-crc32")) == "InvalidRequest"


@pytest.mark.parametrize(
    "line", [b"x" * 5000, b"-4\r\ndata\r\n", b"4 \r\ndata\r\n", b"+4\r\n", b"ffffffffffffffff\r\n", b"0x4\r\n"]
)
def test_what_is_no_size_is_refused_at_once(line: bytes) -> None:
    assert refusal(line, reader(has_signatures=False)) in {"InvalidRequest", "EntityTooLarge"}


@given(st.binary(max_size=300))
def test_anything_else_is_refused(body: bytes) -> None:
    assert refusal(body, reader(trailer="x-amz-checksum-crc32")) in FAULTS


def test_a_claim_of_another_request_signs_nothing_here() -> None:
    other = ChunkSignatures(replace(CLAIM, signature="0" * 64), KEY)
    into = ChunkReader(signatures=other, has_trailer=False)
    assert refusal(signed([b"data"]), into) == "SignatureDoesNotMatch"
