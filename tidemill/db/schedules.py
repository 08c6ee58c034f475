"""Schedules and their occurrences: kept, found, started and ended, by the database's clock."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from tidemill.db import queue
from tidemill.db.items import CHUNK, item_of, reader_filter, version_mismatch, visible_page
from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.cron import parse_cron, parse_zone
from tidemill.engine.permit import Item, ItemKind
from tidemill.engine.schedules import HandlerRules, next_due
from tidemill.model.identity import Principal
from tidemill.model.schedule import OccurrenceState, Target

_SQL: Final = queries("schedules")

CHANNEL: Final = "tidemill_schedule"
"""Told when another occurrence may be the next one."""

Aside: TypeAlias = set[str]
"""What could not be gone on with and is left out until the next look: jobs, and schedules as workspace/path."""

NO_ARGS: Final = msgspec.Raw(b"{}")
NO_RETRY: Final = msgspec.Raw(b"null")


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """What a schedule says beside when and what it runs. Arguments are raw JSON objects, `retry` a policy.

    `catch_up_s`: occurrences that were missed for so long still come. The handlers are as `parse_target` reads them.
    """

    args: msgspec.Raw = NO_ARGS
    summary: str = ""
    description: str = ""
    tag: str | None = None
    retry: msgspec.Raw = NO_RETRY
    no_flow_overlap: bool = False
    dynamic_skip: str | None = None
    catch_up_s: int = 0
    cron_version: str | None = None
    ws_error_handler_muted: bool = False
    on_failure: str | None = None
    on_failure_times: int = 1
    on_failure_exact: bool = False
    on_failure_extra_args: msgspec.Raw = NO_ARGS
    on_recovery: str | None = None
    on_recovery_times: int = 1
    on_recovery_extra_args: msgspec.Raw = NO_ARGS
    on_success: str | None = None
    on_success_extra_args: msgspec.Raw = NO_ARGS

    @property
    def rules(self) -> HandlerRules:
        """When its handlers are called."""
        return HandlerRules(self.on_failure_times, self.on_failure_exact, self.on_recovery_times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A stored schedule; see the table for what its fields mean."""

    path: str
    version: int
    cron: str
    timezone: str
    target_kind: str
    target_path: str
    enabled: bool
    paused_until: datetime | None
    settings: bytes
    labels: tuple[str, ...]
    extra_perms: bytes
    permissioned_as: str
    email: str
    created_by: str
    edited_by: str
    created_at: datetime
    edited_at: datetime
    error: str | None
    failures: int
    successes: int

    @property
    def item(self) -> Item:
        return item_of(ItemKind.SCHEDULE, self.path, self.extra_perms)

    @property
    def more(self) -> Settings:
        """`settings`, read."""
        return settings_of(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a schedule shall be. It runs as `permissioned_as`, who has the account `email`."""

    path: str
    cron: str
    timezone: str
    target: Target
    enabled: bool
    paused_until: datetime | None
    settings: Settings
    labels: tuple[str, ...]
    permissioned_as: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which schedules are wanted; None is no restriction.

    Attributes:
        summary, description, anything: are found anywhere and in either case; `anything` in paths, too.
        args: what the arguments have to contain.
    """

    path: str | None = None
    path_start: str | None = None
    target_path: str | None = None
    target_kind: str | None = None
    label: str | None = None
    summary: str | None = None
    description: str | None = None
    anything: str | None = None
    args: Mapping[str, object] | None = None

    def fits(self, one: "Schedule") -> bool:
        """Whether `one` says what is looked for in its settings, which Postgres cannot read: they may hold NUL."""
        more = one.more
        texts = (one.path, one.target_path, more.summary, more.description)
        return (
            _found(self.summary, more.summary)
            and _found(self.description, more.description)
            and _found(self.anything, *texts)
            and (self.args is None or _contains(json.loads(bytes(more.args)), self.args))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the history of schedules."""

    id: int
    at: datetime
    path: str
    operation: str
    changes: bytes | None
    actor: str
    job_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What became of one occurrence."""

    scheduled_for: datetime
    state: OccurrenceState
    job_id: UUID | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An occurrence that is due, with what of its schedule decides. `is_busy`: an earlier run goes on."""

    scheduled_for: datetime
    now: datetime
    workspace_id: str
    path: str
    cron: str
    timezone: str
    target_kind: str
    target_path: str
    paused_until: datetime | None
    settings: bytes
    permissioned_as: str
    email: str
    is_busy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """An occurrence whose job has ended, and how."""

    scheduled_for: datetime
    state: OccurrenceState
    job_id: UUID
    workspace_id: str
    path: str
    target_kind: str
    target_path: str
    enabled: bool
    settings: bytes
    permissioned_as: str
    email: str
    failures: int
    successes: int
    status: str
    result: bytes | None
    result_object: str | None
    started_at: datetime | None
    completed_at: datetime


def settings_of(raw: bytes) -> Settings:
    """Settings as they are kept."""
    return msgspec.json.decode(raw, type=Settings)


async def find(statements: Statements, workspace: str, path: str) -> Schedule | None:
    """The schedule at `path`; None where there is none."""
    return await statements.fetch_optional(_SQL["find"], Schedule, workspace=workspace, path=path)


async def hold(tx: Transaction, workspace: str, path: str) -> Schedule | None:
    """As `find`; nobody else can change or start it until the transaction ends."""
    return await tx.fetch_optional(_SQL["hold"], Schedule, workspace=workspace, path=path)


async def page(tx: Transaction, caller: Principal, wanted: Filter, *, skip: int, limit: int) -> list[Schedule]:
    """Schedules that `caller` may see, in order of path."""
    names = ("path", "path_start", "target_path", "target_kind", "label")
    filters: dict[str, Any] = {name: getattr(wanted, name) for name in names}

    async def read_after(path: str) -> list[Schedule]:
        return await tx.fetch_all(
            _SQL["page"],
            Schedule,
            workspace=caller.workspace,
            after=path,
            limit=CHUNK,
            **filters,
            **reader_filter(caller),
        )

    return await visible_page(read_after, caller, skip=skip, limit=limit, fits=wanted.fits)


async def create(tx: Transaction, content: Content, *, workspace: str, actor: str) -> int | None:
    """Keep a new schedule with its next occurrence, and give its version; None where the path is taken."""
    version: int | None = await tx.fetch_value(_SQL["create"], workspace=workspace, actor=actor, **_columns(content))
    if version is not None:
        await _decide_next(tx, workspace, content)
    return version


async def update(
    tx: Transaction, held: Schedule, content: Content, *, workspace: str, actor: str, versions: Collection[int] | None
) -> int:
    """Give the schedule `held` (by `hold`) the `content`; the new version.

    When it comes next is decided again where that may be another moment: what is due, and late, still comes.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
    """
    version: int | None = await tx.fetch_value(
        _SQL["update"], workspace=workspace, actor=actor, versions=_listed(versions), **_columns(content)
    )
    if version is None:
        raise version_mismatch(held.item, current=held.version)
    if not _comes_as_before(held, content):
        await _decide_next(tx, workspace, content)
    return version


async def delete(tx: Transaction, held: Schedule, *, workspace: str, versions: Collection[int] | None) -> None:
    """Delete the schedule `held` with its occurrences; jobs that were started go on.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
    """
    found = await tx.fetch_value(_SQL["delete"], workspace=workspace, path=held.path, versions=_listed(versions))
    if found is None:
        raise version_mismatch(held.item, current=held.version)


async def record_change(
    tx: Transaction, caller: Principal, path: str, operation: str, changes: dict[str, object] | None
) -> None:
    """Note in the history of schedules what `caller` changed: {field: {old, new}}."""
    raw = None if changes is None else Json(msgspec.json.encode(changes))
    await tx.execute(
        _SQL["record_change"],
        workspace=caller.workspace,
        path=path,
        operation=operation,
        changes=raw,
        actor=caller.username or caller.email,
        email=caller.email,
        job_id=caller.credential.job_id,
    )


async def changes(
    statements: Statements, workspace: str, *, path: str | None, before: int | None, limit: int
) -> list[Change]:
    """Entries of the history, newest first; go on with `before` = the id of the last one."""
    return await statements.fetch_all(
        _SQL["changes"], Change, workspace=workspace, path=path, before=before, limit=limit
    )


async def occurrences(
    statements: Statements, workspace: str, path: str, *, before: datetime | None, limit: int
) -> list[Occurrence]:
    """What became of the occurrences of a schedule, newest first."""
    return await statements.fetch_all(
        _SQL["occurrences"], Occurrence, workspace=workspace, path=path, before=before, limit=limit
    )


async def last_jobs(
    statements: Statements, workspace: str, paths: list[str], *, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Id, success and duration of the last runs of each schedule, by its path."""
    found: dict[str, list[dict[str, Any]]] = {path: [] for path in paths}
    for row in await statements.fetch_all(_SQL["last_jobs"], workspace=workspace, paths=paths, limit=limit):
        found[row.pop("path")].append(row)
    return found


async def to_do(statements: Statements) -> tuple[float | None, frozenset[UUID]]:
    """In how many seconds something is due (None: nothing is), and the jobs whose end is waited for."""
    row = await statements.fetch_one(_SQL["to_do"])
    return row["due_in_s"], frozenset(row["open"])


async def claim_due(tx: Transaction, aside: Aside) -> Due | None:
    """The oldest occurrence that is due and that nobody else is at; held until the transaction ends."""
    return await tx.fetch_optional(_SQL["claim_due"], Due, aside=list(aside))


async def ended(statements: Statements, aside: Aside, *, limit: int) -> list[UUID]:
    """The jobs of up to `limit` occurrences that have ended and nobody has gone on with, in the order of their end."""
    return [row["job_id"] for row in await statements.fetch_all(_SQL["ended"], aside=list(aside), limit=limit)]


async def claim_ended(tx: Transaction, job_id: UUID) -> EndedRun | None:
    """The occurrence whose job has ended, unless somebody else is at it; held until the transaction ends."""
    return await tx.fetch_optional(_SQL["claim_ended"], EndedRun, job_id=job_id)


async def note(
    tx: Transaction, one: Due | EndedRun, state: OccurrenceState, *, job_id: UUID | None = None, reason: str = ""
) -> None:
    """What became of an occurrence that is held."""
    await tx.execute(
        _SQL["note"],
        workspace=one.workspace_id,
        path=one.path,
        scheduled_for=one.scheduled_for,
        state=state.value,
        job_id=job_id,
        reason=reason[:1000],
    )


async def note_error(tx: Transaction, one: Due | EndedRun, error: str | None) -> None:
    """Why a schedule could not be started; None: it could."""
    await tx.execute(_SQL["note_error"], workspace=one.workspace_id, path=one.path, error=error)


async def add_next(tx: Transaction, due: Due) -> None:
    """Keep the occurrence behind one that is being started."""
    moment = next_due(
        parse_cron(due.cron),
        parse_zone(due.timezone),
        now=due.now,
        last=due.scheduled_for,
        paused_until=due.paused_until,
        catch_up_s=settings_of(due.settings).catch_up_s,
    )
    if moment is not None:
        await tx.execute(_SQL["add_due"], workspace=due.workspace_id, path=due.path, scheduled_for=moment)


async def keep_streak(tx: Transaction, one: EndedRun, *, failures: int, successes: int) -> None:
    """How many runs of a schedule failed in a row, and have succeeded since."""
    await tx.execute(
        _SQL["keep_streak"], workspace=one.workspace_id, path=one.path, failures=failures, successes=successes
    )


async def last_failure(tx: Transaction, one: EndedRun) -> dict[str, Any] | None:
    """`result`, `result_object` and `started_at` of the last run that failed, if it is still there."""
    return await tx.fetch_optional(_SQL["last_failure"], workspace=one.workspace_id, path=one.path)


def _comes_as_before(held: Schedule, content: Content) -> bool:
    return all(
        getattr(held, name) == getattr(content, name) for name in ("cron", "timezone", "enabled", "paused_until")
    )


async def _decide_next(tx: Transaction, workspace: str, content: Content) -> None:
    """Put the next occurrence in the place of the one that was decided upon before."""
    where: dict[str, Any] = {"workspace": workspace, "path": content.path}
    await tx.execute(_SQL["drop_due"], **where)
    if not content.enabled:
        return
    known = await tx.fetch_one(_SQL["moment"], None, **where)
    now: datetime = known["now"]
    last: datetime | None = known["last"]
    moment = next_due(
        parse_cron(content.cron),
        parse_zone(content.timezone),
        now=now if last is None else max(now, last),
        paused_until=content.paused_until,
    )
    if moment is not None:
        await tx.execute(_SQL["add_due"], scheduled_for=moment, **where)
        await queue.wake(tx, CHANNEL, workspace)


def _columns(content: Content) -> dict[str, object]:
    return {
        "path": content.path,
        "cron": content.cron,
        "timezone": content.timezone,
        "target_kind": content.target.kind,
        "target_path": content.target.path,
        "enabled": content.enabled,
        "paused_until": content.paused_until,
        "settings": Json(msgspec.json.encode(content.settings)),
        "labels": list(content.labels),
        "permissioned_as": content.permissioned_as,
        "email": content.email,
    }


def _found(wanted: str | None, *texts: str) -> bool:
    return wanted is None or any(wanted.lower() in text.lower() for text in texts)


def _contains(whole: object, part: object) -> bool:
    """As `@>` of Postgres: objects may have further members, lists further elements, in any order."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(name in whole and _contains(whole[name], value) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(_contains(each, wanted) for each in whole) for wanted in part)
    return isinstance(whole, bool) == isinstance(part, bool) and whole == part


def _listed(values: Collection[int] | None) -> list[int] | None:
    return None if values is None else list(values)
