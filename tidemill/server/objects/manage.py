"""Making, removing and trying out storages: in the UI, on the command line, or as buckets of an S3 client."""

import asyncio
from contextlib import aclosing
from typing import Final

from tidemill.db import audit, storages
from tidemill.db.pool import Actor, Database
from tidemill.engine import permit
from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import AlreadyExists, Conflict, NotFound
from tidemill.model.identity import Principal
from tidemill.model.object_address import DEFAULT, Address, check_storage_name, named
from tidemill.server.objects.service import Objects
from tidemill.server.objects.way import RESOURCE_TYPES
from tidemill.stores.objects.examination import Outcome, Step, examine, passed_over

EXAMINATION_S: Final = 30.0


def require_admin(caller: Principal) -> None:
    """Raises Denied unless `caller` may change the storages of its workspace."""
    permit.require(caller, Action.WRITE, WorkspaceTarget("workspaces", Need.ADMIN))


async def create_storage(database: Database, caller: Principal, name: str) -> None:
    """Add the storage `name`, with the default rules.

    Raises:
        Denied: the caller is no admin of the workspace.
        InvalidName: it is no name of a storage.
        AlreadyExists: there is one of that name.
    """
    require_admin(caller)
    check_storage_name(name)
    async with database.transaction(caller.workspace, actor=_actor(caller)) as tx:
        if not await storages.create(tx, caller.workspace, name, actor=caller.actor):
            raise AlreadyExists(f"There is a storage '{name}' already.")
        await audit.record(tx, caller, "storages.create", "Create", name)


async def delete_storage(database: Database, objects: Objects, caller: Principal, name: str) -> None:
    """Remove the storage `name`, which must be empty. What leads to a bucket is only forgotten: the bucket stays.

    Raises:
        Denied: the caller is no admin of the workspace.
        NotFound: there is no such storage.
        Conflict: there are objects in it, or uploads under way.
    """
    require_admin(caller)
    setting = next(
        (each for each in await storages.all_of(database.single, caller.workspace) if each.name == name), None
    )
    if setting is None or name == DEFAULT:
        raise NotFound(f"There is no storage '{name[:80]}' that was made.")
    if setting.resource_path is None:
        if (await objects.scan(caller, Address(name), limit=1)).entries:
            raise Conflict(f"Storage '{name}' is not empty: delete its objects first.")
        if await objects.uploads.page(caller, Address(name), limit=1):
            raise Conflict(f"Storage '{name}' has uploads under way: abort them first.")
    async with database.transaction(caller.workspace, actor=_actor(caller)) as tx:
        await storages.delete(tx, caller.workspace, name)
        await audit.record(tx, caller, "storages.delete", "Delete", name)


async def examine_storage(objects: Objects, caller: Principal, name: str, *, egress: Egress) -> list[Step]:
    """Try out what the storage `name` can do, on an object of our own, by the same calls and rule as in use.

    It does not ask the rules of the storage: they are about keys of people, and only admins may ask for this.

    Raises:
        Denied: the caller is no admin of the workspace.
        NotFound: there is no such storage.
        StorageMisconfigured: it leads nowhere.
    """
    require_admin(caller)
    async with objects.storage(caller, Address(named(name))) as storage:
        steps = [passed_over(storage.kind, storage.passed_over)] if storage.kind in RESOURCE_TYPES else []
        try:
            rule = EVERYWHERE if storage.kind == storages.INSTANCE else egress
            steps_of = examine(storage.store, egress=rule)
            async with asyncio.timeout(EXAMINATION_S), aclosing(steps_of) as examined:
                async for step in examined:
                    steps.append(step)  # noqa: PERF401  # those that were done are kept when time is over
        except TimeoutError:
            advice = f"It took longer than {EXAMINATION_S:g} seconds: check endPoint, port and firewalls."
            steps.append(Step("answer in time", Outcome.FAILED, advice))
    return steps


def _actor(caller: Principal) -> Actor:
    return Actor(name=caller.actor, email=caller.email, job=caller.credential.job_id)
