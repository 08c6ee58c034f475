"""What came after the bytes: checksums of multipart uploads and in trailers of large ones, and how parts lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db.pool import Statements
from tidemill.db.queries import queries

_SQL: Final = queries("object_checksums")


@dataclass(frozen=True, slots=True)
class PartChecksum:
    """A checksum of a part, in base64."""

    number: int
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class KeptChecksum:
    """A checksum of an object. `kind`: `FULL_OBJECT`, or `COMPOSITE` where it is made of those of its parts."""

    algorithm: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts that an object was uploaded in: their sizes, and their checksums in base64, "" for none."""

    sizes: Sequence[int]
    checksums: Sequence[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A storage of a workspace (`Address.place`)."""

    workspace_id: str
    place: str


@dataclass(frozen=True, slots=True)
class Row:
    """An object with a checksum, and the ETag that it had."""

    workspace_id: str
    place: str
    key: str
    etag: str

    @property
    def at(self) -> Place:
        """Where it is."""
        return Place(self.workspace_id, self.place)


async def keep_part(
    statements: Statements, workspace: str, upload: UUID, *, number: int, algorithm: str, value: str
) -> None:
    """Keep the checksum of a part that is stored."""
    await statements.execute(
        _SQL["keep_part"], workspace=workspace, upload=upload, number=number, algorithm=algorithm, value=value
    )


async def parts(statements: Statements, workspace: str, upload: UUID) -> list[PartChecksum]:
    """Those of an upload, by number."""
    return await statements.fetch_all(_SQL["parts"], PartChecksum, workspace=workspace, upload=upload)


async def keep(
    statements: Statements,
    workspace: str,
    place: str,
    key: str,
    *,
    etag: str,
    checksum: KeptChecksum | None = None,
    layout: Layout | None = None,
) -> None:
    """Keep checksum and parts of an object as it is with this ETag."""
    await statements.execute(
        _SQL["keep"],
        workspace=workspace,
        place=place,
        key=key,
        etag=etag,
        algorithm=checksum and checksum.algorithm,
        kind=checksum and checksum.kind,
        value=checksum and checksum.value,
        part_sizes=list(layout.sizes) if layout else [],
        part_checksums=list(layout.checksums) if layout else [],
    )


async def find(statements: Statements, workspace: str, place: str, *, key: str, etag: str) -> KeptChecksum | None:
    """The checksum of an object, if it still has this ETag."""
    return await statements.fetch_optional(
        _SQL["find"], KeptChecksum, workspace=workspace, place=place, key=key, etag=etag
    )


async def find_layout(statements: Statements, workspace: str, place: str, *, key: str, etag: str) -> Layout | None:
    """The parts of an object, if it still has this ETag and they are known."""
    return await statements.fetch_optional(
        _SQL["find_layout"], Layout, workspace=workspace, place=place, key=key, etag=etag
    )


async def forget(statements: Statements, workspace: str, place: str, *, keys: Sequence[str]) -> None:
    """Forget those of objects that are gone."""
    await statements.execute(_SQL["forget"], workspace=workspace, place=place, keys=list(keys))


async def page(statements: Statements, *, after: Row | None, limit: int) -> list[Row]:
    """Up to `limit` objects of all workspaces behind `after`, by workspace, place and key."""
    after = after or Row("", "", "", "")
    return await statements.fetch_all(
        _SQL["page"], Row, workspace=after.workspace_id, place=after.place, key=after.key, limit=limit
    )


async def forget_these(statements: Statements, stale: Sequence[Row]) -> int:
    """Forget those of objects that have another ETag now, or are gone; how many."""
    if not stale:
        return 0
    return await statements.execute(
        _SQL["forget_these"],
        workspaces=[row.workspace_id for row in stale],
        places=[row.place for row in stale],
        keys=[row.key for row in stale],
        etags=[row.etag for row in stale],
    )
