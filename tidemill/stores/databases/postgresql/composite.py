"""Values of composite types: rows within a column."""

import re
from typing import Any, ClassVar, Final

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader, RecursiveLoader

_FIELD: Final = re.compile(rb'"((?:[^"\\]|\\.|"")*+)"|([^",()]*+)', re.DOTALL)
_ESCAPED: Final = re.compile(rb'\\(.)|""', re.DOTALL)


def split_composite(text: bytes) -> list[bytes | None]:
    """The fields' texts of `(1,"a b",)`; an empty one without quotes is NULL.

    Raises:
        ValueError: it is not of this form.
    """
    if not (text.startswith(b"(") and text.endswith(b")")):
        raise ValueError("not in parentheses")
    fields: list[bytes | None] = []
    position, end = 1, len(text) - 1
    while True:
        match = _FIELD.match(text, position, end)
        if match is None:
            raise ValueError(f"no field at byte {position}")
        quoted, plain = match.groups()
        fields.append(plain or None if quoted is None else _ESCAPED.sub(_unescape, quoted))
        position = match.end()
        if position == end:
            return fields
        if text[position : position + 1] != b",":
            raise ValueError(f"no comma at byte {position}")
        position += 1


def join_composite(fields: list[str | None]) -> str:
    """The text of a row; the opposite of `split_composite`."""
    return "(" + ",".join("" if field is None else quoted(field) for field in fields) + ")"


def quoted(text: str) -> str:
    """As a field of a row, an item of an array or an entry of an hstore."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def composite_loader(names: tuple[str, ...], oids: tuple[int, ...]) -> type[Loader]:
    """Makes a dict of a row, each field loaded as its own type says."""
    return type("FieldsLoader", (_CompositeLoader,), {"names": names, "oids": oids})


class _CompositeLoader(RecursiveLoader):
    names: ClassVar[tuple[str, ...]]
    oids: ClassVar[tuple[int, ...]]

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._loads = [self._tx.get_loader(field, self.format).load for field in self.oids]

    def load(self, data: Buffer) -> dict[str, Any]:
        fields = split_composite(bytes(data)) if self.names else []
        return {
            name: None if text is None else load(text)
            for name, load, text in zip(self.names, self._loads, fields, strict=True)
        }


class PairsLoader(Loader):
    """An hstore's entries, `"a"=>"1", "b"=>NULL`, in the order that Postgres gives them."""

    _PAIR = re.compile(r'"((?:[^"\\]|\\.)*+)"=>(?:"((?:[^"\\]|\\.)*+)"|NULL)(?:, )?', re.DOTALL)

    def load(self, data: Buffer) -> list[tuple[str, str | None]]:
        text = bytes(data).decode()
        pairs: list[tuple[str, str | None]] = []
        position = 0
        while position < len(text):
            match = self._PAIR.match(text, position)
            if match is None:
                raise ValueError(f"no entry of an hstore at {position}")
            key, value = match.groups()
            pairs.append((_plain(key), None if value is None else _plain(value)))
            position = match.end()
        return pairs


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


def _unescape(match: re.Match[bytes]) -> bytes:
    return match[1] or b'"'
