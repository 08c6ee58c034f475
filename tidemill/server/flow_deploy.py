"""Deploying a version of a flow: what it says is read and checked first, then kept as it was sent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import anyio.to_thread
import msgspec

from tidemill.db import audit, flows, identity
from tidemill.db.flows import FlowVersion, Locking, NewFlowVersion
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine import permit, retry
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.languages import QUERY_LANGUAGES, is_unlocked, load_language
from tidemill.model.errors import BadRequest, InvalidFlow, InvalidSchema, Unsupported
from tidemill.model.flow import DeployedScript, Flow, InlineScript, Step, SubFlow, all_steps, inner_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.ids import milliseconds, new_id
from tidemill.model.job import JobKind
from tidemill.model.path import check_name, parse_path
from tidemill.server.enqueue import Runnable, put
from tidemill.server.flow_wire import NewFlow, check_supported, settings_of
from tidemill.server.on_behalf import on_behalf
from tidemill.server.parts import Parts, actor_of
from tidemill.server.preconditions import ANY_VERSION, Preconditions

_MAX_TEXT_CHARS: Final = 100_000
_MAX_LABELS: Final = 100
_DEPENDENCY_TAG: Final = "dependency"


class _Error(msgspec.Struct):
    message: str


class _Failure(msgspec.Struct):
    error: _Error


async def checked_flow(raw: bytes) -> Flow:
    """The flow that `raw` is the value of, if it can be run.

    Raises:
        InvalidFlow, BadRequest, Unsupported: it cannot; the message names the place.
    """
    flow = await anyio.to_thread.run_sync(read_flow, raw)
    for step in all_steps(flow):
        if step.debounce is not None:
            _check_debounced(step, in_order=step not in (flow.failure, flow.preprocessor))
        if step.has_token_scopes:
            raise Unsupported(
                f"'{step.place}/job_token_scopes' is not supported: let the step run a script that is deployed "
                "on behalf of somebody who may do no more than it needs."
            )
        if step.retry is not None:
            try:
                retry.parse(dict(step.retry.policy))
            except BadRequest as error:
                raise InvalidFlow(f"{step.place}/retry: {error}") from error
        if step in (flow.failure, flow.preprocessor) and inner_steps(step):
            raise InvalidFlow(f"{step.place}/value must run a script or a flow: put loops and branches into one.")
        if isinstance(step.kind, InlineScript) and step.kind.language not in QUERY_LANGUAGES:
            load_language(step.kind.language)
    return flow


def _check_debounced(step: Step, *, in_order: bool) -> None:
    if not in_order or not isinstance(step.kind, InlineScript | DeployedScript | SubFlow):
        raise InvalidFlow(f"{step.place}/debouncing is for steps in the order of the flow that run a script or a flow.")
    if step.retry is not None and step.debounce is not None and step.debounce.gathered:
        raise InvalidFlow(
            f"{step.place}/retry would lose what debouncing has put together: repeat inside of what the step runs."
        )


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
    lock_job = new_id(milliseconds(datetime.now(UTC))) if any(map(is_unlocked, all_steps(flow))) else None
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        behalf = await on_behalf(tx, caller, new)
        version = _version(caller, new, path.text, behalf, lock_job=lock_job)
        if at is None:
            permit.require(caller, Action.CREATE, Item(ItemKind.FLOW, path))
            number = await flows.add(tx, version)
        else:
            await flows.hold(tx, caller.workspace, parse_path(at).text)
            earlier = await flows.head(tx, caller.workspace, parse_path(at).text)
            _require_change(caller, earlier, at=at, to=path.text, conditions=conditions)
            number = await flows.replace(tx, version, at=parse_path(at).text)
        if lock_job is not None:
            await put(tx, caller, _lock_job(caller, version, lock_job, number))
        operation = "flows.create" if at is None else "flows.update"
        await audit.record(tx, caller, operation, "Create" if at is None else "Update", path.text, {"version": number})
    return flow


def flow_locking(value: bytes, *, path: str | None, options: Mapping[str, object]) -> Runnable:
    """What locks all of the scripts that stand in a flow, and keeps that nowhere."""
    return Runnable(
        kind=JobKind.FLOW_DEPENDENCIES,
        language=None,
        path=path,
        content=value.decode(),
        tag=_DEPENDENCY_TAG,
        options=options,
    )


def _lock_job(caller: Principal, version: NewFlowVersion, job_id: UUID, number: int) -> NewJob:
    """What locks those scripts of a version that have no lock: it is kept with their locks."""
    return NewJob(
        id=job_id,
        workspace_id=caller.workspace,
        kind=JobKind.FLOW_DEPENDENCIES,
        tag=_DEPENDENCY_TAG,
        created_by=caller.username or caller.email,
        permissioned_as=caller.actor,
        email=caller.email,
        args=Kept(inline=Json(b"{}")),
        script_hash=number,
        script_path=version.path,
        content=version.value.raw.decode(),
    )


def locking_failure(locking: Locking) -> str:
    """Why the scripts of a version are not locked; "" where they are, or may yet be."""
    if locking.status is None or locking.status == "success":
        return ""
    try:
        return msgspec.json.decode(locking.outcome or b"", type=_Failure).error.message
    except msgspec.DecodeError:
        return f"The job that locks the scripts has ended as {locking.status!r}."


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


def _version(
    caller: Principal, new: NewFlow, path: str, behalf: dict[str, Any], *, lock_job: UUID | None
) -> NewFlowVersion:
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
        lock_job=lock_job,
    )


def _check_texts(new: NewFlow) -> None:
    for name in ("summary", "description", "deployment_message"):
        if len(getattr(new, name) or "") > _MAX_TEXT_CHARS:
            raise BadRequest(f"{name} has more than {_MAX_TEXT_CHARS} characters.")
    if len(new.labels or []) > _MAX_LABELS:
        raise BadRequest(f"A flow has at most {_MAX_LABELS} labels.")
