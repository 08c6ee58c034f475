"""Starts what is due: one transaction inserts the job, notes the occurrence, and inserts the next one.

Nothing comes twice: an occurrence is a row with a key of its own, held by whoever starts it. Nothing is lost: the next
one is there as soon as the one before was started. Nothing waits for a schedule that cannot be started now. Time is the
database's.
"""

from dataclasses import replace

import structlog

from tidemill.db import debouncing, schedules
from tidemill.db.pool import Database, Transaction
from tidemill.db.schedules import Aside, Due
from tidemill.db.values import Values
from tidemill.engine import retry
from tidemill.model import jsontext
from tidemill.model.errors import Outdated, TidemillError
from tidemill.model.failpoint import failpoint
from tidemill.model.schedule import OccurrenceState, Target, parse_target
from tidemill.scheduler.new_jobs import PASSING, Wanted, new_job, put_aside, runs_as

log = structlog.get_logger(__name__)


async def start_due(database: Database, values: Values, aside: Aside) -> bool:
    """Start the oldest occurrence that is due, or put it `aside`; whether there was one. Safe to run on many servers.

    Raises:
        Unavailable: the database does not answer now.
    """
    due: Due | None = None
    try:
        async with database.system() as tx:
            due = await schedules.claim_due(tx, aside)
            if due is None:
                return False
            failpoint("schedule.before_start")
            await _start(tx, database, values, due)
            await schedules.add_next(tx, due)
            failpoint("schedule.before_commit")
    except Outdated:
        return True  # the script was deployed in this very moment: it is due still
    except Exception as error:  # whatever it is, the other schedules go on
        if due is None:
            raise
        put_aside(aside, f"{due.workspace_id}/{due.path}", error)
        why = (
            str(error) if isinstance(error, TidemillError) else "Of an internal error, which the server's log tells of."
        )
        async with database.system() as tx:
            await schedules.note_error(tx, due, f"It cannot be started now, and is tried again: {why}")
        return True
    failpoint("schedule.after_commit")
    return True


async def _start(tx: Transaction, database: Database, values: Values, due: Due) -> None:
    settings = schedules.settings_of(due.settings)
    if settings.no_flow_overlap and due.is_busy:
        await schedules.note(tx, due, OccurrenceState.SKIPPED, reason="The run before was not over.")
        return
    try:
        if settings.dynamic_skip is None:
            await start_run(tx, database, values, due)
        else:
            await _ask(tx, database, values, due)
    except PASSING:
        raise
    except TidemillError as error:
        log.warning("a schedule cannot be run", workspace=due.workspace_id, schedule=due.path, error=str(error))
        await schedules.note(tx, due, OccurrenceState.MISSED, reason=str(error))
        await schedules.note_error(tx, due, str(error))


async def start_run(tx: Transaction, database: Database, values: Values, one: Due | schedules.EndedRun) -> None:
    """Put the job of an occurrence into the queue.

    Raises:
        NotFound, Denied, BadRequest, Unsupported: it cannot be run; the message says why.
    """
    settings = schedules.settings_of(one.settings)
    retry.parse(jsontext.loads(bytes(settings.retry)))
    wanted = Wanted(
        target=Target("flow" if one.target_kind == "flow" else "script", one.target_path),
        args=bytes(settings.args),
        tag=settings.tag,
        retry=bytes(settings.retry),
        scheduled_for=one.scheduled_for,
    )
    caller = await runs_as(database, one)
    job = await new_job(tx, values, caller, wanted, schedule_path=one.path)
    await debouncing.take_in(tx, job, caller=caller)
    await schedules.note(tx, one, OccurrenceState.RUNNING, job_id=job.id)
    await schedules.note_error(tx, one, None)


async def _ask(tx: Transaction, database: Database, values: Values, due: Due) -> None:
    """Run the script that decides whether to skip the occurrence."""
    settings = schedules.settings_of(due.settings)
    args = jsontext.build_object({"scheduled_for": jsontext.dumps(due.scheduled_for.isoformat())})
    caller = await runs_as(database, due)
    wanted = Wanted(target=parse_target(settings.dynamic_skip or ""), args=args, scheduled_for=due.scheduled_for)
    job = replace(await new_job(tx, values, caller, wanted, schedule_path=due.path), timeout_s=60)
    await debouncing.take_in(tx, job, caller=caller)
    await schedules.note(tx, due, OccurrenceState.ASKING, job_id=job.id)
