"""Calls that wait for newer ones: a newer one takes the place of the one that waits, exactly one of them runs."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tidemill.db import intake, queue
from tidemill.db.intake import NewJob
from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.values import Kept, Values
from tidemill.engine import debouncing
from tidemill.engine.debouncing import REASON, Rule
from tidemill.model.errors import TooLarge
from tidemill.model.identity import Principal

_SQL: Final = queries("debouncing")
_AT_ONCE: Final = 100
"""Calls whose arguments are read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The calls of a key; `job_id` is the newest, which waits unless somebody has taken it."""

    batch: UUID
    job_id: UUID
    since: datetime
    replaced: int
    now: datetime
    is_waiting: bool


async def take_in(tx: Transaction, job: NewJob, *, caller: Principal) -> None:
    """As `intake.take_in`, after `take_place`.

    Raises:
        LeaseLost, Outdated: as there.
    """
    await take_place(tx, job, by=caller.username or caller.email)
    await intake.take_in(tx, job, caller=caller)


async def hold_keys(tx: Transaction, jobs: Iterable[NewJob]) -> None:
    """Be the only one to look at the calls that `jobs` are like, until the transaction ends."""
    for key in sorted({job.debounce.key for job in jobs if job.debounce is not None}):
        await tx.execute(_SQL["hold_key"], key=key)


async def take_place(tx: Transaction, job: NewJob, *, by: str) -> None:
    """Cancel the job that waits in whose place `job` comes, which is taken in by the same transaction.

    Whoever comes at the same time waits for the end of the transaction. A job that a worker has taken stays as it is.
    """
    rule = job.debounce
    if rule is None:
        return
    await tx.execute(_SQL["hold_key"], key=rule.key)
    found = await tx.fetch_optional(_SQL["open_batch"], _Batch, key=rule.key)
    if found is not None and found.is_waiting and _takes_place(rule, found):
        replaced = found.job_id
        keeps = bool(rule.gathered)
        await tx.execute(_SQL["replace"], batch=found.batch, job_id=job.id, replaced_job=replaced, keeps=keeps)
        await queue.ask_to_cancel(tx, replaced, canceled_by=by, reason=f"{REASON}{job.id}")
        return
    if found is not None:
        await tx.execute(_SQL["close"], batch=found.batch)
    await tx.execute(_SQL["begin"], job_id=job.id, workspace_id=job.workspace_id, key=rule.key)


def _takes_place(rule: Rule, found: _Batch) -> bool:
    return debouncing.takes_place(rule, since=found.since, replaced=found.replaced, now=found.now)


async def put_together(
    database: Database, values: Values, job_id: UUID, *, workspace: str, gathered: Sequence[str]
) -> Kept:
    """The arguments of a job that has begun, from now on with those of the calls whose place it took.

    Raises:
        TooLarge: together they are over the hard limit.
        Unavailable: the object store does not answer now.
    """
    async with database.transaction(workspace) as tx:
        batch = await tx.fetch_value(_SQL["hold_batch"], job_id=job_id)
        own = await _arguments(tx, job_id)
        if batch is None:
            return own
        kept, calls = own, await _earlier_lists(tx, values, batch, gathered)
        if calls:
            calls.append(await values.fetch(None if own.inline is None else own.inline.raw, own.digest) or b"{}")
            made = await asyncio.to_thread(debouncing.together, calls, gathered)
            kept = await values.keep(made, what="What the calls sent together")
            await tx.execute(_SQL["keep_arguments"], job_id=job_id, args=kept.inline, args_object=kept.digest)
        await tx.execute(_SQL["forget"], batch=batch)
    return kept


async def _earlier_lists(tx: Transaction, values: Values, batch: UUID, gathered: Sequence[str]) -> list[bytes]:
    """What is put together of those whose place was taken, the oldest first. The rest of each is let go at once."""
    found: list[bytes] = []
    size_bytes = after = 0
    while rows := await tx.fetch_all(_SQL["earlier_arguments"], batch=batch, after=after, limit=_AT_ONCE):
        for row in rows:
            sent = await values.fetch(row["args"], row["args_object"]) or b"{}"
            found.append(await asyncio.to_thread(debouncing.lists_of, sent, gathered))
            size_bytes += len(found[-1])
            if size_bytes > values.max_bytes:
                raise TooLarge(
                    f"What the calls sent together has more than the {values.max_bytes} bytes allowed "
                    "(TIDEMILL_MAX_VALUE_BYTES): let fewer wait (max_total_debounces_amount)."
                )
        after = rows[-1]["place"]
    return found


async def _arguments(statements: Statements, job_id: UUID) -> Kept:
    row = await statements.fetch_one(_SQL["arguments"], job_id=job_id)
    return Kept(inline=None if row["args"] is None else Json(row["args"]), digest=row["args_object"])
