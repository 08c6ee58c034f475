"""Old versions of variables, resources and states: list, look, compare, restore, clear. As visible as the item."""

import dataclasses
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import audit, history, references, resources, storage_access, variables
from tidemill.db.history import Kind, Version
from tidemill.db.pool import Transaction
from tidemill.db.storage_access import Touched
from tidemill.engine import permit
from tidemill.engine.json_diff import differences
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.errors import Conflict
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.preconditions import Conditions, Preconditions, etag, require_change
from tidemill.server.wire import ERRORS, TEXT, json_answer, returns, text_answer

router = APIRouter(tags=["history"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
_KINDS: Final[dict[Kind, ItemKind]] = {"variable": ItemKind.VARIABLE, "resource": ItemKind.RESOURCE}
MAX_VERSIONS: Final = 1000
_LARGEST_ID: Final = 2**63 - 1

VersionId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]
From = Annotated[int, Query(alias="from", ge=1, le=_LARGEST_ID)]
To = Annotated[int, Query(ge=1, le=_LARGEST_ID)]
Before = Annotated[int | None, Query(ge=1, le=_LARGEST_ID)]
PerPage = Annotated[int, Query(ge=1, le=MAX_VERSIONS)]


class WireVersion(msgspec.Struct, kw_only=True):
    """One version, without its value. `version` is the number in the item's `ETag`; `operation` and below are ours."""

    id: int
    version: int
    created_at: datetime
    created_by: str
    operation: str
    path: str
    is_secret: bool
    description: str
    email: str
    resource_type: str | UnsetType = UNSET
    job_id: UUID | UnsetType = UNSET


class Versions(msgspec.Struct):
    """Versions, newest first. `next_before` goes on to older ones, if there are any."""

    versions: list[WireVersion]
    versioned: bool = True
    next_before: int | UnsetType = UNSET


class WholeVersion(WireVersion, kw_only=True):
    """One version. Secrets have no value here; `missing_references` lead nowhere now, or nowhere for the caller."""

    missing_references: list[str]
    value: msgspec.Raw | UnsetType = UNSET


class Change(msgspec.Struct):
    """One place that differs: a JSON pointer, and what was and is there."""

    pointer: str
    old: msgspec.Raw | UnsetType = UNSET
    new: msgspec.Raw | UnsetType = UNSET


class Comparison(msgspec.Struct, rename={"from_version": "from", "to_version": "to"}):
    """Two versions and what differs between their values. Of secrets it tells only whether they differ."""

    from_version: WireVersion
    to_version: WireVersion
    is_changed: bool
    changes: list[Change]


async def _list(parts: Parts, caller: Principal, kind: Kind, path: str, *, before: int | None, limit: int) -> Response:
    item = Item(_KINDS[kind], parse_path(path))
    async with parts.database.transaction(caller.workspace) as tx:
        there = await _item_there(tx, caller, item)
        permit.require(caller, Action.READ, there or item)  # before more is looked up: how long that takes would tell
        found = await history.page(tx, caller.workspace, kind, path, before=before, limit=limit)
        if there is None and not found:
            raise permit.not_found(item)
    more = found[-1].id if len(found) == limit else UNSET
    return json_answer(Versions([_on_wire(each) for each in found], next_before=more))


async def _get(parts: Parts, caller: Principal, kind: Kind, version_id: int) -> Response:
    async with parts.database.transaction(caller.workspace) as tx:
        found = await _readable(tx, caller, kind, version_id)
        missing = await references.missing(tx, caller, found.value) if found.value and kind == "resource" else []
    value = msgspec.Raw(found.value) if found.value is not None else UNSET
    whole = WholeVersion(**msgspec.structs.asdict(_on_wire(found)), missing_references=missing, value=value)
    return json_answer(whole)


async def _compare(parts: Parts, caller: Principal, kind: Kind, old_id: int, new_id: int) -> Response:
    async with parts.database.transaction(caller.workspace) as tx:
        old = await _readable(tx, caller, kind, old_id)
        new = await _readable(tx, caller, kind, new_id)
        if old.is_secret or new.is_secret:
            is_changed = await _plaintext(parts, tx, caller, old) != await _plaintext(parts, tx, caller, new)
            return json_answer(Comparison(_on_wire(old), _on_wire(new), is_changed, []))
    found = differences(old.value or b"null", new.value or b"null")
    changes = [
        Change(each.pointer, msgspec.Raw(each.old) if each.old else UNSET, msgspec.Raw(each.new) if each.new else UNSET)
        for each in found
    ]
    return json_answer(Comparison(_on_wire(old), _on_wire(new), bool(found), changes))


async def _clear(parts: Parts, caller: Principal, kind: Kind, path: str) -> Response:
    item = Item(_KINDS[kind], parse_path(path))
    async with changing(parts, caller) as tx:
        there = await _item_there(tx, caller, item)
        permit.require(caller, Action.READ, there or item)
        if there is None and not await history.page(tx, caller.workspace, kind, path, before=None, limit=1):
            raise permit.not_found(item)
        permit.require(caller, Action.DELETE, there or item)
        removed = await history.clear(tx, caller.workspace, kind, path)
        await audit.record(tx, caller, f"{kind}s.clear_history", "Delete", path, {"versions": removed})
    return text_answer(path)


async def _restore(
    parts: Parts, caller: Principal, kind: Kind, version_id: int, *, conditions: Preconditions
) -> Response:
    async with changing(parts, caller) as tx:
        old = await _readable(tx, caller, kind, version_id)
        if kind == "resource":
            version = await _restore_resource(tx, caller, old, conditions)
        else:
            version = await _restore_variable(parts, tx, caller, old, conditions=conditions)
        if version is None:
            raise Conflict(f"Something was created at '{old.path}' just now; look at it, then restore again.")
        await audit.record(tx, caller, f"{kind}s.restore", "Update", old.path, {"from_version": old.version})
        if caller.is_job:
            await storage_access.record(tx, caller, [Touched(kind, old.path, version)], "write")
    return text_answer(old.path, headers=etag(version))


async def _restore_resource(tx: Transaction, caller: Principal, old: Version, conditions: Preconditions) -> int | None:
    """The new version; None where something was created at the path just now."""
    item = Item(ItemKind.RESOURCE, parse_path(old.path))
    content = resources.Content(
        path=old.path,
        resource_type=old.resource_type or "any",
        value=old.value or b"null",
        description=old.description,
    )
    held = await resources.hold(tx, caller.workspace, old.path)
    if held is None:
        permit.require(caller, Action.CREATE, item)
        conditions.check_absent(item)
        return await resources.create(tx, content, workspace=caller.workspace, actor=caller.actor)
    require_change(caller, Action.WRITE, held, item=item, conditions=conditions)
    return await resources.update(
        tx,
        held,
        dataclasses.replace(content, labels=held.labels),
        workspace=caller.workspace,
        actor=caller.actor,
        versions=conditions.versions,
    )


async def _restore_variable(
    parts: Parts, tx: Transaction, caller: Principal, old: Version, *, conditions: Preconditions
) -> int | None:
    """As `_restore_resource`; an old secret is opened and sealed anew, and shown to nobody."""
    item = Item(ItemKind.VARIABLE, parse_path(old.path))
    content = variables.Content(
        path=old.path,
        value=await _plaintext(parts, tx, caller, old),
        is_secret=old.is_secret,
        description=old.description,
    )
    held = await variables.hold(tx, caller.workspace, old.path)
    if held is None:
        permit.require(caller, Action.CREATE, item)
        conditions.check_absent(item)
        return await variables.create(tx, parts.keyring, content, workspace=caller.workspace, actor=caller.actor)
    require_change(caller, Action.WRITE, held, item=item, conditions=conditions)
    return await variables.update(
        tx,
        parts.keyring,
        held,
        dataclasses.replace(content, labels=held.labels),
        workspace=caller.workspace,
        actor=caller.actor,
        versions=conditions.versions,
    )


async def _item_there(tx: Transaction, caller: Principal, item: Item) -> Item | None:
    """The item as it is now, with its shares; None where it was deleted or never was."""
    if item.kind is ItemKind.VARIABLE:
        variable = await variables.find(tx, caller.workspace, item.path.text)
        return None if variable is None else variable.item
    resource = await resources.find(tx, caller.workspace, item.path.text)
    return None if resource is None else resource.item


async def _readable(tx: Transaction, caller: Principal, kind: Kind, version_id: int) -> Version:
    """A version whose item (or, where it was deleted, whose path) is open to the caller, values included."""
    found = await history.find(tx, caller.workspace, kind, version_id)
    item = Item(_KINDS[kind], parse_path(found.path))
    item = await _item_there(tx, caller, item) or item
    if not permit.decide(caller, Action.READ_VALUE, item).visible:
        raise history.unknown_version(version_id)
    permit.require(caller, Action.READ_VALUE, item)
    if caller.is_job:
        await storage_access.record(tx, caller, [Touched(kind, found.path, found.version)], "read")
    return found


async def _plaintext(parts: Parts, tx: Transaction, caller: Principal, found: Version) -> str:
    """The value of a variable's version, for use in here."""
    if found.sealed is None:
        return msgspec.json.decode(found.value or b'""', type=str)
    place = variables.place_of(caller.workspace, found.path, found.version)
    return (await parts.keyring.open(tx, found.sealed, place=place)).decode()


def _on_wire(found: Version) -> WireVersion:
    return WireVersion(
        id=found.id,
        version=found.version,
        created_at=found.at,
        created_by=found.actor,
        operation=found.operation,
        path=found.path,
        is_secret=found.is_secret,
        description=found.description,
        email=found.email,
        resource_type=found.resource_type or UNSET,
        job_id=found.job_id or UNSET,
    )


@router.get(f"{_W}/resources/history/p/{{path:path}}", response_class=Response, responses={200: returns(Versions)})
async def list_resource_versions(
    path: str, parts: InParts, caller: Caller, before: Before = None, per_page: PerPage = MAX_VERSIONS
) -> Response:
    """The versions of a resource or state, newest first."""
    return await _list(parts, caller, "resource", path, before=before, limit=per_page)


@router.get(f"{_W}/variables/history/p/{{path:path}}", response_class=Response, responses={200: returns(Versions)})
async def list_variable_versions(
    path: str, parts: InParts, caller: Caller, before: Before = None, per_page: PerPage = MAX_VERSIONS
) -> Response:
    """The versions of a variable, newest first."""
    return await _list(parts, caller, "variable", path, before=before, limit=per_page)


@router.get(f"{_W}/resources/history/v/{{id}}", response_class=Response, responses={200: returns(WholeVersion)})
async def get_resource_version(id: VersionId, parts: InParts, caller: Caller) -> Response:  # noqa: A002
    """One version of a resource, with its value."""
    return await _get(parts, caller, "resource", id)


@router.get(f"{_W}/variables/history/v/{{id}}", response_class=Response, responses={200: returns(WholeVersion)})
async def get_variable_version(id: VersionId, parts: InParts, caller: Caller) -> Response:  # noqa: A002
    """One version of a variable; of a secret, all but its value."""
    return await _get(parts, caller, "variable", id)


@router.get(f"{_W}/resources/history/diff", response_class=Response, responses={200: returns(Comparison)})
async def compare_resource_versions(parts: InParts, caller: Caller, from_: From, to: To) -> Response:
    """What differs between the values of two versions."""
    return await _compare(parts, caller, "resource", from_, to)


@router.get(f"{_W}/variables/history/diff", response_class=Response, responses={200: returns(Comparison)})
async def compare_variable_versions(parts: InParts, caller: Caller, from_: From, to: To) -> Response:
    """What differs between two versions; of secrets, whether they differ."""
    return await _compare(parts, caller, "variable", from_, to)


@router.post(f"{_W}/resources/history/restore/v/{{id}}", response_class=Response, responses={200: TEXT})
async def restore_resource_version(
    id: VersionId,  # noqa: A002
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
) -> Response:
    """Make an old version the newest one, also where the resource was deleted since."""
    return await _restore(parts, caller, "resource", id, conditions=conditions)


@router.post(f"{_W}/variables/history/restore/v/{{id}}", response_class=Response, responses={200: TEXT})
async def restore_variable_version(
    id: VersionId,  # noqa: A002
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
) -> Response:
    """Make an old version the newest one, also where the variable was deleted since."""
    return await _restore(parts, caller, "variable", id, conditions=conditions)


@router.delete(f"{_W}/resources/history/p/{{path:path}}", response_class=Response, responses={200: TEXT})
async def clear_resource_history(path: str, parts: InParts, caller: Caller) -> Response:
    """Forget all versions of a resource but the newest."""
    return await _clear(parts, caller, "resource", path)


@router.delete(f"{_W}/variables/history/p/{{path:path}}", response_class=Response, responses={200: TEXT})
async def clear_variable_history(path: str, parts: InParts, caller: Caller) -> Response:
    """Forget all versions of a variable but the newest."""
    return await _clear(parts, caller, "variable", path)
