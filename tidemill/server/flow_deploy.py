"""Deploying a version of a flow: what it says is read and checked first, then kept as it was sent."""

from typing import Any, Final

import anyio.to_thread
import msgspec

from tidemill.db import audit, flows, identity
from tidemill.db.flows import FlowVersion, NewFlowVersion
from tidemill.db.pool import Json
from tidemill.engine import permit, retry
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.languages import QUERY_LANGUAGES, load_language
from tidemill.model.errors import BadRequest, InvalidFlow, InvalidSchema, Unsupported
from tidemill.model.flow import Flow, InlineScript, Step, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.job import JobKind
from tidemill.model.path import check_name, parse_path
from tidemill.server.enqueue import Runnable, submit_all
from tidemill.server.flow_wire import NewFlow, check_supported, settings_of
from tidemill.server.on_behalf import on_behalf
from tidemill.server.parts import Parts, actor_of
from tidemill.server.preconditions import ANY_VERSION, Preconditions

_MAX_TEXT_CHARS: Final = 100_000
_MAX_LABELS: Final = 100


async def checked_flow(raw: bytes) -> Flow:
    """The flow that `raw` is the value of, if it can be run.

    Raises:
        InvalidFlow, BadRequest, Unsupported: it cannot; the message names the place.
    """
    flow = await anyio.to_thread.run_sync(read_flow, raw)
    for step in all_steps(flow):
        if step.is_debounced:
            raise Unsupported(f"'{step.place}/debouncing' is not supported: debounce the flow itself.")
        if step.retry is not None:
            try:
                retry.parse(dict(step.retry.policy))
            except BadRequest as error:
                raise InvalidFlow(f"{step.place}/retry: {error}") from error
        if isinstance(step.kind, InlineScript) and step.kind.language not in QUERY_LANGUAGES:
            load_language(step.kind.language)
    return flow


async def deploy_flow(
    parts: Parts, caller: Principal, new: NewFlow, *, at: str | None = None, conditions: Preconditions = ANY_VERSION
) -> Flow:
    """Deploy a version; the flow as it was read. `at`: the path of the flow that it follows, which must be there.

    Raises:
        AlreadyExists: there is a flow at the path.
        VersionMismatch: the version that it would follow is not one of those that the caller allows.
        BadRequest, Denied, NotFound: something about it does not fit; the message says what.
    """
    check_supported(new)
    _check_texts(new)
    path = parse_path(new.path or at or "")
    flow = await checked_flow(bytes(new.value))
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        behalf = await on_behalf(tx, caller, new)
        version = _version(caller, new, path.text, behalf)
        if at is None:
            permit.require(caller, Action.CREATE, Item(ItemKind.FLOW, path))
            number = await flows.add(tx, version)
        else:
            await flows.hold(tx, caller.workspace, parse_path(at).text)
            earlier = await flows.head(tx, caller.workspace, parse_path(at).text)
            _require_change(caller, earlier, at=at, to=path.text, conditions=conditions)
            number = await flows.replace(tx, version, at=parse_path(at).text)
        operation = "flows.create" if at is None else "flows.update"
        await audit.record(tx, caller, operation, "Create" if at is None else "Update", path.text, {"version": number})
    if any(_is_unlocked(step) for step in all_steps(flow)):
        locking = flow_locking(bytes(new.value), path=path.text, version=number)
        await submit_all(parts, caller, [(locking, b"{}")])
    return flow


def flow_locking(value: bytes, *, path: str | None, version: int | None = None) -> Runnable:
    """What locks the scripts that stand in a flow; with `version` that one is kept with its locks."""
    return Runnable(
        kind=JobKind.FLOW_DEPENDENCIES,
        language=None,
        path=path,
        script_hash=version,
        content=value.decode(),
        tag="dependency",
    )


def _is_unlocked(step: Step) -> bool:
    return isinstance(step.kind, InlineScript) and step.kind.lock is None and step.kind.language not in QUERY_LANGUAGES


def _require_change(
    caller: Principal, earlier: FlowVersion | None, *, at: str, to: str, conditions: Preconditions
) -> None:
    if earlier is None:
        raise permit.not_found(Item(ItemKind.FLOW, parse_path(at)))
    item = Item(ItemKind.FLOW, parse_path(earlier.path), earlier.shares)
    if earlier.path == to:
        permit.require(caller, Action.WRITE, item)
    else:
        permit.require(caller, Action.MOVE, item)
        permit.require(caller, Action.CREATE, Item(ItemKind.FLOW, parse_path(to)))
    conditions.check_present(item, earlier.id)


def _version(caller: Principal, new: NewFlow, path: str, behalf: dict[str, Any]) -> NewFlowVersion:
    schema = bytes(new.schema)
    if schema != b"null" and not schema.lstrip().startswith(b"{"):
        raise InvalidSchema("schema must be a JSON object.")
    return NewFlowVersion(
        workspace_id=caller.workspace,
        path=path,
        summary=new.summary,
        description=new.description or "",
        value=Json(bytes(new.value)),
        schema=Json(schema),
        tag=check_name("tag", new.tag) if new.tag else None,
        options=Json(msgspec.json.encode({**settings_of(new), **behalf})),
        labels=new.labels or [],
        deployment_message=new.deployment_message or None,
        created_by=caller.username or caller.email,
    )


def _check_texts(new: NewFlow) -> None:
    for name in ("summary", "description", "deployment_message"):
        if len(getattr(new, name) or "") > _MAX_TEXT_CHARS:
            raise BadRequest(f"{name} has more than {_MAX_TEXT_CHARS} characters.")
    if len(new.labels or []) > _MAX_LABELS:
        raise BadRequest(f"A flow has at most {_MAX_LABELS} labels.")
