"""Documents as a page shows them: their fields as columns, and where they stand in an order."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import msgspec

from tidemill.engine.documents.bson_json import members_to_json, to_json
from tidemill.engine.documents.bson_tree import Tree
from tidemill.engine.documents.pages import ID, kind_of, place_of
from tidemill.engine.pages import Order
from tidemill.model.column import Column, DataType, Kind
from tidemill.stores.documents.port import DocumentSession

MOST_PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page ends earlier where its documents are larger."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A document of a page."""

    raw: bytes
    members: Mapping[str, str]

    @property
    def version(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()


async def find_documents(
    session: DocumentSession, database: str, command: Mapping[str, Tree], *, limit: int
) -> list[Seen]:
    """The documents, at most so many; where they have more bytes than a page, one at least that does not fit it."""
    found: list[Seen] = []
    size = 0
    async with aclosing(session.rows(database, command)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for raw in batch:
                found.append(Seen(bytes(raw), members_to_json(raw)))
                size += len(raw)
            if len(found) >= limit or (size > MOST_PAGE_BYTES and len(found) > 1):
                break
    return found[:limit]


def fitting(found: Sequence[Seen]) -> list[Seen]:
    """As many as fit a page; one at least."""
    kept: list[Seen] = []
    size = 0
    for each in found:
        size += len(each.raw)
        if kept and size > MOST_PAGE_BYTES:
            break
        kept.append(each)
    return kept


def columns_of(found: Sequence[Seen]) -> tuple[Column, ...]:
    """The fields of the documents in the order in which they come; a type is all that occur."""
    kinds: dict[str, dict[str, None]] = {ID: {}}
    for each in found:
        for name, text in each.members.items():
            kinds.setdefault(name, {})[kind_of(text)] = None
    return tuple(
        Column(name, DataType(name=" | ".join(each for each in of if each != "null") or "null", kind=Kind.JSON))
        for name, of in kinds.items()
    )


def next_place(kept: Sequence[Seen], order: Sequence[Order]) -> list[msgspec.Raw] | None:
    """Where the next page begins; None where a document has no single place in the order."""
    place = None
    for each in kept:
        place = place_of(json.loads(to_json(each.raw, is_canonical=True)), order)
        if place is None:
            return None
    return [msgspec.Raw(text.encode()) for text in place or ()]
