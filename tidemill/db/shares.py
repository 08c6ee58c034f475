"""Shares: who, besides those whom the path names, may read or write one item, folder or group."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tidemill.db.pool import Transaction
from tidemill.db.queries import queries

_SQL: Final = queries("shares")


class Shared(StrEnum):
    """What has shares; each kind has its queries in `sql/shares.sql`."""

    SCRIPT = "script"
    FLOW = "flow"
    VARIABLE = "variable"
    RESOURCE = "resource"
    SCHEDULE = "schedule"
    FOLDER = "folder"
    GROUP = "group"


async def of_item(tx: Transaction, workspace: str, kind: Shared, *, path: str) -> Mapping[str, bool] | None:
    """The shares of a script, flow, variable, resource or schedule; None where there is no such item."""
    found = await tx.fetch_value(_SQL[kind.value], workspace=workspace, path=path)
    if found is None:
        return None
    shares: Mapping[str, bool] = json.loads(found)
    return shares


async def add(tx: Transaction, workspace: str, kind: Shared, *, path: str, owner: str, may_write: bool) -> None:
    """Share it with `owner` (a permission key), or change what that one may do."""
    await tx.execute(_SQL[f"add_to_{kind.value}"], workspace=workspace, path=path, owner=owner, may_write=may_write)


async def remove(tx: Transaction, workspace: str, kind: Shared, *, path: str, owner: str) -> None:
    """Take the share of `owner` away, if it has one."""
    await tx.execute(_SQL[f"remove_from_{kind.value}"], workspace=workspace, path=path, owner=owner)
