"""From a step to its job: what it runs, for whom, with which settings."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from tidemill.db.flow_runs import Placed
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.concurrency import concurrency_key, fill
from tidemill.engine.debouncing import Origin, rule_of
from tidemill.engine.flow.commands import Start
from tidemill.engine.flow.job_settings import debounce_settings
from tidemill.engine.on_behalf import acts_for
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, ExpressionFailed, InvalidName
from tidemill.model.flow import PREPROCESSOR_ID, DeployedScript, InlineScript, Limit, Step
from tidemill.model.path import check_name
from tidemill.model.script import PREPROCESSOR_ENTRY, passed_on
from tidemill.worker.flows.known import Memo, RunnableScript, WantScript, answer_of
from tidemill.worker.flows.views import FLOW_TAG, View

DEPTH: Final = "depth"
"""The option that tells how many flows a job lies below that were steps of others."""
Keep = Callable[[Mapping[str, bytes]], Kept]


def level_job(view: View, job: UUID, step: Step, *, kind: str, index: int | None, args: Kept) -> NewJob:
    """A job below a level, for the same person, at the same priority, and so on."""
    priority = step.priority if step.priority is not None else view.priority
    return NewJob(
        id=job,
        workspace_id=view.workspace_id,
        kind=kind,
        tag=view.tag,
        created_by=view.created_by,
        permissioned_as=view.permissioned_as,
        email=view.email,
        args=args,
        script_path=view.script_path,
        script_hash=view.script_hash if kind == "flownode" else None,
        priority=priority,
        parent_job=view.id,
        root_job=view.root or view.id,
        flow_step_id=step.id,
        flow_index=index,
        schedule_path=view.schedule_path,
        visible_to_owner=view.visible_to_owner,
        options=Json(msgspec.json.encode(_inherited(view, step))),
    )


def _inherited(view: View, step: Step) -> dict[str, object]:
    """What the jobs of a step carry, and all below them: the occurrence of the schedule that started the flow, and
    whether what they held is erased once it is over."""
    options = {} if view.options == b"{}" else msgspec.json.decode(view.options, type=dict[str, object])
    names = ("scheduled_for", "delete_after_use", "started_by", DEPTH)
    found: dict[str, object] = {name: options[name] for name in names if name in options}
    return {**found, "delete_after_use": True} if step.delete_after_use else found


def job_of_step(view: View, start: Start, memo: Memo, *, keep: Keep) -> Placed:
    """The job of a script's step.

    Raises:
        Wanted: the script has to be looked up first.
        ExpressionFailed: it is not there, not for whom the flow acts, or its tag is none.
    """
    args = start.args
    job = level_job(view, start.job, start.step, kind="flowscript", index=None, args=keep(args))
    job = replace(
        job,
        delay_s=start.delay_s,
        timeout_s=start.timeout_s,
        cache_ttl_s=start.step.cache_ttl_s,
        options=_options(view, start),
        on_worker_loss="fail" if view.definition.flow.same_worker else job.on_worker_loss,
    )
    match start.step.kind:
        case InlineScript():
            return Placed(debounced(view, start, _inline(view, job, start.step.kind, args)), "queued")
        case DeployedScript():
            placed = _deployed(view, job, start.step.kind, args, memo)
            return replace(placed, job=debounced(view, start, placed.job))
        case other:
            raise TypeError(f"{type(other).__name__} is no script.")


def debounced(view: View, start: Start, job: NewJob) -> NewJob:
    """The job of a step, that waits for newer ones where the flow says so: not in one that is only tried.

    Raises:
        ExpressionFailed: an argument that is to be put together is no list.
    """
    if start.step.debounce is None or view.script_hash is None:
        return job
    settings = {**debounce_settings(start.step.debounce), "visible_to_runner_only": not view.visible_to_owner}
    settings["debounce_key"] = settings["debounce_key"] or f"$workspace/flow/{view.script_path}-{start.step.id}"
    origin = Origin(
        workspace=view.workspace_id,
        kind=job.kind,
        path=view.script_path or "",
        actor=job.permissioned_as,
        giver=view.starter,
        is_apart=view.starter != view.email,  # what others may see of its runs is not known here
    )
    try:
        rule = rule_of(settings, origin, jsontext.build_object(start.args))
    except BadRequest as error:
        raise ExpressionFailed(f"{start.step.place}/debouncing of step '{start.step.id}': {error}") from error
    if rule is None:
        return job
    options = job.options
    if rule.gathered:
        read = msgspec.json.decode(options.raw, type=dict[str, msgspec.Raw])
        options = Json(msgspec.json.encode({**read, "gathers": rule.gathered}))
    return replace(job, debounce=rule, delay_s=max(job.delay_s, rule.delay_s), options=options)


def _inline(view: View, job: NewJob, kind: InlineScript, args: Mapping[str, bytes]) -> NewJob:
    path = kind.path or (f"{view.script_path}/{job.flow_step_id}" if view.script_path else None)
    return replace(
        job,
        script_path=path,
        language=kind.language,
        content=kind.content,
        lock=kind.lock,
        tag=_tag(view, kind.tag, kind.language, args),
        **limited(view, kind.limit, path or str(view.id), args),
    )


def _deployed(view: View, job: NewJob, kind: DeployedScript, args: Mapping[str, bytes], memo: Memo) -> Placed:
    wanted = WantScript(view.workspace_id, view.email, kind.path, kind.hash)
    script = cast("RunnableScript", answer_of(memo, wanted))
    seen, settings = script.seen, script.seen.settings
    limit = None
    if settings.get("concurrent_limit"):
        limit = Limit(
            count=settings["concurrent_limit"],
            window_s=settings.get("concurrency_time_window_s"),
            key=settings.get("concurrency_key"),
        )
    person = acts_for(settings, actor=view.permissioned_as, email=view.email, flow_args=None)
    job = replace(
        job,
        kind="script",
        permissioned_as=person.actor,
        email=person.email,
        script_path=seen.path,
        script_hash=seen.hash,
        script_row=seen.row,
        language=seen.language,
        tag=_tag(view, kind.tag or seen.tag, seen.language, args),
        timeout_s=min((each for each in (job.timeout_s, settings.get("timeout")) if each), default=None),
        cache_ttl_s=job.cache_ttl_s or settings.get("cache_ttl") or None,
        on_worker_loss="fail" if view.definition.flow.same_worker else seen.on_worker_loss,
        options=Json(
            msgspec.json.encode({**passed_on(settings), **msgspec.json.decode(job.options.raw), **person.options})
        ),
        labels=list(seen.labels),
        **limited(view, limit, seen.path, args),
    )
    return Placed(job, "queued", source=(script.version.content, script.version.lock))


def _options(view: View, start: Start) -> Json:
    """The settings that the job carries; `flow_path` decides where its state is kept."""
    options = _inherited(view, start.step)
    if view.definition.flow.same_worker:
        options["shared"] = str(view.state.place.source)
    if view.script_path:
        options["flow_path"] = view.script_path
    if start.step.priority:
        options["priority"] = start.step.priority
    if start.step.id == PREPROCESSOR_ID:
        options["entry"] = PREPROCESSOR_ENTRY
    return Json(msgspec.json.encode(options))


def runs_on_tag_of_flow(view: View) -> bool:
    """Whether steps run on the tag of the flow, also those that have tags of their own."""
    return view.tag != FLOW_TAG and not view.definition.flow.keeps_step_tags


def _tag(view: View, own: str | None, language: str, args: Mapping[str, bytes]) -> str:
    """That of the flow where it has one, its own where it has none or keeps those of its steps, else its language."""
    if runs_on_tag_of_flow(view):
        return view.tag
    template = own or (view.tag if view.tag != FLOW_TAG else language)
    try:
        return check_name("tag", fill(template, workspace=view.workspace_id, arguments=_read(template, args)))
    except InvalidName as error:
        raise ExpressionFailed(str(error)) from error


def limited(view: View, limit: Limit | None, path: str, args: Mapping[str, bytes]) -> dict[str, Any]:
    """The limit that the job of a step is under, as its members."""
    if limit is None:
        return {}
    key = concurrency_key(limit.key, workspace=view.workspace_id, path=path, arguments=_read(limit.key or "", args))
    return {
        "concurrency_key": key,
        "concurrency_limit": limit.count,
        "concurrency_window_s": limit.window_s,
    }


def _read(template: str, args: Mapping[str, bytes]) -> Mapping[str, object]:
    return {name: jsontext.loads(value) for name, value in args.items()} if "$args[" in template else {}
