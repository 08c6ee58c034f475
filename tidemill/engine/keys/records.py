"""Keys as records of files and back: a record a key, or several of a large one; every byte comes back as it was.

| type | value |
| --- | --- |
| string | its text |
| list, set | a list of texts |
| hash | an object, or `{"$map": [[field, value], …]}`; with fields that end a list of `[field, value, ttl_ms]` |
| zset | a list of `[member, score]` |
| stream | a list of `[id, fields]`, fields as of a hash |
| any | `{"$dump": …}`: the server's own form (DUMP), of what the others cannot tell |

A text that is none in UTF-8 is `{"$base64": …}`.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tidemill.engine.keys.checked import Words
from tidemill.engine.keys.containers import Member, text_of
from tidemill.engine.keys.replies import Map, Reply, to_json
from tidemill.engine.keys.values import decoded, is_base64, word
from tidemill.engine.table_files import Record
from tidemill.model import jsontext
from tidemill.model.digits import number_in
from tidemill.model.errors import BadRequest

COLUMNS: Final = ("key", "type", "ttl_ms", "part", "value")
_MARK: Final = '{"$'
"""How a text of a file that has nothing else begins where it is no text itself."""
_WORDS: Final = 1000
"""Of one command: members, or pairs."""
_MADE_OF: Final = {b"[": "list", b"{": "hash"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A key, or a part of it: those of a key have the same name and type and follow each other, from 1 on.

    Attributes:
        ttl_ms: how long it lives; None for ever. The first part tells it.
        value: raw JSON.
    """

    key: bytes
    kind: str
    ttl_ms: int | None
    number: int
    value: bytes


def value_of(kind: str, members: Sequence[Member], ttls: Sequence[int] = ()) -> str:
    """The JSON of members of a key. `ttls`: of each field of a hash in milliseconds; below 0 for none."""
    match kind:
        case "string":
            return "".join(to_json(each.cells[1]) for each in members)
        case "list":
            return to_json([each.cells[1] for each in members])
        case "set":
            return to_json([each.cells[0] for each in members])
        case "hash" if any(ttl >= 0 for ttl in ttls):
            return to_json([_with_end(each.cells, ttl) for each, ttl in zip(members, ttls, strict=True)])
        case "hash":
            return to_json(Map([(each.cells[0], each.cells[1]) for each in members]))
    return to_json([list(each.cells) for each in members])


def dumped(payload: bytes) -> str:
    """The JSON of a key in the server's own form."""
    return json.dumps({"$dump": base64.b64encode(payload).decode()})


def as_text(value: str) -> str:
    """A value for files that have nothing but texts: a text is itself, unless it would mean something."""
    if not value.startswith('"'):
        return value
    text: str = json.loads(value)
    return text if not text.startswith(_MARK) else f'{{"$base64":"{base64.b64encode(text.encode()).decode()}"}}'


def part_of(record: Record, columns: Mapping[str, str]) -> Part:
    """What a record tells. `columns`: of the file -> of ours; empty: they have the same names.

    Raises:
        BadRequest: it is none.
    """
    values = {
        column: raw
        for name, raw in record.values.items()
        if (column := columns.get(name, "") if columns else name) and raw not in {None, b"null"}
    }
    if unknown := sorted(set(values) - set(COLUMNS)):
        raise BadRequest(f"there is no {unknown[0][:80]!r} in a record of a key, but {', '.join(COLUMNS)}")
    if not {"key", "value"} <= set(values):
        raise BadRequest("a record has a key and a value")
    value = _untexted(values["value"]) if record.is_text else values["value"]
    kind = word(values["type"], "type").decode() if "type" in values else _kind_of(value)
    if record.is_text and kind != "string" and value.startswith(b'"'):
        value = msgspec.json.decode(value, type=str).encode()
    return Part(
        key=word(_untexted(values["key"]) if record.is_text else values["key"], "key"),
        kind=kind,
        ttl_ms=_number(values["ttl_ms"], "ttl_ms") if "ttl_ms" in values else None,
        number=_number(values["part"], "part") if "part" in values else 1,
        value=value,
    )


def writes(part: Part, name: bytes) -> list[Words]:
    """The commands that put the part into the key `name`.

    Raises:
        BadRequest: the value does not fit the type.
    """
    if (payload := _dump(part.value)) is not None:
        if part.number > 1:
            raise BadRequest("what the server has dumped has no parts")
        return [(b"RESTORE", name, b"0", payload)]
    if part.kind not in _WRITES:
        raise BadRequest(f'a key of the type {part.kind[:40]!r} has no such value, but {{"$dump": …}}')
    return list(_WRITES[part.kind](name, part))


def _with_end(cells: Sequence[Reply], ttl_ms: int) -> list[Reply]:
    return [*cells, ttl_ms] if ttl_ms >= 0 else list(cells)


def _untexted(raw: bytes) -> bytes:
    """The JSON that a text stands for, or else the text."""
    if not raw.startswith(b'"'):
        return raw
    text = msgspec.json.decode(raw, type=str)
    return text.encode() if text.startswith(_MARK) else raw


def _kind_of(value: bytes) -> str:
    return "string" if value.startswith(b"{") and is_base64(value) else _MADE_OF.get(value[:1], "string")


def _number(raw: bytes, name: str) -> int:
    number = number_in(word(raw, name).decode(errors="replace"))
    if not number:
        raise BadRequest(f"{name} is a whole number from 1")
    return number


def _dump(raw: bytes) -> bytes | None:
    if not raw.startswith(b"{") or b'"$dump"' not in raw:
        return None
    found = jsontext.object_fields(raw)
    return decoded(msgspec.json.decode(found["$dump"], type=str)) if set(found) == {"$dump"} else None


def _text(name: bytes, part: Part) -> Iterator[Words]:
    yield (b"SET" if part.number == 1 else b"APPEND", name, word(part.value, "the value"))


def _list(name: bytes, part: Part) -> Iterator[Words]:
    yield from _chunks(b"RPUSH", name, [(each,) for each in _texts(part.value)])


def _set(name: bytes, part: Part) -> Iterator[Words]:
    yield from _chunks(b"SADD", name, _distinct([(each,) for each in _texts(part.value)]))


def _hash(name: bytes, part: Part) -> Iterator[Words]:
    fields = _distinct(_fields(part.value))
    yield from _chunks(b"HSET", name, [(field, value) for field, value, *_ in fields])
    for field, _, *ttl in fields:
        if ttl:
            yield (b"HPEXPIRE", name, b"%d" % _number(ttl[0], "the ttl_ms of a field"), b"FIELDS", b"1", field)


def _sorted(name: bytes, part: Part) -> Iterator[Words]:
    pairs = _distinct([(member, score) for member, score, *_ in _fields(part.value, least=2, most=2)])
    yield from _chunks(b"ZADD", name, [(score, member) for member, score in pairs])


def _stream(name: bytes, part: Part) -> Iterator[Words]:
    for entry in _items(part.value):
        identity, fields = _exactly(entry, 2)
        words = [each for pair in _fields(fields, least=2, most=2) for each in pair]
        yield (b"XADD", name, word(identity, "the id of an entry"), *words)


_WRITES: Final[Mapping[str, Callable[[bytes, Part], Iterator[Words]]]] = {
    "string": _text, "list": _list, "set": _set, "hash": _hash, "zset": _sorted, "stream": _stream,
}  # fmt: skip


def _chunks(command: bytes, name: bytes, members: Sequence[tuple[bytes, ...]]) -> Iterator[Words]:
    if not members:
        raise BadRequest("a key has at least one member")
    for at in range(0, len(members), _WORDS):
        yield (command, name, *(each for member in members[at : at + _WORDS] for each in member))


def _distinct(members: list[tuple[bytes, ...]]) -> list[tuple[bytes, ...]]:
    """Those whose first words differ, as what they are told by must."""
    seen: set[bytes] = set()
    for name, *_ in members:
        if name in seen:
            raise BadRequest(f"{name[:60].decode(errors='replace')!r} is there twice")
        seen.add(name)
    return members


def _texts(raw: bytes) -> list[bytes]:
    return [word(each, "a member") for each in _items(raw)]


def _fields(raw: bytes, *, least: int = 2, most: int = 3) -> list[tuple[bytes, ...]]:
    """Names with values, and perhaps a third; of an object, or of a list of lists."""
    if raw.startswith(b"{"):
        found = jsontext.object_fields(raw)
        if set(found) != {"$map"}:
            return [(name.encode(), word(each, f"the value of {name[:60]!r}")) for name, each in found.items()]
        raw = found["$map"]
    return [tuple(word(each, "a member") for each in _exactly(pair, least, most)) for pair in _items(raw)]


def _exactly(raw: bytes, least: int, most: int = 0) -> list[bytes]:
    found = _items(raw)
    if not least <= len(found) <= (most or least):
        raise BadRequest("a member has the wrong number of parts")
    return found


def _items(raw: bytes) -> list[bytes]:
    try:
        return [bytes(each).strip() for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except msgspec.DecodeError as error:
        raise BadRequest("the value does not fit the type of the key") from error


def bytes_of(member: Member) -> int:
    """About how much of a record it takes."""
    return sum(_bytes(cell) for cell in member.cells) + 8


def _bytes(cell: Reply) -> int:
    if isinstance(cell, Map):
        return sum(_bytes(name) + _bytes(value) for name, value in cell.pairs)
    return len(text_of(cell))
