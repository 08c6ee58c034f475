"""Variables and secrets. A secret leaves only by `get`, `get_value` and references, and each time leaves a record."""

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import audit, storage_access, variables
from tidemill.db.pool import Transaction
from tidemill.db.storage_access import Touched
from tidemill.db.variables import Content, Filter, Variable
from tidemill.engine import permit
from tidemill.engine.contextual import contextual_variables
from tidemill.engine.environment import JobContext
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.engine.sealing import export_secret, import_secret
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server import items
from tidemill.server.changes import changing, checked_labels, plain
from tidemill.server.item_pages import InItemPage
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.moments import in_utc
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.preconditions import Conditions, etag, require_change
from tidemill.server.wire import ERRORS, TEXT, accepts, decode, json_answer, json_body, read_json, returns, text_answer

router = APIRouter(tags=["variables"], responses=ERRORS, route_class=LazyRoute)

VARIABLES: Final = items.Store(ItemKind.VARIABLE, variables.find, variables.hold, variables.delete)
_W: Final = "/api/w/{workspace}/variables"
_MAX_BULK: Final = 1000


class NewVariable(msgspec.Struct):
    """A variable to create. `expires_at`: when it is deleted by itself. `account` is taken and not used."""

    path: str
    value: str
    is_secret: bool
    description: str | None = None
    is_oauth: bool = False
    expires_at: datetime | None = None
    labels: list[str] | None = None
    account: int | None = None


class VariableChange(msgspec.Struct):
    """What to change; what is not given, or null, stays. A secret stays one unless `is_secret` says otherwise."""

    path: str | None = None
    value: str | None = None
    is_secret: bool | None = None
    description: str | None = None
    labels: list[str] | None = None


class Paths(msgspec.Struct):
    """Many items."""

    paths: Annotated[list[str], msgspec.Meta(max_length=_MAX_BULK)]


class ListedVariable(msgspec.Struct, kw_only=True):
    """A variable. `value` is absent where it is secret and was not asked for, or may not be read."""

    workspace_id: str
    path: str
    is_secret: bool
    extra_perms: msgspec.Raw
    description: str
    is_oauth: bool
    is_linked: bool = False
    is_refreshed: bool = False
    is_draft: bool = False
    edited_at: datetime
    edited_by: str
    version: int
    value: str | UnsetType = UNSET
    expires_at: datetime | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET


class ContextualVariable(msgspec.Struct):
    """A variable that every job finds in its environment."""

    name: str
    value: str
    description: str
    is_custom: bool = False


@router.post(
    f"{_W}/create", response_class=Response, status_code=201, responses={201: TEXT}, openapi_extra=accepts(NewVariable)
)
async def create_variable(
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[NewVariable, Depends(json_body(NewVariable))],
    already_encrypted: bool = False,
) -> Response:
    """Create a variable; fails where there is one. `already_encrypted`: a secret's value is as exports have it."""
    item = Item(ItemKind.VARIABLE, parse_path(body.path))
    labels = checked_labels(body.labels)
    if body.expires_at is not None and body.expires_at.tzinfo is None:
        raise BadRequest("expires_at needs a time zone, such as 2030-01-31T12:00:00Z.")
    permit.require(caller, Action.CREATE, item)
    async with changing(parts, caller) as tx:
        content = Content(
            path=item.path.text,
            value=await _in_the_clear(parts, tx, caller, body.value, encrypted=already_encrypted and body.is_secret),
            is_secret=body.is_secret,
            description=body.description or "",
            labels=labels,
            is_oauth=body.is_oauth,
            expires_at=in_utc(body.expires_at),
        )
        version = await variables.create(tx, parts.keyring, content, workspace=caller.workspace, actor=caller.actor)
        if version is None:
            raise await items.taken(tx, caller, VARIABLES, item=item, conditions=conditions)
        conditions.check_absent(item)
        await items.record_write(tx, caller, VARIABLES.kind, path=content.path, version=version)
    return text_answer(item.path.text, status=201, headers=etag(version))


@router.post(
    f"{_W}/update/{{path:path}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(VariableChange)
)
async def update_variable(
    path: str,
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[VariableChange, Depends(json_body(VariableChange))],
    already_encrypted: bool = False,
) -> Response:
    """Change a variable, and move it where another `path` is given. Never creates one."""
    item = Item(ItemKind.VARIABLE, parse_path(path))
    new_path = parse_path(body.path) if body.path is not None else item.path
    checked_labels(body.labels)
    async with changing(parts, caller) as tx:
        found = await variables.hold(tx, caller.workspace, item.path.text)
        held = require_change(caller, Action.WRITE, found, item=item, conditions=conditions)
        if new_path != item.path:
            permit.require(caller, Action.MOVE, held.item)
            permit.require(caller, Action.CREATE, Item(ItemKind.VARIABLE, new_path))
        content = await _changed(parts, tx, caller, held, body, new_path=new_path.text, encrypted=already_encrypted)
        version = await variables.update(
            tx,
            parts.keyring,
            held,
            content,
            workspace=caller.workspace,
            actor=caller.actor,
            versions=conditions.versions,
        )
        await items.record_write(tx, caller, VARIABLES.kind, path=new_path.text, version=version, was_at=item.path.text)
    return text_answer(new_path.text, headers=etag(version))


@router.get(f"{_W}/get/{{path:path}}", response_class=Response, responses={200: returns(ListedVariable)})
async def get_variable(
    path: str,
    parts: InParts,
    caller: Caller,
    decrypt_secret: bool | None = None,
    include_encrypted: bool = False,
) -> Response:
    """A variable.

    A secret's value is in it unless `decrypt_secret=false` or the caller may not read it; with `include_encrypted=true`
    it is then there as exports have it.
    """
    found = await items.visible(parts, caller, VARIABLES, path=path, action=Action.READ)
    may_read = permit.decide(caller, Action.READ_VALUE, found.item).allowed
    value: str | UnsetType = UNSET
    if found.is_secret and decrypt_secret is True:
        permit.require(caller, Action.READ_VALUE, found.item)
    if may_read and (not found.is_secret or decrypt_secret is not False):
        value = await _read(parts, caller, found)
    elif may_read and include_encrypted:
        value = await _exported(parts, caller, found)
    return json_answer(_listed(caller, found, value), headers=etag(found.version))


@router.get(f"{_W}/get_value/{{path:path}}", response_class=Response, responses={200: returns(str)})
async def get_variable_value(path: str, parts: InParts, caller: Caller) -> Response:
    """The value alone, as a JSON string."""
    found = await items.visible(parts, caller, VARIABLES, path=path, action=Action.READ_VALUE)
    return json_answer(await _read(parts, caller, found), headers=etag(found.version))


@router.get(f"{_W}/exists/{{path:path}}", response_class=Response, responses={200: returns(bool)})
async def exists_variable(path: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is a variable that the caller may see."""
    return json_answer(await items.exists(parts, caller, VARIABLES, path))


@router.get(f"{_W}/list", response_class=Response, responses={200: returns(list[ListedVariable])})
async def list_variables(
    parts: InParts,
    caller: Caller,
    page: InItemPage,
    path_start: str | None = None,
    path: str | None = None,
    description: str | None = None,
    value: str | None = None,
    broad_filter: str | None = None,
    label: str | None = None,
) -> Response:
    """Variables in order of path; values of secrets are not in it. `value` finds none of them either."""
    permit.require(caller, Action.LIST, Listing("variables"))
    wanted = Filter(
        path_start=plain("path_start", path_start),
        path=plain("path", path),
        description=plain("description", description),
        value=plain("value", value),
        anything=plain("broad_filter", broad_filter),
        label=plain("label", label),
    )
    async with parts.database.transaction(caller.workspace) as tx:
        found = await variables.page(tx, caller, wanted, skip=page.skip, limit=page.limit)
    return json_answer([_listed(caller, each, _open_value(caller, each)) for each in found])


@router.delete(f"{_W}/delete/{{path:path}}", response_class=Response, responses={200: TEXT})
async def delete_variable(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """Delete a variable; its history stays."""
    return text_answer(await items.delete(parts, caller, VARIABLES, path=path, conditions=conditions))


@router.delete(
    f"{_W}/delete_bulk",
    response_class=Response,
    responses={200: returns(list[str])},
    openapi_extra=accepts(Paths),
)
async def delete_variables(
    parts: InParts, caller: Caller, body: Annotated[Paths, Depends(json_body(Paths))]
) -> Response:
    """Delete many variables at once, or none where one may not be deleted; the paths of those that were there."""
    return json_answer(await items.delete_many(parts, caller, VARIABLES, body.paths))


@router.get(f"{_W}/list_contextual", response_class=Response, responses={200: returns(list[ContextualVariable])})
async def list_contextual_variables(parts: InParts, caller: Caller) -> Response:
    """The environment variables of jobs, as a job of the caller would find them."""
    example = JobContext(
        workspace=caller.workspace,
        token="(made for each job)",  # noqa: S106  # it says that there is one
        email=caller.email,
        username=caller.username or caller.email,
        permissioned_as=caller.actor,
        base_url=parts.options.base_url,
        base_internal_url=parts.options.base_url,
        job_id=UUID(int=0),
        attempt=1,
        scheduled_for=datetime.now(UTC),
        script_path=f"u/{caller.username or caller.email}/script",
    )
    return json_answer(
        [ContextualVariable(each.name, each.value, each.description) for each in contextual_variables(example)]
    )


@router.post(f"{_W}/encrypt", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(str))
async def encrypt_value(request: Request, parts: InParts, caller: Caller) -> Response:
    """A text (sent as a JSON string) as the value of a secret in an export, for `already_encrypted=true`."""
    text = decode(await read_json(request), str)
    async with parts.database.transaction(caller.workspace) as tx:
        key = await parts.keyring.current_key(tx, caller.workspace)
    return text_answer(export_secret(text.encode(), key=key))


async def _read(parts: Parts, caller: Principal, found: Variable) -> str:
    """The value; what has to be recorded about reading it is kept by the time that it is given out."""
    if not found.is_secret and not caller.is_job:
        return found.value or ""
    async with parts.database.transaction(caller.workspace) as tx:
        value = await variables.plaintext(tx, parts.keyring, caller.workspace, found)
        if found.is_secret:
            await audit.record(tx, caller, "variables.decrypt_secret", "Execute", found.path)
        await storage_access.record(tx, caller, [Touched("variable", found.path, found.version)], "read")
    return value


async def _exported(parts: Parts, caller: Principal, found: Variable) -> str:
    """The ciphertext for an export. Who has it can import it elsewhere and read it, so it is recorded as a read."""
    async with parts.database.transaction(caller.workspace) as tx:
        value = await variables.plaintext(tx, parts.keyring, caller.workspace, found)
        key = await parts.keyring.current_key(tx, caller.workspace)
        await audit.record(tx, caller, "variables.decrypt_secret", "Execute", found.path, {"as": "export"})
        await storage_access.record(tx, caller, [Touched("variable", found.path, found.version)], "read")
    return export_secret(value.encode(), key=key)


async def _in_the_clear(parts: Parts, tx: Transaction, caller: Principal, value: str, *, encrypted: bool) -> str:
    if not encrypted:
        return value
    key = await parts.keyring.current_key(tx, caller.workspace)
    text = import_secret(value, key=key).decode()
    if "\0" in text:
        raise BadRequest("The value holds the character NUL, which text cannot hold here.")
    return text


async def _changed(
    parts: Parts,
    tx: Transaction,
    caller: Principal,
    held: Variable,
    body: VariableChange,
    *,
    new_path: str,
    encrypted: bool,
) -> Content:
    is_secret = held.is_secret if body.is_secret is None else body.is_secret
    if held.is_secret and not is_secret and body.value is None:
        raise BadRequest("To make a secret readable, send its value too: what is stored is not shown by that.")
    if body.value is None:
        value = await variables.plaintext(tx, parts.keyring, caller.workspace, held)
    else:
        value = await _in_the_clear(parts, tx, caller, body.value, encrypted=encrypted and is_secret)
    return Content(
        path=new_path,
        value=value,
        is_secret=is_secret,
        description=held.description if body.description is None else body.description,
        labels=held.labels if body.labels is None else checked_labels(body.labels),
    )


def _open_value(caller: Principal, found: Variable) -> str | UnsetType:
    """What a list shows of the value."""
    may_read = not found.is_secret and permit.decide(caller, Action.READ_VALUE, found.item).allowed
    return found.value or "" if may_read else UNSET


def _listed(caller: Principal, found: Variable, value: str | UnsetType) -> ListedVariable:
    return ListedVariable(
        workspace_id=caller.workspace,
        path=found.path,
        is_secret=found.is_secret,
        extra_perms=msgspec.Raw(found.extra_perms),
        description=found.description,
        is_oauth=found.is_oauth,
        edited_at=found.edited_at,
        edited_by=found.edited_by,
        version=found.version,
        value=value,
        expires_at=found.expires_at or UNSET,
        labels=list(found.labels) or UNSET,
    )
