"""Numbers of 32 bits as numbers of 64."""

import struct


def shortest(data: bytes) -> float:
    """The shortest number that is the same in single precision, as others write it. `data` is little-endian."""
    (found,) = struct.unpack("<f", data)
    for digits in range(6, 9):
        shorter = float(f"{found:.{digits}g}")
        if struct.pack("<f", shorter) == data:
            return shorter
    return float(f"{found:.9g}")
