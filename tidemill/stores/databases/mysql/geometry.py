"""Geometries as MySQL sends them, as well-known text."""

import struct
from collections.abc import Iterator
from typing import Final

_NAMES: Final = {
    1: "POINT",
    2: "LINESTRING",
    3: "POLYGON",
    4: "MULTIPOINT",
    5: "MULTILINESTRING",
    6: "MULTIPOLYGON",
    7: "GEOMETRYCOLLECTION",
}


def well_known_text(data: bytes) -> str:
    """Of four bytes of the reference system, which stands before the text unless it is 0, and well-known binary.

    Raises:
        ValueError: it is not that.
    """
    (reference,) = struct.unpack_from("<I", data)
    try:
        text = _Reader(data, 4).geometry()
    except (struct.error, KeyError) as error:
        raise ValueError("no geometry") from error
    return f"SRID={reference};{text}" if reference else text


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._order = "<"

    def geometry(self) -> str:
        kind, body = self._body()
        return f"{_NAMES[kind]}{body}"

    def _body(self) -> tuple[int, str]:
        self._order = "<" if self._take("B")[0] else ">"
        (kind,) = self._take("I")
        match kind:
            case 1:
                return kind, f"({self._point()})"
            case 2:
                return kind, self._points()
            case 3:
                return kind, self._joined(self._points() for _ in self._counted())
            case 7:
                return kind, self._joined(self.geometry() for _ in self._counted())
            case 4:
                return kind, self._joined(self._body()[1].strip("()") for _ in self._counted())
            case _:
                return kind, self._joined(self._body()[1] for _ in self._counted())

    def _points(self) -> str:
        return self._joined(self._point() for _ in self._counted())

    def _point(self) -> str:
        return " ".join(repr(number).removesuffix(".0") for number in self._take("dd"))

    def _counted(self) -> range:
        return range(self._take("I")[0])

    def _joined(self, parts: Iterator[str]) -> str:
        text = ",".join(parts)
        return f"({text})" if text else " EMPTY"

    def _take(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(self._order + form, self._data, self._at)
        self._at += struct.calcsize(self._order + form)
        return found
