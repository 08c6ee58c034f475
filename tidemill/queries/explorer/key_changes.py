"""What changes of keys and of their members become: checks and commands."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tidemill.engine.keys.checked import Check, How, Planned, Words
from tidemill.engine.keys.containers import Container, container_of
from tidemill.engine.keys.values import is_base64, word
from tidemill.model.errors import BadRequest
from tidemill.queries.explorer.port import Change, ChangeKind

MOST_VALUES: Final = 5000
LENGTHS: Final = {kind: container_of(kind).length for kind in ("string", "hash", "list", "set", "zset", "stream")}
"""The command that counts the members of a key of a type."""


def of_member(container: Container, key: bytes, change: Change) -> Planned:
    """A change of what is in a key."""
    if change.kind is ChangeKind.INSERT:
        return container.insert(key, change.values)
    if set(change.row.key) != {container.named_by} or not change.row.version:
        raise BadRequest(f"Send the `key` of the row ({container.named_by}) and its `version` as it was seen.")
    name = word(change.row.key[container.named_by], container.named_by)
    match change.kind:
        case ChangeKind.UPDATE:
            return container.update(key, name, change.row.version, change.values)
        case ChangeKind.DELETE:
            return container.delete(key, name, change.row.version)
    raise BadRequest("Members are updated or deleted, not replaced.")


def of_key(change: Change) -> Planned:
    """A change of a key itself."""
    if change.kind is ChangeKind.INSERT:
        return _insert_key(change.values)
    if set(change.row.key) != {"key"} or not change.row.version:
        raise BadRequest('Send the `key` of the row, {"key": …}, and its `version` as it was seen.')
    key = word(change.row.key["key"], "key")
    seen = _as_seen(key, change.row.version)
    if change.kind is ChangeKind.DELETE:
        return Planned(checks=seen, commands=((b"DEL", key),))
    if change.kind is not ChangeKind.UPDATE or not change.values or not set(change.values) <= {"key", "ttl_ms"}:
        raise BadRequest("Of a key `key` (its name) and `ttl_ms` are updated: open it to change what is in it.")
    commands: list[Words] = []
    if "ttl_ms" in change.values:
        commands.append(_expire(key, change.values["ttl_ms"]))
    if "key" in change.values:
        name = word(change.values["key"], "The value 'key'")
        seen += (Check(How.ABSENT, (b"EXISTS", name)),)
        commands.append((b"RENAME", key, name))
    return Planned(checks=seen, commands=tuple(commands))


def _as_seen(key: bytes, version: str) -> tuple[Check, ...]:
    """Of the same type and with as many members: that is what the list of keys shows."""
    kind, _, count = version.partition("-")
    checks = (Check(How.IS, (b"TYPE", key), kind.encode()),)
    return (*checks, Check(How.IS, (LENGTHS[kind], key), count.encode())) if kind in LENGTHS else checks


def _expire(key: bytes, raw: bytes) -> Words:
    if raw.strip() == b"null":
        return (b"PERSIST", key)
    if not raw.strip().isdigit() or int(raw) < 1:
        raise BadRequest("`ttl_ms` is a number of milliseconds from 1, or null for none.")
    return (b"PEXPIRE", key, raw.strip())


def _insert_key(values: Mapping[str, bytes]) -> Planned:
    if not {"key", "value"} <= set(values) <= {"key", "value", "type", "ttl_ms"}:
        raise BadRequest("A new key has `key`, `value`, and perhaps `type` and `ttl_ms`.")
    key = word(values["key"], "The value 'key'")
    commands = [_filled(key, values)]
    if values.get("ttl_ms", b"null").strip() != b"null":
        commands.append(_expire(key, values["ttl_ms"]))
    return Planned(checks=(Check(How.ABSENT, (b"EXISTS", key)),), commands=tuple(commands))


def _filled(key: bytes, values: Mapping[str, bytes]) -> Words:
    """The command that makes a key: of a text a string, of a list a list or set, of an object a hash or sorted set."""
    raw = values["value"]
    begin = raw.strip()[:1]
    form = "object" if begin == b"{" and not is_base64(raw) else "list" if begin == b"[" else "text"
    kind = word(values["type"], "The value 'type'").decode() if "type" in values else _PLAIN_KIND[form]
    if kind not in _FORMS or _FORMS[kind] != form:
        raise BadRequest(
            "A new key is a string (of a text), a list or set (of a list), or a hash or zset (of an object, of scores)."
        )
    if form == "text":
        return (b"SET", key, word(raw, "The value 'value'"))
    members: list[bytes] = []
    if form == "list":
        members = [word(bytes(each), "A member") for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    else:
        for name, each in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items():
            pair = [name.encode(), word(bytes(each), f"The member {name[:60]!r}")]
            members += pair if kind == "hash" else reversed(pair)
    if not 1 <= len(members) <= MOST_VALUES:
        raise BadRequest(f"A new key has 1 to {MOST_VALUES} members: add more by a script.")
    return (_COMMANDS[kind], key, *members)


_PLAIN_KIND: Final = {"object": "hash", "list": "list", "text": "string"}
_FORMS: Final = {"string": "text", "list": "list", "set": "list", "hash": "object", "zset": "object"}
_COMMANDS: Final = {"list": b"RPUSH", "set": b"SADD", "hash": b"HSET", "zset": b"ZADD"}
