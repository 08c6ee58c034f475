"""Taking jobs in on real Postgres: whole, exactly, and not for a job that has lost its lease."""

from uuid import UUID, uuid4

import pytest

from tests.db.test_queue import claim, new_job, rows
from tidemill.db import intake, queue
from tidemill.db.listener import Listener
from tidemill.db.pool import Database, Json, unique
from tidemill.db.values import Kept
from tidemill.model.errors import AlreadyExists, LeaseLost
from tidemill.model.identity import Credential, CredentialKind, Principal

ARGS = b' {"a": 1.10, "a": 1e400, "nul": "\\u0000", "text": "\xc3\xa9 \\" \\\\"} '


async def as_job(database: Database) -> tuple[Principal, UUID]:
    """A caller that is a running job, and its id."""
    await intake.take_in(database.single, new_job())
    (job,) = await claim(database)
    credential = Credential(kind=CredentialKind.JOB, job_id=job.id, attempt=job.attempt, workspace="w")
    return Principal(email="alice@example.com", username="alice", workspace="w", credential=credential), job.id


async def test_a_job_is_taken_in_as_it_was_told(database: Database) -> None:
    job = new_job(
        args=Kept(inline=Json(ARGS)),
        retry=Json(b'{"constant": {"attempts": 2, "seconds": 1}}'),
        options=Json(b'{"envs":  ["A=\\u00e9"]}'),  # no NUL: indexes look into them, and no request can bring one
        content="line\n\t'quoted' \"twice\" \\ \u20ac",
        labels=['a"b', "c,d", ""],
        script_hash=2**62,
        parent_job=uuid4(),
        priority=7,
        timeout_s=5,
    )
    await intake.take_in(database.single, job)
    (row,) = await rows(database, "select j.*, q.priority from job j join job_queue q using (id)")
    assert row["args"] == ARGS
    assert row["retry"] == b'{"constant": {"attempts": 2, "seconds": 1}}'
    assert row["options"] == b'{"envs":  ["A=\\u00e9"]}'
    for name in ("id", "content", "labels", "script_hash", "parent_job", "priority", "timeout_s", "lock"):
        assert row[name] == getattr(job, name), name


async def test_many_jobs_are_taken_in_with_a_record_each_and_a_notice_a_tag(
    database: Database, database_dsn: str
) -> None:
    caller = Principal(email="alice@example.com", username="alice", workspace="w")
    jobs = [new_job(tag=f"tag{number % 2}", script_path=f"u/alice/{number}") for number in range(1200)]
    async with Listener(database_dsn) as listener:
        with listener.subscribe(queue.QUEUE_CHANNEL) as heard:
            assert (await heard.get()).missed
            async with database.transaction("w") as tx:
                await intake.take_in_all(tx, jobs, caller=caller)
            await queue.wake(database.single, queue.QUEUE_CHANNEL, "end")
            assert [(await heard.get()).payload for _ in range(3)] == ["tag0", "tag1", "end"]
    taken = await rows(database, "select id, script_path from job join job_queue using (id)")
    assert {(row["id"], row["script_path"]) for row in taken} == {(job.id, job.script_path) for job in jobs}
    (records,) = await rows(
        database,
        "select count(distinct parameters->>'job') as jobs, min(username) as who, min(operation) as what from audit",
    )
    assert records == {"jobs": len(jobs), "who": "alice", "what": "jobs.run"}


async def test_a_batch_is_taken_in_whole_or_not_at_all(database: Database) -> None:
    job = new_job()
    async with database.transaction("w") as tx:
        with pytest.raises(AlreadyExists), unique("There is one."):
            async with tx.savepoint():
                await intake.take_in_all(tx, [new_job(), job, new_job(), job])
        await intake.take_in_all(tx, [job])
    assert [row["id"] for row in await rows(database, "select id from job_queue")] == [job.id]


async def test_a_job_that_lost_its_lease_starts_no_others(database: Database) -> None:
    caller, job_id = await as_job(database)
    child = new_job(parent_job=job_id)
    await intake.take_in(database.single, child, caller=caller)
    await queue.turn(
        database.single,
        worker="one",
        ended=[queue.Ended(id=job_id, attempt=1, status="success", result=Kept())],
        tags=[],
        limit=0,
    )
    with pytest.raises(LeaseLost):
        await intake.take_in(database.single, new_job(parent_job=job_id), caller=caller)
    assert [row["id"] for row in await rows(database, "select id from job_queue")] == [child.id]
    assert await rows(database, "select job_id from audit") == [{"job_id": job_id}]
