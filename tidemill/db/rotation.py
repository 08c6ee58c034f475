"""Rotation of workspace keys and of the root key, while everybody works on; what was interrupted is taken up again.

A workspace's rotation is a state of its keys, not of a process: it begins when a new key becomes the current one and
the one before is retired, and it ends when nothing is sealed with retired keys and they are deleted. Whoever calls
`rotate_workspace_key` in between helps to finish it. So a crash anywhere needs nothing but another call, and two calls
at once share the work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db import signing_keys
from tidemill.db.keys import ACCESS_KEY, SQL, WORKFLOW_STEP, WrappedKey, add_workspace_key, unwrap
from tidemill.db.pool import Database, Row, Transaction
from tidemill.engine.sealing import Place, key_id_of_sealed, make_canary, open_sealed, seal, wrap_key
from tidemill.model.errors import SecretsUnreadable
from tidemill.model.failpoint import failpoint
from tidemill.model.rootkey import RootKeys

GRACE_S: Final = 10.0
"""Between the last re-sealing and the end of the old key: readers that hold an old row can still open it."""
BATCH: Final = 200
LOCKED_PAUSE_S: Final = 0.05
NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did. `was_resumed`: it finished one that was begun before and made no key of its own."""

    key_id: int
    resealed: int
    was_resumed: bool


async def rotate_workspace_key(
    database: Database,
    root: RootKeys,
    *,
    workspace: str,
    new_key: bytes | None = None,
    batch: int = BATCH,
    grace_s: float = GRACE_S,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Rotation:
    """Seal all secrets of `workspace` and its history with a new key, then delete the old one.

    Where a rotation is unfinished, it is finished; only with a `new_key` that is not the current one by then another
    one follows.

    Raises:
        SecretsUnreadable: some secrets cannot be opened (named in the message); everything else is rotated, and the
            old key is kept for them.
    """
    key_id, began = await _begin(database, root, workspace, new_key)
    failpoint("rotate.after_new_key")
    work = _Resealing(database, root, workspace=workspace, key_id=key_id, batch=batch)
    await work.reseal_all(pause)
    await pause(grace_s)
    failpoint("rotate.before_delete")
    async with database.transaction(workspace) as transaction:
        await transaction.execute(SQL.delete_retired_keys, workspace=workspace)
    failpoint("rotate.after_delete")
    if new_key is not None and not began and not await _is_current(database, root, workspace, new_key):
        return await rotate_workspace_key(
            database, root, workspace=workspace, new_key=new_key, batch=batch, grace_s=grace_s, pause=pause
        )
    return Rotation(key_id, work.count, was_resumed=not began)


async def rotate_root_key(database: Database, root: RootKeys, *, batch: int = BATCH) -> int:
    """Wrap all workspace keys with the newest of `root`; how many there were. The older ones are then of no use.

    Signing keys are sealed with it as well.

    First the canary changes: whoever makes a workspace key takes the canary's root key and holds it, so no key is
    wrapped with the old one after that. Call it again after a crash.

    Raises:
        SecretsUnreadable: a workspace key cannot be opened.
    """
    root_key_id, root_key = root.current()
    async with database.system() as transaction:
        canary = make_canary(root_key=root_key, root_key_id=root_key_id)
        await transaction.execute(SQL.replace_canary, sealed=canary, root_key_id=root_key_id)
    failpoint("rotate_root.after_canary")
    total = 0
    while True:
        async with database.system() as transaction:
            rows = await transaction.fetch_all(SQL.foreign_wrapped_keys, root_key_id=root_key_id, limit=batch)
            await transaction.execute_many(SQL.rewrap_key, [_rewrapped(root, row) for row in rows])
        failpoint("rotate_root.after_wrap")
        total += len(rows)
        if len(rows) < batch:
            break
    async with database.system() as transaction:
        await signing_keys.reseal(transaction, root)
    return total


def _rewrapped(root: RootKeys, row: Row) -> Row:
    workspace, key_id = row.pop("workspace_id"), row["key_id"]
    key = unwrap(root, WrappedKey(**row), workspace=workspace)
    root_key_id, root_key = root.current()
    wrapped = wrap_key(key, root_key=root_key, root_key_id=root_key_id, workspace_id=workspace, key_id=key_id)
    return {"workspace": workspace, "key_id": key_id, "wrapped": wrapped, "root_key_id": root_key_id}


async def _begin(database: Database, root: RootKeys, workspace: str, new_key: bytes | None) -> tuple[int, bool]:
    """The id of the key to rotate to, and whether it was made now; an unfinished rotation is joined instead."""
    async with database.transaction(workspace) as transaction:
        await transaction.fetch_value(SQL.lock_rotation, workspace=workspace)
        state = await transaction.fetch_one(SQL.unfinished_rotation, workspace=workspace)
        if state["key_id"] is None:
            raise SecretsUnreadable(
                f"The workspace {workspace!r} has no key; restore the database from a whole backup."
            )
        if state["is_unfinished"]:
            return state["key_id"], False
        await transaction.execute(SQL.retire_keys, workspace=workspace)
        key_id = state["last_key_id"] + 1
        await add_workspace_key(transaction, root, workspace=workspace, key=new_key, key_id=key_id)
        return key_id, True


async def _is_current(database: Database, root: RootKeys, workspace: str, key: bytes) -> bool:
    async with database.transaction(workspace) as transaction:
        row = await transaction.fetch_one(SQL.current_key, WrappedKey, workspace=workspace)
        return unwrap(root, row, workspace=workspace) == key


class _Resealing:
    """The long part of a rotation: batch after batch, each in a transaction of its own."""

    def __init__(self, database: Database, root: RootKeys, *, workspace: str, key_id: int, batch: int) -> None:
        self._database = database
        self._root = root
        self._workspace = workspace
        self._key_id = key_id
        self._batch = batch
        self._keys: dict[int, bytes] = {}
        self._failed: set[str] = set()
        self.count = 0

    async def reseal_all(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Go over variables, history, access keys and workflows until nothing is left but what cannot be opened."""
        while True:
            before = self.count
            self._failed.clear()
            await self._reseal_variables()
            await self._reseal_history()
            await self._reseal_access_keys()
            await self._reseal_steps()
            async with self._database.transaction(self._workspace) as transaction:
                left = await transaction.fetch_value(SQL.count_stale, workspace=self._workspace, key_id=self._key_id)
            if left == 0:
                return
            if self.count == before and left <= len(self._failed):
                self._give_up()
            await pause(LOCKED_PAUSE_S)  # the rest is locked by writers, who are soon done

    def _give_up(self) -> None:
        names = ", ".join(sorted(self._failed)[:NAMED])
        raise SecretsUnreadable(
            f"{len(self._failed)} secrets of {self._workspace} cannot be opened and keep their old key: {names}. "
            "Write them anew or delete them (with their history), then rotate again."
        )

    async def _reseal_variables(self) -> None:
        after = ""
        while True:
            async with self._database.transaction(self._workspace) as transaction:
                rows = await transaction.fetch_all(
                    SQL.stale_variables,
                    workspace=self._workspace,
                    key_id=self._key_id,
                    after=after,
                    limit=self._batch,
                )
                changed = [
                    {"workspace": self._workspace, "path": row["path"], "version": row["version"]} | sealed
                    for row in rows
                    if (sealed := await self._resealed(transaction, row, kind="variable"))
                ]
                await transaction.execute_many(SQL.reseal_variable, changed)
            self._count(changed)
            if len(rows) < self._batch:
                return
            after = rows[-1]["path"]

    async def _reseal_history(self) -> None:
        after = 0
        while True:
            async with self._database.transaction(self._workspace) as transaction:
                rows = await transaction.fetch_all(
                    SQL.stale_history, workspace=self._workspace, key_id=self._key_id, after=after, limit=self._batch
                )
                changed = [
                    {"workspace": self._workspace, "id": row["id"]} | sealed
                    for row in rows
                    if (sealed := await self._resealed(transaction, row, kind=row["kind"]))
                ]
                await transaction.execute_many(SQL.reseal_history, changed)
            self._count(changed)
            if len(rows) < self._batch:
                return
            after = rows[-1]["id"]

    async def _reseal_access_keys(self) -> None:
        after = ""
        while True:
            async with self._database.transaction(self._workspace) as transaction:
                rows = await transaction.fetch_all(
                    SQL.stale_access_keys,
                    workspace=self._workspace,
                    key_id=self._key_id,
                    after=after,
                    limit=self._batch,
                )
                changed = [
                    {"workspace": self._workspace, "path": row["path"]} | sealed
                    for row in rows
                    if (sealed := await self._resealed(transaction, {**row, "version": 1}, kind=ACCESS_KEY))
                ]
                await transaction.execute_many(SQL.reseal_access_key, changed)
            self._count(changed)
            if len(rows) < self._batch:
                return
            after = rows[-1]["path"]

    async def _reseal_steps(self) -> None:
        after = (UUID(int=0), "")
        while True:
            async with self._database.transaction(self._workspace) as transaction:
                rows = await transaction.fetch_all(
                    SQL.stale_steps,
                    workspace=self._workspace,
                    key_id=self._key_id,
                    after_job=after[0],
                    after_key=after[1],
                    limit=self._batch,
                )
                changed = [
                    {"workspace": self._workspace, "job_id": row["job_id"], "key": row["key"]} | sealed
                    for row in rows
                    if (sealed := await self._resealed(transaction, {**row, "version": 1}, kind=WORKFLOW_STEP))
                ]
                await transaction.execute_many(SQL.reseal_step, changed)
            self._count(changed)
            if len(rows) < self._batch:
                return
            after = (rows[-1]["job_id"], rows[-1]["key"])

    def _count(self, changed: list[Row]) -> None:
        self.count += len(changed)
        if changed:
            failpoint("rotate.after_batch")

    async def _resealed(self, transaction: Transaction, row: Row, *, kind: str) -> Row | None:
        """The new `sealed` and `key_id` of a row; None where it cannot be opened, which is noted."""
        place = Place(self._workspace, kind, row["path"], row["version"])
        try:
            old = await self._key(transaction, key_id_of_sealed(row["sealed"]))
            plaintext = open_sealed(row["sealed"], key=old, place=place)
        except SecretsUnreadable:
            self._failed.add(f"{row['path']} (version {row['version']}{', history' if 'id' in row else ''})")
            return None
        new = await self._key(transaction, self._key_id)
        return {"sealed": seal(plaintext, key=new, key_id=self._key_id, place=place), "key_id": self._key_id}

    async def _key(self, transaction: Transaction, key_id: int) -> bytes:
        if key_id not in self._keys:
            row = await transaction.fetch_optional(SQL.key, WrappedKey, workspace=self._workspace, key_id=key_id)
            if row is None:
                raise SecretsUnreadable(f"The key {key_id} of {self._workspace} is gone.")
            self._keys[key_id] = unwrap(self._root, row, workspace=self._workspace)
        return self._keys[key_id]
