"""The checksums that S3 clients send along with objects: made piece by piece, and put together from those of parts."""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import anycrc

HEADER: Final = "x-amz-checksum-"
COMPOSITE: Final = "COMPOSITE"
FULL_OBJECT: Final = "FULL_OBJECT"


class Checksum(Protocol):
    """A checksum in the making, as `hashlib` has it."""

    def update(self, data: bytes, /) -> None:
        """Take the next piece."""
        ...

    def digest(self) -> bytes:
        """The checksum of all pieces up to now."""
        ...


class _Crc:
    """A CRC as `hashlib` has its digests; big endian, as S3 sends it."""

    def __init__(self, calculate: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._calculate = calculate
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """See `Checksum.update`."""
        self._value = self._calculate(data, self._value)

    def digest(self) -> bytes:
        """See `Checksum.digest`."""
        return self._value.to_bytes(self._size_bytes, "big")


_CRC32: Final = anycrc.Model("CRC32")
_CRC32C: Final = anycrc.Model("CRC32C")
_CRC64NVME: Final = anycrc.Model("CRC64-NVME")

ALGORITHMS: Final[dict[str, Callable[[], Checksum]]] = {
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "crc32c": lambda: _Crc(_CRC32C.calc, 4),
    "crc64nvme": lambda: _Crc(_CRC64NVME.calc, 8),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
"""Name, as at the end of `x-amz-checksum-…`, to its maker."""

_SIZES: Final = {name: len(make().digest()) for name, make in ALGORITHMS.items()}
_COMBINED: Final = {"crc32": _CRC32.combine, "crc32c": _CRC32C.combine, "crc64nvme": _CRC64NVME.combine}


def parse(name: str, text: str) -> bytes | None:
    """The checksum in base64, or None where it is not one of that algorithm."""
    value = parse_base64(text)
    return value if value is not None and len(value) == _SIZES[name] else None


def parse_base64(text: str) -> bytes | None:
    """What `text` holds, or None where it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def show(value: bytes) -> str:
    """The checksum as headers have it."""
    return base64.b64encode(value).decode()


def composite(name: str, parts: Iterable[bytes]) -> str:
    """The checksum of the checksums of all parts, with their number behind it."""
    values = list(parts)
    whole = ALGORITHMS[name]()
    whole.update(b"".join(values))
    return f"{show(whole.digest())}-{len(values)}"


def can_combine(name: str) -> bool:
    """Whether the checksum of the whole follows from those of its parts."""
    return name in _COMBINED


def combined(name: str, parts: Iterable[tuple[bytes, int]]) -> str:
    """The checksum of the whole, from those of its parts and their sizes in bytes."""
    value, size = 0, _SIZES[name]
    for part, length in parts:
        value = _COMBINED[name](value, int.from_bytes(part, "big"), length)
    return show(value.to_bytes(size, "big"))
