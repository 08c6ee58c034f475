"""Which keys a store has, and what they are: by pages of a SCAN, over all servers of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.engine.keys.checked import Words
from tidemill.engine.keys.containers import items, text_of
from tidemill.engine.keys.replies import Failure, Reply
from tidemill.engine.keys.values import exactly, pattern, word
from tidemill.engine.pages import Filter, Operator, Page
from tidemill.model.errors import BadRequest, NotFound, QueryFailed
from tidemill.queries.explorer.key_changes import LENGTHS
from tidemill.queries.explorer.key_cluster import Place
from tidemill.queries.explorer.key_parts import MOST_BYTES
from tidemill.stores.keys.port import KeySession

_STEP: Final = 1000
_MOST_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `ttl_ms` is None for no end, `size_bytes` and `items` where the server does not tell them."""

    name: bytes
    kind: str
    ttl_ms: int | None
    size_bytes: int | None
    items: int | None

    @property
    def version(self) -> str:
        """By which it is known again."""
        return f"{self.kind}-{self.items}"


async def run(session: KeySession, commands: Sequence[Words]) -> list[Reply]:
    """The replies.

    Raises:
        QueryFailed: one is an error.
    """
    replies = await session.run(commands, max_bytes=MOST_BYTES)
    for each in replies:
        if isinstance(each, Failure):
            raise QueryFailed(each.text)
    return replies


async def kind_of(session: KeySession, key: bytes) -> str:
    """The type of a key.

    Raises:
        NotFound: there is no such key.
    """
    (told,) = await run(session, [(b"TYPE", key)])
    kind = text_of(told).decode()
    if kind == "none":
        raise NotFound(f"There is no key {key[:60].decode(errors='replace')!r}.")
    return kind


async def scanned(session: KeySession, place: Place, page: Page) -> tuple[list[bytes], bytes]:
    """The names of a page of a SCAN, and where the next begins; b"" at the end.

    As many as were asked for, or some more, or fewer where few of many match.
    """
    if place.master:
        await session.go_to(place.master.host, place.master.port)
    scan = scan_of(page)
    step = _STEP if page.filters or page.query else page.limit
    names: dict[bytes, None] = {}
    cursor = place.cursor
    for _ in range(_MOST_STEPS):
        (told,) = await run(session, [(b"SCAN", cursor, *scan, b"COUNT", b"%d" % step)])
        at, found = items(told)
        cursor = text_of(at)
        names.update(dict.fromkeys(map(text_of, items(found))))
        if cursor == b"0" or len(names) >= page.limit:
            break
    return list(names), place.after(cursor)


def scan_of(page: Page) -> Words:
    """What limits a SCAN."""
    if page.order:
        raise BadRequest("Keys have no order: leave `sort` out.")
    words: list[bytes] = [b"MATCH", word(page.query, "`query`")] if page.query else []
    for each in page.filters:
        if each.column == "type" and each.operator is Operator.EQUAL:
            words += [b"TYPE", word(each.raw, "The filter of 'type'")]
        elif each.column == "key" and not page.query:
            words += [b"MATCH", pattern_of(each)]
        else:
            raise BadRequest("Keys are filtered by `key` (=, begins, contains), `type` (=), or a pattern as `query`.")
    if len(set(words[::2])) != len(words[::2]):
        raise BadRequest("Keys are filtered by one pattern and one type only.")
    return tuple(words)


def pattern_of(wanted: Filter) -> bytes:
    """The glob of a filter."""
    text = word(wanted.raw, f"The filter of {wanted.column!r}")
    match wanted.operator:
        case Operator.EQUAL:
            return exactly(text)
        case Operator.BEGINS | Operator.CONTAINS:
            return pattern(text.decode(errors="replace"), is_within=wanted.operator is Operator.CONTAINS)
    raise BadRequest(f"The filter of {wanted.column!r} knows =, begins and contains.")


async def looked_at(session: KeySession, names: Sequence[bytes]) -> list[Key]:
    """What the keys are. Those that went meanwhile are left out."""
    if not names:
        return []
    asked = [words for name in names for words in ((b"TYPE", name), (b"PTTL", name), (b"MEMORY", b"USAGE", name))]
    told = await session.run(asked, max_bytes=MOST_BYTES)
    kinds = [text_of(each).decode() for each in told[::3]]
    lengths = await _lengths(session, [(name, kind) for name, kind in zip(names, kinds, strict=True)])
    return [
        Key(
            name,
            kind,
            ttl if isinstance(ttl, int) and ttl >= 0 else None,
            size if isinstance(size, int) else None,
            count,
        )
        for name, kind, ttl, size, count in zip(names, kinds, told[1::3], told[2::3], lengths, strict=True)
        if kind != "none"
    ]


async def _lengths(session: KeySession, keys: Sequence[tuple[bytes, str]]) -> list[int | None]:
    """How many members each has; None for types of modules."""
    known = [(name, kind) for name, kind in keys if kind in LENGTHS]
    told = await session.run([(LENGTHS[kind], name) for name, kind in known], max_bytes=MOST_BYTES) if known else []
    counts = dict(zip((name for name, _ in known), told, strict=True))
    return [count if isinstance(count := counts.get(name), int) else None for name, _ in keys]
