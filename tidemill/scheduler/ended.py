"""Goes on when a job of a schedule has ended: notes how, and runs the handlers, or what it was asked about."""

from typing import Final
from uuid import UUID

import structlog

from tidemill.db import debouncing, schedules
from tidemill.db.pool import Database, Transaction
from tidemill.db.queue import error_result
from tidemill.db.schedules import Aside, EndedRun, Settings
from tidemill.db.values import Values
from tidemill.engine.schedules import Streak, settle
from tidemill.model import jsontext
from tidemill.model.errors import ContentDamaged, NotFound, Outdated, TidemillError
from tidemill.model.failpoint import failpoint
from tidemill.model.schedule import Handler, OccurrenceState, parse_target
from tidemill.scheduler.due import start_run
from tidemill.scheduler.new_jobs import PASSING, Wanted, new_job, put_aside, runs_as

log = structlog.get_logger(__name__)

_STATES: Final = {
    "success": OccurrenceState.SUCCESS,
    "failure": OccurrenceState.FAILURE,
    "canceled": OccurrenceState.CANCELED,
    "skipped": OccurrenceState.SKIPPED,
}
_MOST_RESULT_BYTES: Final = 1 << 20
"""Larger results are not copied into the arguments of handlers."""


async def settle_ended(database: Database, values: Values, aside: Aside, *, limit: int = 1000) -> bool:
    """Go on with up to `limit` occurrences whose jobs have ended; whether there may be more. Safe on many servers.

    Those that nobody can go on with now are put `aside`.

    Raises:
        Unavailable: the database does not answer now.
    """
    jobs = await schedules.ended(database.single, aside, limit=limit)
    settled = [await _settle(database, values, job_id, aside) for job_id in jobs]
    return False in settled or (len(jobs) == limit and any(settled))


async def _settle(database: Database, values: Values, job_id: UUID, aside: Aside) -> bool | None:
    """Whether that is done: None: by somebody else, or put aside; False: it is to be tried again."""
    try:
        async with database.system() as tx:
            ended = await schedules.claim_ended(tx, job_id)
            if ended is None:
                return None
            if ended.state is OccurrenceState.ASKING:
                await _after_answer(tx, database, values, ended)
            else:
                await _after_run(tx, database, values, ended)
            failpoint("schedule.before_settled")
    except Outdated:
        return False  # a script was deployed in this very moment: the occurrence is open still
    except Exception as error:  # noqa: BLE001  # whatever it is, the other schedules go on
        put_aside(aside, str(job_id), error)
        return None
    return True


async def _after_answer(tx: Transaction, database: Database, values: Values, ended: EndedRun) -> None:
    """The script that decides has ended: `true` skips the occurrence, `false` runs it."""
    answer = b"a large value" if ended.result_object is not None else (ended.result or b"").strip()
    if ended.status != "success" or answer not in {b"true", b"false"}:
        what = (
            f"gave {answer[:40].decode(errors='replace')}" if ended.status == "success" else f"ended in {ended.status}"
        )
        reason = f"The script that decides whether to skip {what}, not true or false."
        await schedules.note(tx, ended, OccurrenceState.MISSED, reason=reason)
        await schedules.note_error(tx, ended, reason)
        return
    if answer == b"true":
        await schedules.note(tx, ended, OccurrenceState.SKIPPED, reason="A script decided so.")
        return
    if not ended.enabled:
        await schedules.note(tx, ended, OccurrenceState.SKIPPED, reason="The schedule was switched off meanwhile.")
        return
    try:
        await start_run(tx, database, values, ended)
    except PASSING:
        raise
    except TidemillError as error:
        await schedules.note(tx, ended, OccurrenceState.MISSED, reason=str(error))
        await schedules.note_error(tx, ended, str(error))


async def _after_run(tx: Transaction, database: Database, values: Values, ended: EndedRun) -> None:
    await schedules.note(tx, ended, _STATES[ended.status])
    if ended.status not in {"success", "failure"}:
        return
    settings = schedules.settings_of(ended.settings)
    before = Streak(ended.failures, ended.successes)
    streak, called = settle(before, settings.rules, succeeded=ended.status == "success")
    await schedules.keep_streak(tx, ended, failures=streak.failures, successes=streak.successes)
    for handler in sorted(called):
        if (named := getattr(settings, handler.value)) is not None:
            told = await _told(tx, values, ended, handler, streak)
            await _call(tx, database, values, ended, named=named, args=_with_extra(told, settings, handler))


async def _call(
    tx: Transaction, database: Database, values: Values, ended: EndedRun, *, named: str, args: bytes
) -> None:
    """Put the job of a handler into the queue; where it cannot be run, that is noted with the schedule."""
    try:
        caller = await runs_as(database, ended)
        wanted = Wanted(target=parse_target(named), args=args)
        await debouncing.take_in(tx, await new_job(tx, values, caller, wanted, schedule_path=ended.path), caller=caller)
    except PASSING:
        raise
    except TidemillError as error:
        log.warning("a handler cannot be run", workspace=ended.workspace_id, schedule=ended.path, error=str(error))
        await schedules.note_error(tx, ended, f"The handler '{named}' cannot be run: {error}")


async def _told(tx: Transaction, values: Values, ended: EndedRun, handler: Handler, streak: Streak) -> dict[str, bytes]:
    """What a handler is told, as raw JSON by name."""
    result = await _shown(values, ended.result, ended.result_object)
    told: dict[str, bytes] = {
        "path": jsontext.dumps(ended.target_path),
        "is_flow": jsontext.dumps(ended.target_kind == "flow"),
        "schedule_path": jsontext.dumps(ended.path),
        "job_id": jsontext.dumps(str(ended.job_id)),
    }
    started = jsontext.dumps((ended.started_at or ended.completed_at).isoformat())
    if handler is Handler.FAILURE:
        return told | {"error": result, "started_at": started, "failed_times": jsontext.dumps(streak.failures)}
    told |= {"success_result": result, "success_started_at": started}
    if handler is Handler.RECOVERY:
        told["success_times"] = jsontext.dumps(streak.successes)
        if (failed := await schedules.last_failure(tx, ended)) is not None:
            told["error"] = await _shown(values, failed["result"], failed["result_object"])
            if failed["started_at"] is not None:
                told["error_started_at"] = jsontext.dumps(failed["started_at"].isoformat())
    return told


async def _shown(values: Values, inline: bytes | None, digest: str | None) -> bytes:
    """A result as a handler is told it; where that cannot be, an error in its place says why."""
    try:
        result = await values.fetch(inline, digest) or b"null"
    except (NotFound, ContentDamaged) as error:
        return error_result(type(error).__name__, str(error)).raw
    if len(result) > _MOST_RESULT_BYTES:
        told = f"The result has {len(result)} bytes: read it from the run that job_id names."
        return error_result("TooLarge", told).raw
    return result


def _with_extra(told: dict[str, bytes], settings: Settings, handler: Handler) -> bytes:
    """The arguments that the schedule itself gives to the handler go before those that we tell it."""
    extra = getattr(settings, f"{handler.value}_extra_args")
    return jsontext.build_object(told | jsontext.object_fields(bytes(extra)))
