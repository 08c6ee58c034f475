"""Keys of workspaces, wrapped by the root key: making them, sealing and opening with them, and checking all of it."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tidemill.db import signing_keys
from tidemill.db.pool import Database, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.root_key import hold_root_key
from tidemill.engine.sealing import (
    Place,
    key_id_of_sealed,
    make_canary,
    new_key,
    open_sealed,
    opens_canary,
    seal,
    unwrap_key,
    wrap_key,
)
from tidemill.model.errors import SecretsUnreadable, Unavailable
from tidemill.model.rootkey import RootKeys

SQL: Final = queries("keys")

CACHE_S: Final = 10.0
"""How long an unwrapped key is kept in memory: after a rotation the old one is gone from every process by then."""
CURRENT_ATTEMPTS: Final = 3
"""A statement that waited for a rotation to begin sees the old key retired but not yet the new one; the next does."""
PAGE: Final = 500
ACCESS_KEY: Final = "access key"
"""The kind of the place of an access key's secret, which has one version: it never changes."""
WORKFLOW_STEP: Final = "workflow step"
"""The same for what a step of a workflow gave."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A row of `workspace_key`, but for its workspace."""

    key_id: int
    wrapped: bytes
    root_key_id: str


class Keyring:
    """Seals and opens secrets of all workspaces; one for each process.

    `clock` gives seconds that only grow.
    """

    def __init__(self, root: RootKeys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._cache: dict[tuple[str, int], tuple[float, bytes]] = {}

    @property
    def root(self) -> RootKeys:
        """What the keys are wrapped with."""
        return self._root

    async def seal(self, transaction: Transaction, plaintext: bytes, *, place: Place) -> tuple[bytes, int]:
        """`plaintext` sealed for `place`, and the key's id: what the columns `sealed` and `key_id` take.

        Write both in the same transaction: it keeps a rotation from passing by. `place.version` is the version that
        the row gets, so ask the sequence `item_version` for it first.
        """
        row = await self._current(transaction, place.workspace_id)
        key = self._unwrapped(place.workspace_id, row)
        return seal(plaintext, key=key, key_id=row.key_id, place=place), row.key_id

    async def open(self, statements: Statements, sealed: bytes, *, place: Place) -> bytes:
        """What was sealed for `place`.

        Raises:
            SecretsUnreadable: it was sealed for another place, or is damaged.
            Unavailable: its key was rotated away since the row was read; read the row again.
        """
        key = await self._key(statements, place.workspace_id, key_id_of_sealed(sealed))
        return open_sealed(sealed, key=key, place=place)

    async def current_key(self, transaction: Transaction, workspace: str) -> bytes:
        """The current key of `workspace` itself: for exports and imports, and for admins who ask for it."""
        return self._unwrapped(workspace, await self._current(transaction, workspace))

    async def _current(self, transaction: Transaction, workspace: str) -> WrappedKey:
        for _ in range(CURRENT_ATTEMPTS):
            row = await transaction.fetch_optional(SQL.current_key, WrappedKey, workspace=workspace)
            if row is not None:
                return row
        raise SecretsUnreadable(f"The workspace {workspace!r} has no key; restore the database from a whole backup.")

    async def _key(self, statements: Statements, workspace: str, key_id: int) -> bytes:
        kept = self._cache.get((workspace, key_id))
        if kept is not None and self._clock() - kept[0] < CACHE_S:
            return kept[1]
        row = await statements.fetch_optional(SQL.key, WrappedKey, workspace=workspace, key_id=key_id)
        if row is None:
            self._cache.pop((workspace, key_id), None)
            raise Unavailable("The key of this secret was rotated away while it was read; send the request again.")
        return self._unwrapped(workspace, row)

    def _unwrapped(self, workspace: str, row: WrappedKey) -> bytes:
        """The key of `row`, unwrapped at most once in `CACHE_S`; what is older than that is forgotten."""
        now = self._clock()
        kept = self._cache.get((workspace, row.key_id))
        if kept is not None and now - kept[0] < CACHE_S:
            return kept[1]
        key = unwrap(self._root, row, workspace=workspace)
        self._cache = {place: entry for place, entry in self._cache.items() if now - entry[0] < CACHE_S}
        self._cache[workspace, row.key_id] = (now, key)
        return key


def unwrap(root: RootKeys, row: WrappedKey, *, workspace: str) -> bytes:
    """The key in `row`.

    Raises:
        SecretsUnreadable: its root key is not held, or does not open it.
    """
    return unwrap_key(
        row.wrapped,
        root_key=root.get(row.root_key_id),
        root_key_id=row.root_key_id,
        workspace_id=workspace,
        key_id=row.key_id,
    )


async def add_workspace_key(
    transaction: Transaction, root: RootKeys, *, workspace: str, key: bytes | None = None, key_id: int = 1
) -> None:
    """Give `workspace` a key (default: a new random one); call it in the transaction that makes the workspace."""
    root_key_id = await hold_root_key(transaction)
    wrapped = wrap_key(
        key or new_key(),
        root_key=root.get(root_key_id),
        root_key_id=root_key_id,
        workspace_id=workspace,
        key_id=key_id,
    )
    await transaction.execute(SQL.add_key, workspace=workspace, key_id=key_id, wrapped=wrapped, root_key_id=root_key_id)


async def check_root_key(database: Database, root: RootKeys) -> None:
    """Make sure at start that `root` belongs to this database; a new database is told of the key by its canary.

    Raises:
        SecretsUnreadable: it does not; the message names the way out.
    """
    async with database.system() as transaction:
        in_use = [row["root_key_id"] for row in await transaction.fetch_all(SQL.root_keys_in_use)]
        for root_key_id in in_use:
            _require(root, root_key_id)
        root_key_id, root_key = root.current()
        fresh = make_canary(root_key=root_key, root_key_id=root_key_id)
        await transaction.execute(SQL.add_canary, sealed=fresh, root_key_id=root_key_id)
        canary = await transaction.fetch_one(SQL.canary)
        root_key = _require(root, canary["root_key_id"])
        if not opens_canary(canary["sealed"], root_key=root_key, root_key_id=canary["root_key_id"]):
            raise SecretsUnreadable(WRONG_ROOT_KEY)


WRONG_ROOT_KEY: Final = (
    "The root key does not belong to this database, so its secrets cannot be read. Put the key file that belongs to it "
    "back, or restore the key from the recovery kit with `tidemill secrets restore-root-key`."
)


def _require(root: RootKeys, root_key_id: str) -> bytes:
    try:
        return root.get(root_key_id)
    except SecretsUnreadable as error:
        raise SecretsUnreadable(f"{WRONG_ROOT_KEY} (It needs the root key {root_key_id}.)") from error


@dataclass(slots=True)
class CheckReport:
    """How many keys and secrets were opened, and the names (never values) of those that could not be."""

    opened: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A stored ciphertext with its place and, for messages, its name."""

    place: Place
    key_id: int
    sealed: bytes
    name: str


async def check_secrets(database: Database, root: RootKeys) -> CheckReport:
    """Open every stored ciphertext, page by page: keys, secrets, those in the history, access keys, workflows."""
    report = CheckReport()
    keys: dict[tuple[str, int], bytes] = {}
    async for row in _all_sealed(database):
        try:
            if (row.place.workspace_id, row.key_id) not in keys:  # a rotation may have added one since
                keys = await _all_keys(database, root)
            _open_row(row, keys)
        except SecretsUnreadable:
            report.failed.append(row.name)
        else:
            report.opened += 1
    await _check_keys(database, root, report)
    opened, failed = await signing_keys.check(database, root)
    report.opened += opened
    report.failed += failed
    return report


def _open_row(row: SealedRow, keys: dict[tuple[str, int], bytes]) -> None:
    key = keys.get((row.place.workspace_id, row.key_id))
    if key is None or key_id_of_sealed(row.sealed) != row.key_id:
        raise SecretsUnreadable(row.name)
    open_sealed(row.sealed, key=key, place=row.place)


async def _check_keys(database: Database, root: RootKeys, report: CheckReport) -> None:
    opened = await _all_keys(database, root)
    report.opened += len(opened)
    async with database.system() as transaction:
        for row in await transaction.fetch_all(SQL.all_keys):
            if (row["workspace_id"], row["key_id"]) not in opened:
                report.failed.append(f"key {row['key_id']} of workspace {row['workspace_id']}")


async def _all_keys(database: Database, root: RootKeys) -> dict[tuple[str, int], bytes]:
    """All workspace keys that open."""
    keys = {}
    async with database.system() as transaction:
        rows = await transaction.fetch_all(SQL.all_keys)
    for row in rows:
        workspace = row.pop("workspace_id")
        try:
            keys[workspace, row["key_id"]] = unwrap(root, WrappedKey(**row), workspace=workspace)
        except SecretsUnreadable:
            continue  # told by name in the report
    return keys


async def _all_sealed(database: Database) -> AsyncIterator[SealedRow]:
    async for row in _sealed_rows(database):
        yield row
    async for row in _sealed_steps(database):
        yield row


async def _sealed_rows(database: Database) -> AsyncIterator[SealedRow]:
    """Every stored ciphertext, each page in a transaction of its own, so that a long check holds nothing up."""
    after = ("", "")
    while True:
        async with database.system() as transaction:
            page = await transaction.fetch_all(
                SQL.sealed_variables, after_workspace=after[0], after_path=after[1], limit=PAGE
            )
        for row in page:
            after = (row["workspace_id"], row["path"])
            place = Place(row["workspace_id"], "variable", row["path"], row["version"])
            yield SealedRow(place, row["key_id"], row["sealed"], f"{row['workspace_id']} {row['path']}")
        if len(page) < PAGE:
            break
    last = 0
    while True:
        async with database.system() as transaction:
            page = await transaction.fetch_all(SQL.sealed_history, after=last, limit=PAGE)
        for row in page:
            last = row["id"]
            place = Place(row["workspace_id"], row["kind"], row["path"], row["version"])
            name = f"{row['workspace_id']} {row['path']} (version {row['version']} in the history)"
            yield SealedRow(place, row["key_id"], row["sealed"], name)
        if len(page) < PAGE:
            break
    after_id = ""
    while True:
        async with database.system() as transaction:
            page = await transaction.fetch_all(SQL.sealed_access_keys, after=after_id, limit=PAGE)
        for row in page:
            after_id = row["id"]
            place = Place(row["workspace_id"], ACCESS_KEY, row["id"], 1)
            yield SealedRow(place, row["key_id"], row["sealed"], f"{row['workspace_id']} access key {row['id']}")
        if len(page) < PAGE:
            break


async def _sealed_steps(database: Database) -> AsyncIterator[SealedRow]:
    after_step = (UUID(int=0), "")
    while True:
        async with database.system() as transaction:
            page = await transaction.fetch_all(
                SQL.sealed_steps, after_job=after_step[0], after_key=after_step[1], limit=PAGE
            )
        for row in page:
            after_step = (row["job_id"], row["key"])
            place = Place(row["workspace_id"], WORKFLOW_STEP, f"{row['job_id']} {row['key']}", 1)
            name = f"{row['workspace_id']} step {row['key']} of workflow {row['job_id']}"
            yield SealedRow(place, row["key_id"], row["sealed"], name)
        if len(page) < PAGE:
            break
