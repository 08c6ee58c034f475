"""The jobs that schedules start: of a script or flow as it is now, with the rights of whom the schedule runs as."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog

from tidemill.db import flows, identity, scripts
from tidemill.db.intake import NewJob
from tidemill.db.pool import Database, Json, Transaction
from tidemill.db.schedules import Aside, Due, EndedRun
from tidemill.db.values import Values
from tidemill.engine import permit
from tidemill.engine.concurrency import concurrency_key, fill
from tidemill.engine.debouncing import Origin, rule_of
from tidemill.engine.flow.job_settings import FLOW_TAG, job_settings
from tidemill.engine.flow.single_step import around_step, single_step
from tidemill.engine.on_behalf import acts_for
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, Denied, NotFound, Outdated, Unavailable
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.ids import milliseconds, new_id
from tidemill.model.job import WHOLE_FLOWS, JobKind
from tidemill.model.path import Path, check_name, parse_path
from tidemill.model.schedule import Target
from tidemill.model.script import passed_on

log = structlog.get_logger(__name__)

PASSING: Final = (Unavailable, Outdated)
"""What is no fault of the schedule: it is tried again. Everything else is noted with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall be run. `tag` and `retry` (raw JSON) of the schedule go before those of the script."""

    target: Target
    args: bytes
    tag: str | None = None
    retry: bytes = b"null"
    scheduled_for: datetime | None = None


def put_aside(aside: Aside, what: str, error: Exception) -> None:
    """Leave out what cannot be gone on with until the next look, and tell why."""
    if isinstance(error, Unavailable):
        log.warning("a schedule is put off", what=what, error=str(error))
    else:
        log.error("a schedule is put off", what=what, exc_info=error)
    aside.add(what)


async def runs_as(database: Database, one: Due | EndedRun) -> Principal:
    """Whom a schedule runs as, as they stand now.

    Raises:
        Denied: they are gone, not a member any more or disabled, or have another name by now.
    """
    try:
        principal = await identity.principal_by_name(database, one.email, one.workspace_id)
    except NotFound as error:
        raise Denied(
            f"Whoever the schedule runs as, {one.permissioned_as}, is disabled or no member any more (save it again), "
            "or the workspace is archived."
        ) from error
    if principal.actor != one.permissioned_as:
        raise Denied(f"Whoever the schedule runs as, {one.permissioned_as}, has another name by now: save it again.")
    return replace(principal, workspace=one.workspace_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """The version of a script or flow that runs. `row`: as `SeenScript.row`; None for flows, whose versions stay."""

    kind: str
    number: int | None
    path: str
    tag: str
    settings: Mapping[str, Any]
    labels: tuple[str, ...]
    row: str | None = None
    content: str | None = None
    on_worker_loss: str = "restart"


async def find_runnable(tx: Transaction, caller: Principal, target: Target) -> Runnable:
    """What `target` names, as it is now.

    Raises:
        NotFound: there is none, or `caller` may not know of it.
        Denied: `caller` may not run it.
        BadRequest: it is a library.
    """
    path = parse_path(target.path)
    return await (_flow if target.kind == "flow" else _script)(tx, caller, path)


async def new_job(tx: Transaction, values: Values, caller: Principal, wanted: Wanted, *, schedule_path: str) -> NewJob:
    """The job of `wanted`, not taken in yet.

    Raises:
        NotFound, Denied, BadRequest: as `find_runnable`, or its tag cannot be made of the arguments.
    """
    what = await find_runnable(tx, caller, wanted.target)
    if what.kind == JobKind.FLOW and wanted.retry != b"null":
        content = single_step(what.path, arguments=jsontext.object_fields(wanted.args), retry=wanted.retry)
        what = replace(
            what,
            kind=JobKind.SINGLE_STEP_FLOW,
            number=None,
            content=content.decode(),
            settings=around_step(what.settings),
        )
        wanted = replace(wanted, retry=b"null")
    settings = what.settings
    limit = settings.get("concurrent_limit")
    priority = int(settings.get("priority") or 0)
    options = passed_on(settings)
    if priority:
        options["priority"] = priority
    if wanted.scheduled_for is not None:
        options["scheduled_for"] = wanted.scheduled_for
    flow_args = wanted.args if what.kind in WHOLE_FLOWS else None
    person = acts_for(settings, actor=caller.actor, email=caller.email, flow_args=flow_args)
    origin = Origin(
        workspace=caller.workspace,
        kind=what.kind,
        path=what.path,
        actor=person.actor,
        giver=caller.email,
        is_apart=not permit.sees_runs_at(caller, parse_path(what.path)),
    )
    rule = rule_of(settings, origin, wanted.args)
    if rule is not None and rule.gathered:
        options["gathers"] = rule.gathered
    return NewJob(
        id=new_id(milliseconds(datetime.now(UTC))),
        workspace_id=caller.workspace,
        kind=what.kind,
        tag=_tag(caller, what, wanted),
        created_by=caller.username or caller.email,
        permissioned_as=person.actor,
        email=person.email,
        args=await values.keep(wanted.args, what="The arguments of the schedule"),
        script_hash=what.number,
        script_path=what.path,
        script_row=what.row,
        content=what.content,
        priority=priority,
        schedule_path=schedule_path,
        timeout_s=settings.get("timeout"),
        cache_ttl_s=settings.get("cache_ttl"),
        retry=None if wanted.retry == b"null" else Json(wanted.retry),
        on_worker_loss=what.on_worker_loss,
        options=Json(msgspec.json.encode({**options, **person.options})),
        labels=list(what.labels),
        visible_to_owner=not settings.get("visible_to_runner_only"),
        concurrency_key=_concurrency_key(caller, what, wanted) if limit else None,
        concurrency_limit=limit or None,
        concurrency_window_s=settings.get("concurrency_time_window_s") if limit else None,
        delay_s=0.0 if rule is None else rule.delay_s,
        debounce=rule,
    )


async def _script(tx: Transaction, caller: Principal, path: Path) -> Runnable:
    script = await scripts.seen_head(tx, caller.workspace, path.text)
    if script is None or script.deleted:
        raise permit.not_found(Item(ItemKind.SCRIPT, path))
    permit.require(caller, Action.RUN, Item(ItemKind.SCRIPT, path, script.shares))
    if script.no_main_func:
        raise BadRequest(f"'{path}' has no main function: it is a library that other scripts import.")
    return Runnable(
        kind="script",
        number=script.hash,
        path=script.path,
        tag=script.tag or script.language,
        settings=script.settings,
        labels=script.labels,
        row=script.row,
        on_worker_loss=script.on_worker_loss,
    )


async def _flow(tx: Transaction, caller: Principal, path: Path) -> Runnable:
    flow = await flows.head(tx, caller.workspace, path.text)
    if flow is None or flow.archived:
        raise permit.not_found(Item(ItemKind.FLOW, path))
    permit.require(caller, Action.RUN, Item(ItemKind.FLOW, path, flow.shares))
    return Runnable(
        kind="flow",
        number=flow.id,
        path=flow.path,
        tag=flow.tag or FLOW_TAG,
        settings={**flow.settings, **job_settings(read_flow(flow.value))},
        labels=flow.labels,
    )


def _tag(caller: Principal, what: Runnable, wanted: Wanted) -> str:
    template = wanted.tag or what.tag
    if "$" in template:
        template = fill(template, workspace=caller.workspace, arguments=_read(template, wanted.args))
    return check_name("tag", template)


def _concurrency_key(caller: Principal, what: Runnable, wanted: Wanted) -> str:
    template = what.settings.get("concurrency_key")
    arguments = _read(template or "", wanted.args)
    return concurrency_key(template, workspace=caller.workspace, path=what.path, arguments=arguments)


def _read(template: str, args: bytes) -> Mapping[str, object]:
    """The arguments, where `template` asks for one."""
    found = jsontext.loads(args) if "$args[" in template else {}
    return found if isinstance(found, dict) else {}
