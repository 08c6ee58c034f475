"""Storages of a workspace: which there are, how they are set, who may do what in them, how much they hold."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import audit, identity, members, storages
from tidemill.db.storages import INSTANCE, Setting
from tidemill.engine import permit
from tidemill.engine.object_rules import DEFAULT_RULES, Access
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, Denied
from tidemill.model.identity import Principal
from tidemill.model.object_address import DEFAULT, Address, named
from tidemill.server.objects.manage import create_storage, delete_storage, examine_storage, require_admin
from tidemill.server.objects.settings import WireRule, WireStorages, from_wire, mismatches
from tidemill.server.objects.usage import Amount, count, refresh
from tidemill.server.parts import Caller, InParts, Parts, actor_of
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer
from tidemill.stores.objects.examination import Outcome

router = APIRouter(tags=["storages"], responses=ERRORS, route_class=WatchfulRoute)

_W: Final = "/api/w/{workspace}"


class NewStorages(msgspec.Struct):
    """All storages of the workspace; nothing for the default one alone, kept by the instance."""

    large_file_storage: WireStorages | None = None


class ListedStorage(msgspec.Struct, kw_only=True):
    """A storage. What it leads to, and its rules, are told to admins; `rules` are those that hold."""

    name: str
    kind: str
    is_default: bool
    resource_path: str | UnsetType = UNSET
    root_path: str | UnsetType = UNSET
    public_resource: bool | UnsetType = UNSET
    rules: list[WireRule] | UnsetType = UNSET
    has_default_rules: bool | UnsetType = UNSET


class NewStorage(msgspec.Struct, forbid_unknown_fields=True):
    """A storage that the instance keeps itself. Nothing else is taken: who names a resource here wants a bucket."""

    name: str


class Question(msgspec.Struct):
    """Whether somebody may do `action` with `key`. Without a username: the caller; of others only admins may ask."""

    key: str
    action: Access
    storage: str = ""
    username: str | None = None


class Answer(msgspec.Struct):
    """`rule` is the index of the rule that decided, from 0; null where none did."""

    allowed: bool
    reason: str
    rule: int | None
    pattern: str | None
    allow: str | None


class ExaminedStep(msgspec.Struct):
    """What was tried. `unsupported`: the storage lacks it, and all else works without. `advice` is how to mend it."""

    name: str
    outcome: Outcome
    advice: str


class Folder(msgspec.Struct):
    """What lies below a prefix."""

    prefix: str
    size_bytes: int
    objects: int


class PrefixUsage(msgspec.Struct):
    """What the caller may list below a prefix. Where it is not `complete`, there is more than was counted."""

    size_bytes: int
    objects: int
    complete: bool
    folders: list[Folder]


class StorageUsage(msgspec.Struct):
    """A storage as it was counted at that time; `objects` and `complete` are more than Windmill tells."""

    storage: str
    bytes: int
    computed_at: datetime
    objects: int
    complete: bool


class WorkspaceUsage(msgspec.Struct):
    """All storages of the workspace."""

    total_bytes: int
    storages: list[StorageUsage]


@router.post(
    f"{_W}/workspaces/edit_large_file_storage_config",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(NewStorages),
)
async def edit_storages(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewStorages, Depends(json_body(NewStorages))]
) -> Response:
    """Set all storages of the workspace. Objects are never moved or removed by that."""
    require_admin(caller)
    settings = from_wire(body.large_file_storage, caller=caller, check_folder=parts.objects.check_folder)
    paths = {each.resource_path for each in settings if each.resource_path is not None}
    async with parts.database.transaction(workspace, actor=actor_of(caller)) as tx:
        types = await storages.resource_types(tx, workspace, sorted(paths))
        if fault := next(mismatches(settings, types), ""):
            raise BadRequest(fault)
        await storages.replace(tx, workspace, settings, actor=caller.actor)
        named_storages = {"storages": [each.name for each in settings]}
        await audit.record(tx, caller, "workspaces.edit_large_file_storage_config", "Update", workspace, named_storages)
    missing = sorted(paths - set(types))
    warning = f"; these resources are not there yet: {', '.join(missing)}" if missing else ""
    return text_answer(f"storages were set{warning}")


@router.get(
    f"{_W}/workspaces/get_secondary_storage_names", response_class=Response, responses={200: returns(list[str])}
)
async def get_storage_names(workspace: str, parts: InParts, caller: Caller, include_default: bool = False) -> Response:
    """The names of the storages, without the default one unless it is asked for."""
    permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.MEMBER))
    found = [each.name for each in await storages.all_of(parts.database.single, workspace) if each.name != DEFAULT]
    return json_answer([DEFAULT, *found] if include_default else found)


@router.get(f"{_W}/storages/list", response_class=Response, responses={200: returns(list[ListedStorage])})
async def list_storages(workspace: str, parts: InParts, caller: Caller) -> Response:
    """All storages, the default one first."""
    permit.require(caller, Action.LIST, WorkspaceTarget("workspaces", Need.MEMBER))
    found = {each.name: each for each in await storages.all_of(parts.database.single, workspace)}
    default = found.pop(DEFAULT, Setting(name=DEFAULT))
    return json_answer([_listed(caller, each) for each in (default, *found.values())])


@router.post(
    f"{_W}/storages/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewStorage),
)
async def create(
    parts: InParts, caller: Caller, body: Annotated[NewStorage, Depends(json_body(NewStorage))]
) -> Response:
    """Add a storage that the instance keeps itself, with the default rules.

    One that leads to a bucket is set by `workspaces/edit_large_file_storage_config`.
    """
    await create_storage(parts.database, caller, body.name)
    return text_answer(body.name, status=201)


@router.delete(f"{_W}/storages/delete/{{name}}", response_class=Response, responses={200: TEXT})
async def delete(name: str, parts: InParts, caller: Caller) -> Response:
    """Remove a storage. One that the instance keeps must be empty; the bucket of a resource stays as it is."""
    await delete_storage(parts.database, parts.objects, caller, name)
    return text_answer(f"storage {name} was removed")


@router.post(
    f"{_W}/storages/explain", response_class=Response, responses={200: returns(Answer)}, openapi_extra=accepts(Question)
)
async def explain(parts: InParts, caller: Caller, body: Annotated[Question, Depends(json_body(Question))]) -> Response:
    """Which rule decides, and how."""
    permit.require(caller, Action.READ, WorkspaceTarget("job_helpers", Need.MEMBER))
    who = await _asked_about(parts, caller, body.username)
    verdict = await parts.objects.explain(who, Address(named(body.storage), body.key), body.action)
    rule = verdict.rule
    return json_answer(
        Answer(
            verdict.allowed,
            verdict.reason,
            verdict.index,
            None if rule is None else rule.pattern,
            None if rule is None else rule.allowed,
        )
    )


@router.post(f"{_W}/storages/examine/{{name}}", response_class=Response, responses={200: returns(list[ExaminedStep])})
async def examine(name: str, parts: InParts, caller: Caller) -> Response:
    """Try out step by step what the storage can do, on a small object of our own that is removed again."""
    steps = await examine_storage(parts.objects, caller, name, egress=parts.options.egress)
    return json_answer([ExaminedStep(each.name, each.outcome, each.advice) for each in steps])


@router.get(f"{_W}/storages/usage", response_class=Response, responses={200: returns(PrefixUsage)})
async def prefix_usage(
    parts: InParts,
    caller: Caller,
    storage: str = "",
    prefix: Annotated[str, Query(description="What the keys start with; the whole storage without one.")] = "",
) -> Response:
    """Bytes and objects below a prefix, in all and by the next folder, of what the caller may list."""
    permit.require(caller, Action.READ, WorkspaceTarget("job_helpers", Need.MEMBER))
    found = await count(parts.objects, caller, Address(named(storage), prefix))
    folders = sorted(found.folders.items(), key=_largest_first)
    return json_answer(
        PrefixUsage(
            found.total.size_bytes,
            found.total.objects,
            found.complete,
            [Folder(name, amount.size_bytes, amount.objects) for name, amount in folders],
        )
    )


@router.get(f"{_W}/job_helpers/storage_usage", response_class=Response, responses={200: returns(WorkspaceUsage)})
async def storage_usage(
    workspace: str,
    parts: InParts,
    caller: Caller,
    refresh_now: Annotated[bool, Query(alias="refresh", description="Count again, which may take a while.")] = False,
) -> Response:
    """What the storages of the workspace hold, as they were last counted; counted now where they never were."""
    permit.require(caller, Action.READ, WorkspaceTarget("job_helpers", Need.MEMBER))
    found = [] if refresh_now else await storages.usage(parts.database.single, workspace)
    if not found:
        await refresh(parts.database, parts.objects, workspace)
        found = await storages.usage(parts.database.single, workspace)
    listed = [
        StorageUsage(each.storage, each.size_bytes, each.computed_at, each.objects, each.complete) for each in found
    ]
    return json_answer(WorkspaceUsage(sum(each.bytes for each in listed), listed))


async def _asked_about(parts: Parts, caller: Principal, username: str | None) -> Principal:
    """Whom a question is about. The answer tells what others may do: for admins only."""
    if username is None or username == caller.username:
        return caller
    if not caller.is_admin:
        raise Denied("Only admins of the workspace may ask what others may do.")
    async with parts.database.transaction(caller.workspace) as tx:
        member = await members.get(tx, caller.workspace, username)
    return await identity.principal_by_name(parts.database, member.email, caller.workspace)


def _listed(caller: Principal, setting: Setting) -> ListedStorage:
    listed = ListedStorage(name=setting.name, kind=setting.kind, is_default=setting.name == DEFAULT)
    if not caller.is_admin:
        return listed
    rules = DEFAULT_RULES if setting.rules is None else setting.rules
    listed.rules = [WireRule(rule.pattern, rule.allowed) for rule in rules]
    listed.has_default_rules = setting.rules is None
    if setting.kind != INSTANCE:
        listed.public_resource = setting.public_resource
        listed.resource_path = UNSET if setting.resource_path is None else setting.resource_path
        listed.root_path = UNSET if setting.root_path is None else setting.root_path
    return listed


def _largest_first(entry: tuple[str, Amount]) -> tuple[int, str]:
    name, amount = entry
    return -amount.size_bytes, name
