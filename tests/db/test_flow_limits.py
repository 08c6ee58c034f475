"""A flow under a concurrency limit keeps its place while it waits for its steps."""

from tests.db.test_queue import age, enqueue, rows
from tidemill.db import queue
from tidemill.db.pool import Database


async def claim_any(database: Database) -> list[str]:
    turn = await queue.turn(database.single, worker="one", ended=[], tags=["noop"], limit=10)
    limited = await queue.claim_limited(database, worker="one", tags=["noop"], limit=10) if turn.limited else []
    return [str(job.id) for job in [*turn.claimed, *limited]]


async def test_a_flow_that_waits_holds_its_place_and_goes_on_without_another(database: Database) -> None:
    limit = {"concurrency_key": "k", "concurrency_limit": 1}
    first, second = str(await enqueue(database, **limit)), str(await enqueue(database, **limit))
    assert await claim_any(database) == [first]
    park = "update job_queue set state = 'waiting', worker = null, heartbeat_at = null where state = 'running'"
    await rows(database, f"{park} returning 1 as one")
    await age(database, 60)
    assert await claim_any(database) == []
    await rows(database, "update job_queue set state = 'queued' where state = 'waiting' returning 1 as one")
    assert await claim_any(database) == [first]
    await rows(database, f"delete from job_queue where id = '{first}' returning 1 as one")
    assert await claim_any(database) == [second]
