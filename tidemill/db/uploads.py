"""Multipart uploads: what must outlive a restart. The bytes of the parts are in the backend."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tidemill.db.pool import Json, Statements
from tidemill.db.queries import queries

_SQL: Final = queries("uploads")


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload. `attributes` is JSON; `completed_etag` is None while it is under way."""

    id: UUID
    key: str
    attributes: bytes
    backend_upload: str
    started_by: str
    started_at: datetime
    completed_etag: str | None


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that is there; `receipt` is for the backend."""

    number: int
    size_bytes: int
    etag: str
    receipt: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Stale:
    """An upload that nobody went on with."""

    workspace_id: str
    place: str
    key: str
    id: UUID
    backend_upload: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An upload that waits for the end of a statement; `chosen` is JSON, None where the client has not completed it."""

    id: UUID
    place: str
    key: str
    attributes: bytes
    backend_upload: str
    chosen: bytes | None


async def create(
    statements: Statements,
    upload: UUID,
    *,
    workspace: str,
    place: str,
    key: str,
    attributes: bytes,
    backend_upload: str,
    actor: str,
    job: UUID | None,
    waits_for: UUID | None = None,
) -> None:
    """Note a new upload."""
    await statements.execute(
        _SQL.create,
        id=upload,
        workspace=workspace,
        place=place,
        key=key,
        attributes=Json(attributes),
        backend_upload=backend_upload,
        actor=actor,
        job=job,
        waits_for=waits_for,
    )


async def find(statements: Statements, upload: UUID, *, workspace: str, place: str, key: str) -> Upload | None:
    """The upload, if it is one of this key."""
    return await statements.fetch_optional(_SQL.find, Upload, id=upload, workspace=workspace, place=place, key=key)


async def page(
    statements: Statements,
    workspace: str,
    place: str,
    *,
    prefix: str,
    after_key: str,
    after_id: UUID,
    limit: int,
) -> list[Upload]:
    """Up to `limit` uploads under way below `prefix` that come behind the one of this key and id, in that order."""
    return await statements.fetch_all(
        _SQL.page,
        Upload,
        workspace=workspace,
        place=place,
        prefix=prefix,
        after_key=after_key,
        after_id=after_id,
        limit=limit,
    )


async def put_part(
    statements: Statements, workspace: str, upload: UUID, *, number: int, size_bytes: int, etag: str, receipt: str
) -> bool:
    """Keep what is known of a part; False where the upload is not under way any more."""
    touched = await statements.execute(
        _SQL.put_part,
        workspace=workspace,
        id=upload,
        number=number,
        size_bytes=size_bytes,
        etag=etag,
        receipt=receipt,
    )
    return touched > 0


async def parts(
    statements: Statements, workspace: str, upload: UUID, *, after: int = 0, limit: int = 10_000
) -> list[StoredPart]:
    """Up to `limit` parts with greater numbers than `after`, by number."""
    return await statements.fetch_all(_SQL.parts, StoredPart, workspace=workspace, id=upload, after=after, limit=limit)


async def complete(statements: Statements, workspace: str, upload: UUID, *, etag: str) -> None:
    """Note that the object is there."""
    await statements.execute(_SQL.complete, workspace=workspace, id=upload, etag=etag)


async def choose(statements: Statements, workspace: str, upload: UUID, *, chosen: bytes) -> bool:
    """Keep the parts (JSON) that an upload which waits is to be made of; False where it is none."""
    touched = await statements.execute(_SQL.choose, workspace=workspace, id=upload, chosen=Json(chosen))
    return touched > 0


async def waiting(statements: Statements, workspace: str, statement: UUID, *, job: UUID) -> list[Waiting]:
    """What a statement of a job has begun, the earliest first."""
    return await statements.fetch_all(_SQL.waiting, Waiting, workspace=workspace, statement=statement, job=job)


async def delete(statements: Statements, workspace: str, upload: UUID) -> None:
    """Forget an upload."""
    await statements.execute(_SQL.delete, workspace=workspace, id=upload)


async def stale(statements: Statements, *, age_s: float, limit: int) -> list[Stale]:
    """Up to `limit` uploads of all workspaces under way that got nothing for that long, oldest first."""
    return await statements.fetch_all(_SQL.stale, Stale, age_s=age_s, limit=limit)


async def forget_completed(statements: Statements, *, age_s: float) -> None:
    """Forget uploads of all workspaces that were completed longer ago than that."""
    await statements.execute(_SQL.forget_completed, age_s=age_s)
