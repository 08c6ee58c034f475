"""From a request to a job in the queue: one statement, or one transaction where something is looked at before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import Query
from starlette.requests import Request

from tidemill.db import debouncing, idempotency, identity, intake, jobs
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json, Statements, Transaction, unique
from tidemill.db.scripts import RunnableScript, hash_text
from tidemill.db.values import Kept
from tidemill.engine import permit, retry
from tidemill.engine.concurrency import concurrency_key, fill
from tidemill.engine.debouncing import DEBOUNCED, Origin, Rule, rule_of
from tidemill.engine.on_behalf import acts_for
from tidemill.engine.permit import Action
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, TooManyRequests
from tidemill.model.failpoint import failpoint
from tidemill.model.identity import CredentialKind, Principal
from tidemill.model.ids import milliseconds, new_id
from tidemill.model.job import WHOLE_FLOWS
from tidemill.model.path import check_name, parse_path
from tidemill.model.script import passed_on
from tidemill.server.jobs_seen import not_there
from tidemill.server.moments import in_utc
from tidemill.server.parts import Parts, actor_of

KEY_HEADER: Final = "Idempotency-Key"
_LAST_YEAR: Final = 9000
_MAX_KEY_CHARS: Final = 255
_MAX_SECONDS: Final = 10 * 366 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What the query of a run request says about the job."""

    scheduled_for: datetime | None = None
    scheduled_in_secs: float | None = None
    parent_job: UUID | None = None
    root_job: UUID | None = None
    tag: str | None = None
    job_id: UUID | None = None
    cache_ttl: int | None = None
    timeout: int | None = None
    priority: int | None = None
    retry: str | None = None
    invisible_to_owner: bool = False
    queue_limit: int | None = None
    skip_preprocessor: bool = False

    @property
    def looks_first(self) -> bool:
        """Whether it asks for something that depends on other jobs."""
        return self.parent_job is not None or self.root_job is not None or self.queue_limit is not None


async def run_query(
    *,
    scheduled_for: Annotated[datetime | None, Query(description="When it shall run; without a zone it is UTC.")] = None,
    scheduled_in_secs: Annotated[float | None, Query(ge=0, le=_MAX_SECONDS)] = None,
    parent_job: UUID | None = None,
    root_job: UUID | None = None,
    tag: str | None = None,
    job_id: Annotated[UUID | None, Query(description="The id to give it: a UUID of version 7, made now.")] = None,
    cache_ttl: Annotated[int | None, Query(ge=0, le=_MAX_SECONDS)] = None,
    timeout: Annotated[int | None, Query(ge=1, le=_MAX_SECONDS)] = None,  # noqa: ASYNC109  # of the job
    priority: Annotated[int | None, Query(ge=0, le=100)] = None,
    retry: Annotated[str | None, Query(description='JSON: {"constant": {"attempts": 3, "seconds": 10}}.')] = None,
    invisible_to_owner: bool = False,
    queue_limit: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    skip_preprocessor: Annotated[bool, Query(description="The arguments are those of main already.")] = False,
) -> RunQuery:
    """Reads a `RunQuery` from the query."""
    return RunQuery(
        scheduled_for=scheduled_for,
        scheduled_in_secs=scheduled_in_secs,
        parent_job=parent_job,
        root_job=root_job,
        tag=tag or None,
        job_id=job_id,
        cache_ttl=cache_ttl,
        timeout=timeout,
        priority=priority,
        retry=retry or None,
        invisible_to_owner=invisible_to_owner,
        queue_limit=queue_limit,
        skip_preprocessor=skip_preprocessor,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """What a job shall run: a version of a script or flow, or `content` in `language`.

    `script_row`: only if the script is still what was seen (`SeenScript.row`). `options`: what else its job carries.
    """

    kind: str
    language: str | None
    path: str | None = None
    script_hash: int | None = None
    script_row: str | None = None
    content: str | None = None
    lock: str | None = None
    tag: str | None = None
    on_worker_loss: str = "restart"
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    early_return: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that a request made, or that the same request made before.

    `early_return`: who waits for a result is given that of this step, as soon as it is there.
    """

    id: UUID
    is_repeat: bool = False
    early_return: str | None = None


def is_webhook(caller: Principal, query: RunQuery) -> bool:
    """Whether a request is an event for a preprocessor: one with a token of a person that does not say otherwise.

    What people start in the browser, and what jobs start, has the arguments of main.
    """
    return caller.credential.kind is CredentialKind.PERSONAL and not query.skip_preprocessor


def preprocessed(runnable: Runnable) -> Runnable:
    """With its preprocessor called first."""
    return replace(runnable, options={**runnable.options, "preprocess": True})


def of_script(script: RunnableScript) -> Runnable:
    """One version of a script."""
    return Runnable(
        kind="script",
        language=script.language,
        path=script.path,
        script_hash=script.hash,
        tag=script.tag,
        on_worker_loss=script.on_worker_loss,
        settings=script.settings,
        labels=script.labels,
    )


async def submit(
    parts: Parts,
    caller: Principal,
    request: Request,
    runnable: Runnable,
    *,
    args: bytes,
    query: RunQuery,
    about: str = "",
    identity: bytes | None = None,
) -> Submitted:
    """Put a job into the queue, or find the one that the same request with the same `Idempotency-Key` put there.

    `about`: what makes requests differ beside their URL, their arguments and the source that they bring along.
    `identity`: stands for the arguments in that, where the same request would not give the same ones.

    Raises:
        BadRequest, TooLarge, NotFound: something about the request does not fit; the message says what.
        IdempotencyMismatch, IdempotencyInFlight: see `db/idempotency.py`.
        TooManyRequests: more jobs wait than `queue_limit` allows.
        Outdated: the script is not what was seen any more.
    """
    claim = _claim_of(request, caller, runnable, args=args if identity is None else identity, about=about)
    kept = await parts.values.keep(args, what="The body of arguments")
    new = _new_job(caller, runnable, kept, args_text=args, query=query)
    if claim is None and not query.looks_first and new.debounce is None:
        await put(parts.database.single, caller, new)
    elif (earlier := await _put_with_care(parts, caller, new, claim=claim, query=query)) is not None:
        return Submitted(earlier, is_repeat=True, early_return=runnable.early_return)
    failpoint("enqueue.after_commit")
    return Submitted(new.id, early_return=runnable.early_return)


async def submit_all(parts: Parts, caller: Principal, wanted: Sequence[tuple[Runnable, bytes]]) -> list[UUID]:
    """Put jobs into the queue, each given by what it shall run and its arguments: all of them, or none.

    Raises:
        BadRequest, TooLarge: something about one of them does not fit; the message says what.
        LeaseLost: the caller is a job that does not run any more.
    """
    new = [
        _new_job(
            caller,
            runnable,
            await parts.values.keep(args, what="The arguments of a job"),
            args_text=args,
            query=RunQuery(),
        )
        for runnable, args in wanted
    ]
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await intake.take_in_all(tx, [each for each in new if each.debounce is None], caller=caller)
        waiting = [each for each in new if each.debounce is not None]
        for each in sorted(waiting, key=_debounce_key):  # everybody holds keys in the same order
            await debouncing.take_in(tx, each, caller=caller)
    return [each.id for each in new]


async def _put_with_care(
    parts: Parts, caller: Principal, new: NewJob, *, claim: idempotency.Claim | None, query: RunQuery
) -> UUID | None:
    """As `put`, where the database has to be asked something before; the job that the same request made earlier."""
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        if claim is not None and (earlier := await idempotency.earlier_job(tx, claim)) is not None:
            return earlier
        new = await _with_lineage(tx, caller, new, query)
        await _check_queue(tx, caller, query)
        await debouncing.take_place(tx, new, by=caller.username or caller.email)
        await put(tx, caller, new)
        if claim is not None:
            await idempotency.keep(tx, claim, new.id)
    return None


async def put(statements: Statements, caller: Principal, new: NewJob) -> None:
    """Enqueue `new` with its audit record, and wake workers with the commit.

    Raises:
        AlreadyExists: there is a job of this id.
        LeaseLost: the caller is a job that does not run any more.
    """
    failpoint("enqueue.before_commit")
    with unique(f"There is a job {new.id} already: leave out job_id, or choose another."):
        await intake.take_in(statements, new, caller=caller)


def _new_job(caller: Principal, what: Runnable, args: Kept, *, args_text: bytes, query: RunQuery) -> NewJob:
    settings = what.settings
    priority = _first(query.priority, settings.get("priority")) or 0
    options = {**what.options, **passed_on(settings)}
    if priority:
        options["priority"] = priority
    limit = settings.get("concurrent_limit")
    flow_args = args_text if what.kind in WHOLE_FLOWS else None
    person = acts_for(settings, actor=caller.actor, email=caller.email, flow_args=flow_args)
    rule = _debounce(caller, what, person.actor, args_text, query=query)
    if rule is not None and rule.gathered:
        options["gathers"] = rule.gathered
    return NewJob(
        id=_id_for(query.job_id),
        workspace_id=caller.workspace,
        kind=what.kind,
        tag=_tag(caller, what, args_text, query),
        created_by=caller.username or caller.email,
        permissioned_as=person.actor,
        email=person.email,
        args=args,
        script_hash=what.script_hash,
        script_path=what.path,
        script_row=what.script_row,
        language=what.language,
        content=what.content,
        lock=what.lock,
        priority=priority,
        scheduled_for=_checked(query.scheduled_for),
        delay_s=max(query.scheduled_in_secs or 0.0, 0.0 if rule is None else rule.delay_s),
        timeout_s=_least(query.timeout, settings.get("timeout")),
        cache_ttl_s=_first(query.cache_ttl, settings.get("cache_ttl")) or None,
        retry=retry_policy(query.retry, what.on_worker_loss),
        on_worker_loss=what.on_worker_loss,
        options=Json(msgspec.json.encode({**options, **person.options})),
        labels=list(what.labels),
        visible_to_owner=not (query.invisible_to_owner or settings.get("visible_to_runner_only")),
        concurrency_key=_concurrency_key(caller, what, args_text) if limit else None,
        concurrency_limit=limit or None,
        concurrency_window_s=settings.get("concurrency_time_window_s") if limit else None,
        debounce=rule,
    )


def _debounce_key(new: NewJob) -> str:
    return "" if new.debounce is None else new.debounce.key


def _debounce(caller: Principal, what: Runnable, actor: str, args: bytes, *, query: RunQuery) -> Rule | None:
    """How it waits for newer calls: not with an event for a preprocessor, nor where it goes on from a step."""
    if what.kind not in DEBOUNCED or what.path is None or not what.options.keys().isdisjoint({"preprocess", "again"}):
        return None
    origin = Origin(
        workspace=caller.workspace,
        kind=what.kind,
        path=what.path,
        actor=actor,
        giver=caller.email,
        is_apart=not permit.sees_runs_at(caller, parse_path(what.path)),
        is_hidden=query.invisible_to_owner,
    )
    return rule_of(what.settings, origin, args)


def _id_for(wanted: UUID | None) -> UUID:
    """A new id, or the wanted one where it holds the present time, by which jobs are kept and listed."""
    now = milliseconds(datetime.now(UTC))
    if wanted is None:
        return new_id(now)
    if abs((wanted.int >> 80) - now) > timedelta(days=1) // timedelta(milliseconds=1):
        raise BadRequest("job_id must be a UUID of version 7 (or a ULID) made now: its first 48 bits are the time.")
    return wanted


def _tag(caller: Principal, what: Runnable, args: bytes, query: RunQuery) -> str:
    template = query.tag or what.tag or what.language or "other"
    if "$" in template:
        template = fill(template, workspace=caller.workspace, arguments=_read(template, args))
    return check_name("tag", template)


def _concurrency_key(caller: Principal, what: Runnable, args: bytes) -> str:
    template = what.settings.get("concurrency_key")
    path = what.path or hash_text(what.script_hash or 0)
    return concurrency_key(template, workspace=caller.workspace, path=path, arguments=_read(template or "", args))


def _read(template: str, args: bytes) -> Mapping[str, object]:
    """The arguments, where `template` asks for one."""
    found = jsontext.loads(args) if "$args[" in template else {}
    return found if isinstance(found, dict) else {}


def retry_policy(text: str | None, on_worker_loss: str) -> Json | None:
    """The policy that a query gives as JSON; None where it says that nothing is repeated.

    Raises:
        BadRequest: it is none, or what runs must not start twice.
    """
    if text is None:
        return None
    try:
        policy = retry.parse(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadRequest('retry must be JSON such as {"constant": {"attempts": 3, "seconds": 10}}.') from error
    if policy is None:
        return None
    if on_worker_loss == "fail":
        raise BadRequest("on_worker_loss 'fail' promises one start at most: leave out 'retry', or choose 'restart'.")
    return Json(text.encode())


def _checked(moment: datetime | None) -> datetime | None:
    moment = in_utc(moment)
    if moment is not None and moment.year > _LAST_YEAR:
        raise BadRequest(f"scheduled_for must not lie behind the year {_LAST_YEAR}.")
    return moment


def _first(*values: int | float | None) -> int | None:
    return next((int(value) for value in values if value is not None), None)


def _least(*values: int | None) -> int | None:
    return min((int(value) for value in values if value), default=None)


async def _with_lineage(tx: Transaction, caller: Principal, new: NewJob, query: RunQuery) -> NewJob:
    """`new` under the parent and root that the request names; both must be visible to the caller."""
    wanted = [each for each in (query.parent_job, query.root_job) if each is not None]
    if not wanted:
        return new
    found = {each.id: each for each in await jobs.all_seen(tx, caller.workspace, wanted)}
    for each in wanted:
        if each not in found:
            raise not_there(each)
        permit.require(caller, Action.READ, jobs.target_of(found[each]))
    parent = None if query.parent_job is None else found[query.parent_job]
    root = query.root_job or (None if parent is None else parent.root_job or parent.id)
    return replace(new, parent_job=query.parent_job, root_job=root)


async def _check_queue(tx: Transaction, caller: Principal, query: RunQuery) -> None:
    limit = query.queue_limit
    if limit is not None and await jobs.waiting(tx, caller.workspace, at_most=limit + 1) >= limit:
        raise TooManyRequests(f"{limit} jobs wait already, as many as queue_limit allows.", retry_after_s=5)


def _claim_of(
    request: Request, caller: Principal, what: Runnable, *, args: bytes, about: str
) -> idempotency.Claim | None:
    """The request's `Idempotency-Key`, with a digest of all that makes it the same request.

    The arguments stand for the body, since the bytes of a multipart body change when it is made again.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= _MAX_KEY_CHARS:
        raise BadRequest(f"{KEY_HEADER} must have 1 to {_MAX_KEY_CHARS} characters.")
    query = sorted(pair for pair in request.query_params.multi_items() if pair[0] != "token")
    source = (what.content, what.language, what.lock, what.path, what.tag) if what.content is not None else ()
    digest = hashlib.sha256()
    for part in (request.url.path, repr(query), repr(source), about):
        digest.update(len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass"))
    digest.update(args)
    return idempotency.Claim(caller.workspace, caller.actor, key, digest.digest())
