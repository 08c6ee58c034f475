"""Checksums of S3: known values, and those of a whole from those of its parts."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine import checksums

CHECK = b"123456789"
KNOWN = {  # of CHECK, as the catalogue of CRCs and the RFCs have them
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


def made(name: str, *pieces: bytes) -> bytes:
    checksum = checksums.ALGORITHMS[name]()
    for piece in pieces:
        checksum.update(piece)
    return checksum.digest()


@pytest.mark.parametrize("name", checksums.ALGORITHMS)
def test_known_values(name: str) -> None:
    assert made(name, CHECK).hex() == KNOWN[name]
    assert made(name, CHECK[:4], b"", CHECK[4:]).hex() == KNOWN[name]
    assert checksums.parse(name, checksums.show(bytes.fromhex(KNOWN[name]))) == bytes.fromhex(KNOWN[name])


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "AAAAAA=", "A" * 400])
@pytest.mark.parametrize("name", checksums.ALGORITHMS)
def test_what_is_no_checksum_is_none(name: str, text: str) -> None:
    assert checksums.parse(name, text) is None


@given(st.sampled_from(["crc32", "crc32c", "crc64nvme"]), st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_the_checksum_of_the_whole_follows_from_those_of_its_parts(name: str, parts: list[bytes]) -> None:
    assert checksums.can_combine(name)
    assert checksums.combined(name, [(made(name, part), len(part)) for part in parts]) == checksums.show(
        made(name, *parts)
    )


def test_the_composite_checksum_is_that_of_the_checksums() -> None:
    parts = [zlib.crc32(part).to_bytes(4, "big") for part in (b"one", b"two")]
    wanted = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode()
    assert checksums.composite("crc32", parts) == f"{wanted}-2"
    assert not checksums.can_combine("sha256")
