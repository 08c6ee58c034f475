"""Keys into files: all that match, each with its type, its time to live and what is in it."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from tidemill.engine.keys.checked import Words
from tidemill.engine.keys.containers import CONTAINERS, Asked, Member, items, text_of
from tidemill.engine.keys.records import COLUMNS, as_text, bytes_of, dumped, value_of
from tidemill.engine.keys.replies import Failure, Map, Reply, to_json
from tidemill.engine.pages import Page
from tidemill.engine.sql.annotations import Format
from tidemill.model.column import Column, DataType, Kind, Row
from tidemill.model.errors import QueryFailed, TooLarge
from tidemill.queries.explorer.key_cluster import masters_of, place_of
from tidemill.queries.explorer.key_listing import Key, looked_at, scanned
from tidemill.queries.explorer.key_parts import MOST_BYTES
from tidemill.queries.row_writers import Pieces, row_writer
from tidemill.stores.keys.port import KeySession

MOST_KEYS: Final = 1_000_000
"""Of a file: the names that were seen are remembered, since a SCAN may tell one twice."""
_SCANNED: Final = 1000
_MEMBERS: Final = 1000
_PART_BYTES: Final = 2 * 1024 * 1024
"""Of a record, so that all signs may be escaped and it is still read again."""
_TOGETHER_BYTES: Final = 8 * 1024 * 1024
_TOGETHER: Final = 100
_INTEGERS: Final = frozenset({"ttl_ms", "part"})


async def export_keys(session: KeySession, page: Page, name: bytes | None, *, form: Format) -> AsyncIterator[bytes]:
    """The keys that match as a file, or the one of this name; memory holds a few of them.

    Raises:
        QueryFailed: one cannot be read; TooLarge: there are too many, or one is too large.
    """
    is_text = form is not Format.JSON
    pieces = Pieces(row_writer(form, _columns(is_text=is_text), big_numbers_as_text=False))
    async with aclosing(_rows(session, page, name)) as batches:  # type: ignore[type-var]  # generators close
        async for rows in batches:
            told = (
                [_told(row) for row in rows] if is_text else [(_raw(row[0]), *row[1:4], _raw(row[4])) for row in rows]
            )
            if piece := await pieces.write(told):
                yield piece
    yield await pieces.finish()


def _columns(*, is_text: bool) -> list[Column]:
    def kind(name: str) -> Kind:
        if name in _INTEGERS:
            return Kind.INTEGER
        return Kind.TEXT if is_text or name == "type" else Kind.JSON

    return [Column(name, DataType(name=kind(name).value, kind=kind(name))) for name in COLUMNS]


def _told(row: Row) -> Row:
    key, *others, value = row
    return (as_text(str(key)), *others, as_text(str(value)))


def _raw(value: object) -> bytes:
    return str(value).encode()


async def _rows(session: KeySession, page: Page, name: bytes | None) -> AsyncIterator[list[Row]]:
    reader = _Reader(session)
    async with aclosing(_names(session, page, name)) as pages:  # type: ignore[type-var]  # generators close
        async for names in pages:
            for keys in _groups(await looked_at(session, names)):
                async with aclosing(reader.rows(keys)) as batches:  # type: ignore[type-var]
                    async for rows in batches:
                        yield rows


async def _names(session: KeySession, page: Page, name: bytes | None) -> AsyncIterator[list[bytes]]:
    """Each once: a SCAN may tell one twice."""
    if name is not None:
        yield [name]
        return
    page = replace(page, limit=_SCANNED)
    seen: set[bytes] = set()
    masters, after = await masters_of(session), b""
    while True:
        found, after = await scanned(session, place_of(masters, after), page)
        fresh = [(digest, each) for each in found if (digest := _digest(each)) not in seen]
        seen.update(digest for digest, _ in fresh)
        if len(seen) > MOST_KEYS:
            raise TooLarge(f"There are more than {MOST_KEYS} such keys: export them in parts, by a pattern or a type.")
        yield [each for _, each in fresh]
        if not after:
            return


def _digest(name: bytes) -> bytes:
    return hashlib.blake2b(name, digest_size=16).digest()


def _groups(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """Those whose first pages are asked for together."""
    group: list[Key] = []
    size = 0
    for key in keys:
        if group and (size >= _TOGETHER_BYTES or len(group) == _TOGETHER):
            yield group
            group, size = [], 0
        group.append(key)
        size += _PART_BYTES if key.size_bytes is None else key.size_bytes
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Found:
    """What a page of a key gave: the values of its parts, and where the next page begins; b"" at the end."""

    values: list[str]
    ttl_ms: int | None
    after: bytes = b""


class _Reader:
    """Reads what is in keys."""

    def __init__(self, session: KeySession) -> None:
        self._session = session
        self._has_ends_of_fields = True

    async def rows(self, keys: Sequence[Key]) -> AsyncIterator[list[Row]]:
        """Records of the keys that are still there."""
        rows: list[Row] = []
        for key, first in zip(keys, await self._pages(keys, [b""] * len(keys)), strict=True):
            found, number = first, 0
            while found is not None:
                for value in found.values:
                    number += 1
                    rows.append((to_json(key.name), key.kind, found.ttl_ms if number == 1 else None, number, value))
                if not found.after:
                    break
                yield rows
                rows = []
                (found,) = await self._pages([key], [found.after])
                if found is None:
                    raise QueryFailed(f"The key {_shown(key)} was removed while it was read.")
        yield rows

    async def _pages(self, keys: Sequence[Key], after: Sequence[bytes]) -> list[_Found | None]:
        """None of what is gone."""
        asked = [Asked(key=key.name, after=at, limit=_members_of(key)) for key, at in zip(keys, after, strict=True)]
        told = await self._told(keys, [_commands(key, each) for key, each in zip(keys, asked, strict=True)])
        return [
            None if replies is None else await self._found(key, each, replies)
            for key, each, replies in zip(keys, asked, told, strict=True)
        ]

    async def _told(self, keys: Sequence[Key], commands: Sequence[Sequence[Words]]) -> list[list[Reply] | None]:
        """The replies for each key; None where it is gone. The last is its type."""
        replies = iter(await self._run(keys[0], [words for each in commands for words in each]))
        found: list[list[Reply] | None] = []
        for key, each in zip(keys, commands, strict=True):
            of_key = list(islice(replies, len(each)))
            kind = text_of(of_key.pop()).decode()
            if kind not in {key.kind, "none"}:
                raise QueryFailed(f"The key {_shown(key)} became a {kind} while it was read: export again.")
            if kind == "none":
                found.append(None)
                continue
            if failure := next((reply for reply in of_key if isinstance(reply, Failure)), None):
                raise QueryFailed(f"The key {_shown(key)} cannot be read: {failure.text}")
            found.append(of_key)
        return found

    async def _found(self, key: Key, asked: Asked, replies: list[Reply]) -> _Found:
        told, left, *others = replies
        ttl_ms = max(1, left) if isinstance(left, int) and left >= 0 else None
        if key.kind not in CONTAINERS or (others and not _is_plain(others[0], told)):
            (payload,) = await self._run(key, [(b"DUMP", key.name)])
            if not isinstance(payload, bytes):
                raise QueryFailed(f"The key {_shown(key)} cannot be read: {_failure(payload)}")
            return _Found([dumped(payload)], ttl_ms)
        page = CONTAINERS[key.kind].read(asked, told)
        ends = await self._ends(key, page.found) if key.kind == "hash" else []
        values = [value_of(key.kind, page.found[begin:end], ends[begin:end]) for begin, end in _parts_of(page.found)]
        return _Found(values, ttl_ms, page.after)

    async def _ends(self, key: Key, members: Sequence[Member]) -> list[int]:
        """When each field ends, in milliseconds; none where the server has no such thing."""
        if not members or not self._has_ends_of_fields:
            return []
        names = [text_of(each.cells[0]) for each in members]
        (told,) = await self._run(key, [(b"HPTTL", key.name, b"FIELDS", b"%d" % len(names), *names)])
        if isinstance(told, Failure) and told.kind == "ERR":
            self._has_ends_of_fields = False
            return []
        if isinstance(told, Failure):
            raise QueryFailed(f"The key {_shown(key)} cannot be read: {told.text}")
        return [max(each, -1) if isinstance(each, int) else -1 for each in items(told)]

    async def _run(self, key: Key, commands: Sequence[Words]) -> list[Reply]:
        try:
            return await self._session.run(commands, max_bytes=MOST_BYTES)
        except TooLarge as error:
            raise TooLarge(
                f"What is in the key {_shown(key)}, or in those behind it, has more than {MOST_BYTES} bytes at once: "
                "read it by a script."
            ) from error


def _members_of(key: Key) -> int:
    """Of a page."""
    if not key.items or not key.size_bytes:
        return _MEMBERS
    return max(1, min(_MEMBERS, _TOGETHER_BYTES * key.items // key.size_bytes))


def _commands(key: Key, asked: Asked) -> list[Words]:
    if key.kind not in CONTAINERS:
        return [(b"EXISTS", key.name), (b"PTTL", key.name), (b"TYPE", key.name)]
    page = CONTAINERS[key.kind].ask(asked)
    more = [(b"XINFO", b"STREAM", key.name)] if key.kind == "stream" and not asked.after else []
    return [page, (b"PTTL", key.name), *more, (b"TYPE", key.name)]


def _is_plain(info: Reply, told: Reply) -> bool:
    """Whether the entries of a stream are all that there is to it: no groups, and none was removed."""
    flat = items(info)
    pairs = info.pairs if isinstance(info, Map) else list(zip(flat[::2], flat[1::2], strict=True))
    known = {text_of(name): value for name, value in pairs}
    length, last = known[b"length"], known[b"last-entry"]
    return (
        known[b"groups"] == 0
        and bool(items(told))
        and text_of(items(last)[0]) == text_of(known[b"last-generated-id"])
        and known.get(b"entries-added", length) == length
    )


def _parts_of(members: Sequence[Member]) -> Iterator[tuple[int, int]]:
    """Where records begin and end, so that none is too large."""
    begin = size = 0
    for at, member in enumerate(members):
        more = bytes_of(member)
        if at > begin and size + more > _PART_BYTES:
            yield begin, at
            begin, size = at, 0
        size += more
    if begin < len(members):
        yield begin, len(members)


def _failure(reply: Reply) -> str:
    return reply.text if isinstance(reply, Failure) else "it is gone"


def _shown(key: Key) -> str:
    return to_json(key.name[:60])
