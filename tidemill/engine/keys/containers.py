"""The types of keys as things with members: how a page of them is asked for, read, and what changes one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.engine.keys.checked import Check, How, Planned, digest
from tidemill.engine.keys.replies import Double, Map, Reply, Set, Simple, Verbatim
from tidemill.engine.keys.values import word
from tidemill.model.digits import number_in
from tidemill.model.errors import BadRequest, Unsupported

Words = tuple[bytes, ...]
MOST_TEXT_BYTES: Final = 1024 * 1024
"""Of a string that is shown and changed as a whole; longer ones are shown in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which members are wanted. `after` is "" at first; `pattern` of all but lists and streams."""

    key: bytes
    after: bytes
    limit: int
    pattern: bytes = b""
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """Its cells, and by what it is known again; "" where it cannot be changed."""

    cells: tuple[Reply, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Members:
    """A page. `after` is "" for the last."""

    found: list[Member]
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a type of keys is.

    Attributes:
        columns: names of the cells.
        named_by: the column that names a member.
        length: the command that counts its members.
        ask: the command of a page.
        read: the page of its reply.
        insert, update, delete: what changes a member, from the key, what names it, its version, and the new values.
    """

    columns: tuple[str, ...]
    named_by: str
    length: bytes
    ask: Callable[[Asked], Words]
    read: Callable[[Asked, Reply], Members]
    insert: Callable[[bytes, Mapping[str, bytes]], Planned]
    update: Callable[[bytes, bytes, str, Mapping[str, bytes]], Planned]
    delete: Callable[[bytes, bytes, str], Planned]


def container_of(kind: str) -> Container:
    """
    Raises:
        Unsupported: the explorer does not know the type.
    """
    if kind not in CONTAINERS:
        raise Unsupported(f"Keys of the type {kind!r} cannot be looked into: run a script.")
    return CONTAINERS[kind]


def items(reply: Reply) -> list[Reply]:
    """The members of an array or set."""
    return reply.members if isinstance(reply, Set) else reply if isinstance(reply, list) else []


def text_of(reply: Reply) -> bytes:
    """The bytes of a text, a number or a status."""
    match reply:
        case bytes():
            return reply
        case Simple() | Double():
            return reply.text.encode()
        case Verbatim():
            return reply.content
        case int():
            return str(reply).encode()
    return b""


def _scanned(reply: Reply) -> tuple[list[Reply], bytes]:
    """What a SCAN gives, and where it goes on."""
    cursor, found = items(reply)
    at = text_of(cursor)
    return items(found), b"" if at == b"0" else at


def _pairs(flat: Sequence[Reply]) -> list[tuple[Reply, Reply]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _number(after: bytes) -> int:
    number = number_in((after or b"0").decode(errors="replace"))
    if number is None:
        raise BadRequest("`after` is not as the page before gave it.")
    return number


def _scan(command: bytes) -> Callable[[Asked], Words]:
    def ask(asked: Asked) -> Words:
        matching = (b"MATCH", asked.pattern) if asked.pattern else ()
        return (command, asked.key, b"%d" % _number(asked.after), *matching, b"COUNT", b"%d" % asked.limit)

    return ask


def _only(values: Mapping[str, bytes], *names: str) -> list[bytes]:
    """The words of exactly these values."""
    if set(values) != set(names):
        raise BadRequest(f"Send exactly these values: {', '.join(names)}.")
    return [word(values[name], f"The value {name!r}") for name in names]


def _refused(message: str) -> Callable[..., Planned]:
    def refuse(*_: object) -> Planned:
        raise BadRequest(message)

    return refuse


# strings: one member, or pieces of a long one


def _ask_text(asked: Asked) -> Words:
    begin = _number(asked.after)
    return (b"GETRANGE", asked.key, b"%d" % begin, b"%d" % (begin + MOST_TEXT_BYTES))


def _read_text(asked: Asked, reply: Reply) -> Members:
    begin, value = _number(asked.after), text_of(reply)
    has_more = len(value) > MOST_TEXT_BYTES
    version = digest(value) if not begin and not has_more else ""
    after = b"%d" % (begin + MOST_TEXT_BYTES) if has_more else b""
    return Members([Member((begin, value[:MOST_TEXT_BYTES]), version)], after)


def _update_text(key: bytes, _: bytes, version: str, values: Mapping[str, bytes]) -> Planned:
    (value,) = _only(values, "value")
    seen = Check(How.DIGEST, (b"GET", key), version.encode())
    return Planned(checks=(seen,), commands=((b"SET", key, value, b"KEEPTTL"),))


# hashes


def _read_hash(_: Asked, reply: Reply) -> Members:
    flat, after = _scanned(reply)
    return Members([Member(pair, digest(text_of(pair[1]))) for pair in _pairs(flat)], after)


def _insert_field(key: bytes, values: Mapping[str, bytes]) -> Planned:
    field, value = _only(values, "field", "value")
    return Planned(checks=(Check(How.ABSENT, (b"HEXISTS", key, field)),), commands=((b"HSET", key, field, value),))


def _update_field(key: bytes, field: bytes, version: str, values: Mapping[str, bytes]) -> Planned:
    (value,) = _only(values, "value")
    seen = Check(How.DIGEST, (b"HGET", key, field), version.encode())
    return Planned(checks=(seen,), commands=((b"HSET", key, field, value),))


def _delete_field(key: bytes, field: bytes, version: str) -> Planned:
    seen = Check(How.DIGEST, (b"HGET", key, field), version.encode())
    return Planned(checks=(seen,), commands=((b"HDEL", key, field),))


# lists


def _ask_list(asked: Asked) -> Words:
    begin = _number(asked.after)
    return (b"LRANGE", asked.key, b"%d" % begin, b"%d" % (begin + asked.limit))


def _read_list(asked: Asked, reply: Reply) -> Members:
    begin, found = _number(asked.after), items(reply)
    members = [Member((begin + at, each), digest(text_of(each))) for at, each in enumerate(found[: asked.limit])]
    return Members(members, b"%d" % (begin + asked.limit) if len(found) > asked.limit else b"")


def _insert_item(key: bytes, values: Mapping[str, bytes]) -> Planned:
    """At the end, or before all others as index 0."""
    if values.get("index", b"0").strip() != b"0":
        raise BadRequest("A list grows at its ends: leave `index` out, or send 0.")
    (value,) = _only({name: raw for name, raw in values.items() if name != "index"}, "value")
    return Planned(checks=(), commands=((b"LPUSH" if "index" in values else b"RPUSH", key, value),))


def _update_item(key: bytes, index: bytes, version: str, values: Mapping[str, bytes]) -> Planned:
    (value,) = _only(values, "value")
    seen = Check(How.DIGEST, (b"LINDEX", key, index), version.encode())
    return Planned(checks=(seen,), commands=((b"LSET", key, index, value),))


_GONE: Final = b"tidemill: removed \xff\xfe"


def _delete_item(key: bytes, index: bytes, version: str) -> Planned:
    """Lists remove by value: the place gets one that no other has, for as long as the script runs."""
    seen = Check(How.DIGEST, (b"LINDEX", key, index), version.encode())
    gone = _GONE.replace(b"\xff\xfe", index)
    free = Check(How.ABSENT, (b"LPOS", key, gone))
    return Planned(checks=(seen, free), commands=((b"LSET", key, index, gone), (b"LREM", key, b"1", gone)))


# sets


def _read_set(_: Asked, reply: Reply) -> Members:
    found, after = _scanned(reply)
    return Members([Member((each,), "1") for each in found], after)


def _insert_member(key: bytes, values: Mapping[str, bytes]) -> Planned:
    (member,) = _only(values, "member")
    return Planned(checks=(Check(How.ABSENT, (b"SISMEMBER", key, member)),), commands=((b"SADD", key, member),))


def _delete_member(key: bytes, member: bytes, _: str) -> Planned:
    return Planned(checks=(Check(How.IS, (b"SISMEMBER", key, member), b"1"),), commands=((b"SREM", key, member),))


# sorted sets


def _ask_sorted(asked: Asked) -> Words:
    if asked.pattern:
        return _scan(b"ZSCAN")(asked)
    begin = _number(asked.after)
    command = b"ZREVRANGE" if asked.is_descending else b"ZRANGE"
    return (command, asked.key, b"%d" % begin, b"%d" % (begin + asked.limit), b"WITHSCORES")


def _read_sorted(asked: Asked, reply: Reply) -> Members:
    if asked.pattern:
        flat, after = _scanned(reply)
        return Members([_scored(pair) for pair in _pairs(flat)], after)
    found = items(reply)
    pairs = [tuple(items(each)) for each in found] if found and isinstance(found[0], list) else _pairs(found)
    begin = _number(asked.after)
    after = b"%d" % (begin + asked.limit) if len(pairs) > asked.limit else b""
    return Members([_scored(pair) for pair in pairs[: asked.limit]], after)


def _scored(pair: Sequence[Reply]) -> Member:
    member, score = pair
    text = text_of(score).decode()
    return Member((member, Double(text)), text)


def _insert_scored(key: bytes, values: Mapping[str, bytes]) -> Planned:
    member, score = _only(values, "member", "score")
    return Planned(checks=(Check(How.ABSENT, (b"ZSCORE", key, member)),), commands=((b"ZADD", key, score, member),))


def _update_scored(key: bytes, member: bytes, version: str, values: Mapping[str, bytes]) -> Planned:
    (score,) = _only(values, "score")
    seen = Check(How.SCORE, (b"ZSCORE", key, member), version.encode())
    return Planned(checks=(seen,), commands=((b"ZADD", key, score, member),))


def _delete_scored(key: bytes, member: bytes, version: str) -> Planned:
    seen = Check(How.SCORE, (b"ZSCORE", key, member), version.encode())
    return Planned(checks=(seen,), commands=((b"ZREM", key, member),))


# streams


def _ask_stream(asked: Asked) -> Words:
    count = (b"COUNT", b"%d" % (asked.limit + 1))
    behind = b"(" + asked.after
    if asked.is_descending:
        return (b"XREVRANGE", asked.key, behind if asked.after else b"+", b"-", *count)
    return (b"XRANGE", asked.key, behind if asked.after else b"-", b"+", *count)


def _read_stream(asked: Asked, reply: Reply) -> Members:
    found = [tuple(items(each)) for each in items(reply)]
    kept = found[: asked.limit]
    members = [Member((identity, Map(_pairs(items(fields)))), "1") for identity, fields in kept]
    return Members(members, text_of(kept[-1][0]) if len(found) > len(kept) else b"")


def _insert_entry(key: bytes, values: Mapping[str, bytes]) -> Planned:
    """Its values are the fields themselves."""
    if not values:
        raise BadRequest("An entry has at least one field: send them as `values`.")
    words = [part for name, raw in values.items() for part in (name.encode(), word(raw, f"The field {name!r}"))]
    return Planned(checks=(), commands=((b"XADD", key, b"*", *words),))


def _delete_entry(key: bytes, identity: bytes, _: str) -> Planned:
    there = Check(How.IS, (b"XRANGE", key, identity, identity), b"1")
    return Planned(checks=(there,), commands=((b"XDEL", key, identity),))


_AS_A_KEY: Final = _refused("A string is one value: insert and delete it among the keys.")
_ANEW: Final = _refused("Delete it and insert another: it cannot be changed.")

CONTAINERS: Final[Mapping[str, Container]] = {
    "string": Container(
        columns=("offset", "value"), named_by="offset", length=b"STRLEN", ask=_ask_text, read=_read_text,
        insert=_AS_A_KEY, update=_update_text, delete=_AS_A_KEY,
    ),
    "hash": Container(
        columns=("field", "value"), named_by="field", length=b"HLEN", ask=_scan(b"HSCAN"), read=_read_hash,
        insert=_insert_field, update=_update_field, delete=_delete_field,
    ),
    "list": Container(
        columns=("index", "value"), named_by="index", length=b"LLEN", ask=_ask_list, read=_read_list,
        insert=_insert_item, update=_update_item, delete=_delete_item,
    ),
    "set": Container(
        columns=("member",), named_by="member", length=b"SCARD", ask=_scan(b"SSCAN"), read=_read_set,
        insert=_insert_member, update=_ANEW, delete=_delete_member,
    ),
    "zset": Container(
        columns=("member", "score"), named_by="member", length=b"ZCARD", ask=_ask_sorted, read=_read_sorted,
        insert=_insert_scored, update=_update_scored, delete=_delete_scored,
    ),
    "stream": Container(
        columns=("id", "fields"), named_by="id", length=b"XLEN", ask=_ask_stream, read=_read_stream,
        insert=_insert_entry, update=_ANEW, delete=_delete_entry,
    ),
}  # fmt: skip
"""The name of a type, as TYPE tells it -> what it is."""
