"""Scripts: immutable versions by hash. The one version of a path that is not archived is its head, which runs."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tidemill.db.pool import Database, Json, Statements, Transaction, unique
from tidemill.db.queries import queries
from tidemill.engine.permit import Readable
from tidemill.model.errors import Conflict, NotFound

_SQL: Final = queries("scripts")
_HASH_BITS: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableScript:
    """What of a version decides whether and how it is run.

    Attributes:
        hash: positive 64-bit number; on the wire 16 hexadecimal digits.
        options: JSON object of the run-time settings of the wire (`timeout`, `cache_ttl`, ...), only those set.
        extra_perms: JSON object, permission key -> may write.
    """

    hash: int
    path: str
    schema: bytes | None
    language: str
    no_main_func: bool
    has_preprocessor: bool
    tag: str | None
    on_worker_loss: str
    options: bytes
    labels: tuple[str, ...]
    extra_perms: bytes
    deleted: bool

    @property
    def settings(self) -> dict[str, Any]:
        """`options`, read."""
        settings: dict[str, Any] = msgspec.json.decode(self.options)
        return settings

    @property
    def shares(self) -> Mapping[str, bool]:
        """`extra_perms`, read."""
        return msgspec.json.decode(self.extra_perms, type=dict[str, bool])


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenScript(RunnableScript):
    """A version as it was read. `row` names its row in the database: each change, being archived too, gives another."""

    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(RunnableScript):
    """One version of a script.

    Attributes:
        parent_hashes: the versions before it, the newest first.
        lock: exact versions of what it needs; "" where nothing is needed, None where it is not resolved yet.
        lock_failure: the result of the job that failed to resolve it; only from `latest` and `version`.
    """

    workspace_id: str
    parent_hashes: tuple[int, ...]
    summary: str
    description: str
    content: str
    kind: str
    lock: str | None
    lock_error: str | None
    lock_job: UUID | None
    deployment_message: str | None
    archived: bool
    created_by: str
    created_at: datetime
    lock_failure: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version to be added; see `Script`. `lock_job` resolves its lock."""

    workspace_id: str
    path: str
    summary: str
    description: str
    content: str
    language: str
    kind: str
    schema: Json
    lock: str | None
    lock_job: UUID | None
    no_main_func: bool
    has_preprocessor: bool
    tag: str | None
    on_worker_loss: str
    options: Json
    labels: list[str]
    deployment_message: str | None
    created_by: str


@dataclass(frozen=True, slots=True)
class Version:
    """One line of a path's history."""

    hash: int
    deployment_message: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which scripts a list shows; None is no restriction."""

    archived: bool = False
    with_libraries: bool = False
    path_exact: str | None = None
    path_start: str | None = None
    created_by: str | None = None
    first_parent: int | None = None
    last_parent: int | None = None
    any_parent: int | None = None
    kinds: list[str] | None = None
    languages: list[str] | None = None
    label: str | None = None
    template: bool | None = None
    dedicated: bool | None = None
    paths: list[str] | None = None
    descending: bool = True


@dataclass(frozen=True, slots=True)
class SharedPath:
    """A path in use with its own shares."""

    path: str
    extra_perms: bytes = field(repr=False)


def hash_text(number: int) -> str:
    """A script's hash as the wire has it: 16 hexadecimal digits."""
    return f"{number:016x}"


def parse_hash(text: str) -> int:
    """The number of a hash on the wire.

    Raises:
        NotFound: it is not 16 hexadecimal digits of a positive 64-bit number.
    """
    is_hex = len(text) == 16 and all(character in "0123456789abcdef" for character in text.lower())
    number = int(text, 16) if is_hex else 0
    if number.bit_length() > _HASH_BITS or number == 0:
        raise NotFound(f"There is no script version {text[:40]!r}: a hash has 16 hexadecimal digits.")
    return number


def hash_of(version: NewVersion, parent: int | None, made_at_ns: int) -> int:
    """The hash of a version: of all that it is, of what it follows, and of when it was made."""
    digest = hashlib.sha256()
    parts = [getattr(version, each.name) for each in fields(version) if each.name != "lock_job"]
    for part in (*parts, parent, made_at_ns):
        text = repr(part).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return int.from_bytes(digest.digest()[:8], "big") >> 1 or 1


async def head(statements: Statements, workspace: str, path: str) -> Script | None:
    """The version of `path` that runs."""
    return await statements.fetch_optional(_SQL["head"], Script, workspace_id=workspace, path=path)


async def seen_head(statements: Statements, workspace: str, path: str) -> SeenScript | None:
    """The version of `path` that runs, as far as running it needs."""
    return await statements.fetch_optional(_SQL["seen_head"], SeenScript, workspace_id=workspace, path=path)


async def seen_version(statements: Statements, workspace: str, number: int) -> SeenScript | None:
    """The version with this hash, as far as running it needs."""
    return await statements.fetch_optional(_SQL["seen_version"], SeenScript, workspace_id=workspace, hash=number)


async def latest(statements: Statements, workspace: str, path: str) -> Script | None:
    """The version of `path` that runs or, where all are archived, the newest of them."""
    return await statements.fetch_optional(_SQL["latest"], Script, workspace_id=workspace, path=path)


async def version(statements: Statements, workspace: str, number: int) -> Script | None:
    """The version with this hash."""
    return await statements.fetch_optional(_SQL["version"], Script, workspace_id=workspace, hash=number)


async def add(tx: Transaction, new: NewVersion, *, number: int, parent: Script | None) -> None:
    """Add a version, in the place of `parent` (which may lie at another path: then the script moves).

    Raises:
        Conflict: `parent` is not the head of its path any more.
        AlreadyExists: there is a script at the path, and `parent` is not it.
    """
    if parent is not None and not parent.archived:
        superseded = await tx.fetch_optional(_SQL["supersede"], workspace_id=new.workspace_id, hash=parent.hash)
        if superseded is None:
            raise Conflict(
                f"The version {hash_text(parent.hash)} of '{parent.path}' was replaced meanwhile; "
                "look at the newest one and deploy again."
            )
    with unique(
        f"There is a script at '{new.path}' already: send its hash as parent_hash to deploy a new version of it.",
        constraint="script_head",
    ):
        await tx.execute(
            _SQL["add"],
            hash=number,
            parent_hashes=[] if parent is None else [parent.hash, *parent.parent_hashes],
            extra_perms=Json(b"{}" if parent is None else parent.extra_perms),
            **{each.name: getattr(new, each.name) for each in fields(new)},
        )


async def page(
    tx: Transaction,
    workspace: str,
    wanted: Filter,
    *,
    readable: Readable,
    after: Script | None,
    limit: int,
) -> list[Script]:
    """Up to `limit` scripts behind `after`, by age. Each row still has to be decided upon."""
    return await tx.fetch_all(
        _SQL["page"],
        Script,
        workspace_id=workspace,
        everything=readable.everything,
        owner_keys=list(readable.owner_keys),
        permission_keys=list(readable.permission_keys),
        after_time=None if after is None else after.created_at,
        after_hash=None if after is None else after.hash,
        limit=limit,
        **{each.name: getattr(wanted, each.name) for each in fields(wanted)},
    )


async def paths(tx: Transaction, workspace: str) -> list[SharedPath]:
    """All paths in use, in order."""
    return await tx.fetch_all(_SQL["paths"], SharedPath, workspace_id=workspace)


async def versions(tx: Transaction, workspace: str, path: str, *, limit: int, skip: int) -> list[Version]:
    """The versions of `path`, the newest first."""
    return await tx.fetch_all(_SQL["versions"], Version, workspace_id=workspace, path=path, limit=limit, skip=skip)


async def archive(tx: Transaction, workspace: str, path: str) -> bool:
    """Take `path` out of use; False: it was not in use."""
    return await tx.fetch_optional(_SQL["archive"], workspace_id=workspace, path=path) is not None


async def archive_version(tx: Transaction, workspace: str, number: int) -> None:
    """Take one version out of use."""
    await tx.execute(_SQL["archive_version"], workspace_id=workspace, hash=number)


async def erase(tx: Transaction, workspace: str, number: int) -> None:
    """Erase what a version held and keep its hash."""
    await tx.execute(_SQL["erase"], workspace_id=workspace, hash=number)


async def remove(tx: Transaction, workspace: str, path: str) -> int:
    """Remove all versions of `path` for good; how many there were."""
    return await tx.execute(_SQL["remove"], workspace_id=workspace, path=path)


async def set_message(tx: Transaction, workspace: str, number: int, *, path: str, message: str) -> bool:
    """Change what a deployment says about itself; False: there is no such version at `path`."""
    changed = await tx.execute(_SQL["set_message"], workspace_id=workspace, hash=number, path=path, message=message)
    return changed > 0


async def set_muted(tx: Transaction, workspace: str, path: str, *, muted: bool) -> None:
    """Whether failures of the script are kept from the error handler of the workspace."""
    await tx.execute(_SQL["set_muted"], workspace_id=workspace, path=path, muted=muted)


async def resource_types(database: Database, workspace: str) -> frozenset[str]:
    """The names of the resource types that parameters of a script may be typed with."""
    rows = await database.single.fetch_all(_SQL["resource_types"], workspace_id=workspace)
    return frozenset(row["name"] for row in rows)
