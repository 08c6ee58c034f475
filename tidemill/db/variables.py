"""Variables and secrets: text at a path. A secret is stored sealed, for its workspace, path and version only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.items import CHUNK, item_of, reader_filter, version_mismatch, visible_page
from tidemill.db.keys import Keyring
from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.engine.sealing import Place
from tidemill.model.errors import AlreadyExists
from tidemill.model.identity import Principal

_SQL: Final = queries("variables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A stored variable: `value` where it is readable, `sealed` where it is a secret (and not a row of a list)."""

    path: str
    version: int
    value: str | None
    sealed: bytes | None
    is_secret: bool
    description: str
    is_oauth: bool
    expires_at: datetime | None
    extra_perms: bytes
    labels: tuple[str, ...]
    created_by: str
    edited_by: str
    created_at: datetime
    edited_at: datetime

    @property
    def item(self) -> Item:
        return item_of(ItemKind.VARIABLE, self.path, self.extra_perms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a variable shall hold, in the clear. `is_oauth` and `expires_at` count only when it is created."""

    path: str
    value: str
    is_secret: bool
    description: str = ""
    labels: tuple[str, ...] = ()
    is_oauth: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which variables are wanted; None is no restriction. Texts are found anywhere and in either case."""

    path_start: str | None = None
    path: str | None = None
    description: str | None = None
    value: str | None = None
    anything: str | None = None
    label: str | None = None


async def find(statements: Statements, workspace: str, path: str) -> Variable | None:
    """The variable at `path`; None where there is none, or its time is over."""
    return await statements.fetch_optional(_SQL.find, Variable, workspace=workspace, path=path)


async def hold(tx: Transaction, workspace: str, path: str) -> Variable | None:
    """As `find`; nobody else can change it until the transaction ends."""
    return await tx.fetch_optional(_SQL.hold, Variable, workspace=workspace, path=path)


async def page(tx: Transaction, caller: Principal, wanted: Filter, *, skip: int, limit: int) -> list[Variable]:
    """Variables that `caller` may see, in order of path. Values of secrets are not among them."""

    async def read_after(path: str) -> list[Variable]:
        return await tx.fetch_all(
            _SQL.page,
            Variable,
            workspace=caller.workspace,
            after=path,
            limit=CHUNK,
            path_start=wanted.path_start,
            path=wanted.path,
            description=wanted.description,
            value=wanted.value,
            anything=wanted.anything,
            label=wanted.label,
            **reader_filter(caller),
        )

    # Who may not read a value must not find it by guessing either.
    action = Action.READ if wanted.value is None else Action.READ_VALUE
    return await visible_page(read_after, caller, skip=skip, limit=limit, action=action)


async def plaintext(statements: Statements, keys: Keyring, workspace: str, variable: Variable) -> str:
    """The value, opened where it is a secret.

    Raises:
        SecretsUnreadable: it was sealed for another place, or is damaged.
    """
    if variable.sealed is None:
        return variable.value or ""
    place = place_of(workspace, variable.path, variable.version)
    return (await keys.open(statements, variable.sealed, place=place)).decode()


def place_of(workspace: str, path: str, version: int) -> Place:
    """Where the ciphertext of a version of a variable belongs."""
    return Place(workspace, "variable", path, version)


async def create(tx: Transaction, keys: Keyring, content: Content, *, workspace: str, actor: str) -> int | None:
    """Keep a new variable and give its version; None where the path is taken."""
    await tx.execute(_SQL.delete_expired, workspace=workspace, path=content.path)
    stored = await _stored(tx, keys, content, workspace=workspace)
    version: int | None = await tx.fetch_value(
        _SQL.create,
        workspace=workspace,
        path=content.path,
        is_oauth=content.is_oauth,
        expires_at=content.expires_at,
        actor=actor,
        **stored,
    )
    return version


async def update(
    tx: Transaction,
    keys: Keyring,
    held: Variable,
    content: Content,
    *,
    workspace: str,
    actor: str,
    versions: Collection[int] | None,
) -> int:
    """Give the variable `held` (by `hold`) the `content`, and its path; the new version.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
        AlreadyExists: another variable is at the new path.
    """
    stored = await _stored(tx, keys, content, workspace=workspace)
    common = {"workspace": workspace, "path": held.path, "actor": actor, "versions": _listed(versions), **stored}
    if content.path == held.path:
        version: int | None = await tx.fetch_value(_SQL.update, **common)
    else:
        await tx.execute(_SQL.delete_expired, workspace=workspace, path=content.path)
        if await find(tx, workspace, content.path) is not None:
            raise AlreadyExists(f"There is a variable at '{content.path}' already.")
        version = await tx.fetch_value(_SQL.move, new_path=content.path, **common)
    if version is None:
        raise version_mismatch(held.item, current=held.version)
    return version


async def delete(tx: Transaction, held: Variable, *, workspace: str, versions: Collection[int] | None) -> None:
    """Delete the variable `held`.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
    """
    found = await tx.fetch_value(_SQL.delete, workspace=workspace, path=held.path, versions=_listed(versions))
    if found is None:
        raise version_mismatch(held.item, current=held.version)


async def _stored(tx: Transaction, keys: Keyring, content: Content, *, workspace: str) -> dict[str, object]:
    """The columns of `content`, sealed for a new version where it is a secret."""
    version: int = await tx.fetch_value(_SQL.next_version)
    sealed, key_id = None, None
    if content.is_secret:
        place = place_of(workspace, content.path, version)
        sealed, key_id = await keys.seal(tx, content.value.encode(), place=place)
    return {
        "version": version,
        "value": None if content.is_secret else content.value,
        "sealed": sealed,
        "key_id": key_id,
        "is_secret": content.is_secret,
        "description": content.description,
        "labels": list(content.labels),
    }


def _listed(versions: Collection[int] | None) -> list[int] | None:
    return None if versions is None else list(versions)
