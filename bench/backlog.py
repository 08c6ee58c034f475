"""Jobs put into the queue straight in the database, and how long the database saw them being worked off."""

import asyncio
import itertools
import json
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

_batches = itertools.count()

# All jobs of a batch are there with one commit, and one notification is sent with it, as the product does.
_FILL = """
with input as (
  insert into job (id, workspace_id, kind, language, content, lock, args, created_by, permissioned_as, email, tag)
  select uuidv7(), 'main', %(kind)s, %(language)s, %(content)s, %(lock)s, '{}', %(batch)s, 'u/admin',
    'admin@tidemill.local', %(tag)s
  from generate_series(1, %(count)s)
  returning id),
queued as (
  insert into job_queue (id, workspace_id, tag, run_at) select id, 'main', %(tag)s, now() from input returning id)
select count(*), (select count(pg_notify('tidemill_queue', %(wake)s)) where %(wake)s <> '') from queued
"""
_SPAN = """
select count(*), count(*) filter (where c.status = 'success'),
  extract(epoch from max(c.completed_at) - min(c.started_at))::float8
from job j join job_completed c on c.id = j.id where j.created_by = %s
"""
_FAULT = """
select coalesce(c.result::text, c.status) from job j join job_completed c on c.id = j.id
where j.created_by = %s and c.status <> 'success' limit 1
"""


@dataclass(frozen=True)
class Batch:
    """Jobs that were put in together."""

    name: str
    tag: str
    count: int


async def fill(
    connection: psycopg.AsyncConnection[TupleRow], *, tag: str, count: int, content: str = "", notify: bool = True
) -> Batch:
    """`count` due jobs: no-ops, or Python scripts of `content` that need no packages."""
    batch = Batch(f"bench-{next(_batches)}", tag, count)
    await connection.execute(
        _FILL,
        {
            "kind": "preview" if content else "noop",
            "language": "python3" if content else None,
            "content": content or None,
            "lock": "" if content else None,
            "batch": batch.name,
            "tag": tag,
            "count": count,
            "wake": tag if notify else "",
        },
    )
    return batch


async def worked_off(connection: psycopg.AsyncConnection[TupleRow], batch: Batch, *, limit_s: float = 180.0) -> float:
    """Jobs a second, once all are done: from the first claim to the last end, both by the database's clock.

    Raises:
        RuntimeError: a job failed, or they were not done in time.
    """
    try:
        async with asyncio.timeout(limit_s):
            while await _value(connection, "select count(*) from job_queue where tag = %s", batch.tag):
                await asyncio.sleep(0.1)
    except TimeoutError:
        left = await _value(connection, "select count(*) from job_queue where tag = %s", batch.tag)
        raise RuntimeError(f"{left} of {batch.count} jobs of {batch.tag} were not done in {limit_s} s.") from None
    cursor = await connection.execute(_SPAN, [batch.name])
    row = await cursor.fetchone()
    assert row is not None
    done, well, span_s = row
    if not done == well == batch.count:
        fault = await _value(connection, _FAULT, batch.name)
        raise RuntimeError(f"{done - well} of {batch.count} jobs of {batch.tag} failed: {json.dumps(fault)[:300]}")
    return batch.count / float(span_s)


async def _value(connection: psycopg.AsyncConnection[TupleRow], statement: str, value: str) -> object:
    cursor = await connection.execute(statement.encode(), [value])
    row = await cursor.fetchone()
    return None if row is None else row[0]
