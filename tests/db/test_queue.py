"""The queue on real Postgres: claims, fences, limits, losses, cancels."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tidemill.db import intake, queue
from tidemill.db.intake import NewJob
from tidemill.db.listener import Listener
from tidemill.db.pool import Database, Json
from tidemill.db.queries import Query
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.model.errors import BadRequest

RESULT = Kept(inline=Json(b'{"big": 12345678901234567890, "exact": 1.10}'))


def new_job(**changes: object) -> NewJob:
    job = NewJob(
        id=uuid4(),
        workspace_id="w",
        kind="noop",
        tag="noop",
        created_by="alice",
        permissioned_as="u/alice",
        email="alice@example.com",
        args=Kept(inline=Json(b"{}")),
    )
    return replace(job, **changes)  # type: ignore[arg-type]


async def enqueue(database: Database, **changes: object) -> UUID:
    job = new_job(**changes)
    await intake.take_in(database.single, job)
    return job.id


async def claim(database: Database, worker: str = "one", limit: int = 10) -> list[ClaimedJob]:
    turn = await queue.turn(database.single, worker=worker, ended=[], tags=["noop"], limit=limit)
    return turn.claimed


async def end(database: Database, job: ClaimedJob, worker: str = "one", status: str = "success") -> frozenset[UUID]:
    ended = Ended(id=job.id, attempt=job.attempt, status=status, result=RESULT)
    turn = await queue.turn(database.single, worker=worker, ended=[ended], tags=[], limit=0)
    return turn.ended


async def rows(database: Database, text: str) -> list[dict[str, object]]:
    query = Query(name="test", doc="", text=text)
    found: list[dict[str, object]] = await database.single.fetch_all(query)
    return found


async def age(database: Database, seconds: int) -> None:
    """Make everything in the queue older, instead of waiting."""
    await rows(
        database,
        f"with a as (update job_queue set run_at = run_at - interval '{seconds} s', "
        f"started_at = started_at - interval '{seconds} s', heartbeat_at = heartbeat_at - interval '{seconds} s') "
        f"update concurrency_start set started_at = started_at - interval '{seconds} s' returning 1 as one",
    )


async def test_jobs_are_claimed_by_priority_then_age(database: Database) -> None:
    first = await enqueue(database)
    second = await enqueue(database)
    urgent = await enqueue(database, priority=5)
    assert [job.id for job in await claim(database)] == [urgent, first, second]


async def test_a_job_is_claimed_once_however_many_ask(database: Database) -> None:
    ids = {await enqueue(database) for _ in range(20)}
    claims = await asyncio.gather(*[claim(database, f"worker {number}", 3) for number in range(10)])
    claimed = [job.id for jobs in claims for job in jobs]
    assert sorted(claimed) == sorted(ids)


async def test_a_job_of_another_tag_or_of_tomorrow_is_left_alone(database: Database) -> None:
    await enqueue(database, tag="gpu")
    await enqueue(database, scheduled_for=datetime(2999, 1, 1, tzinfo=UTC))
    turn = await queue.turn(database.single, worker="one", ended=[], tags=["noop"], limit=10)
    assert turn.claimed == []
    assert turn.due_in_s is not None
    assert turn.due_in_s > 10**9


async def test_a_result_is_kept_to_the_digit(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    assert await end(database, job) == {job.id}
    (row,) = await rows(database, "select result, status, attempt from job_completed")
    assert row == {"result": RESULT.inline.raw if RESULT.inline else b"", "status": "success", "attempt": 1}
    assert await rows(database, "select 1 as one from job_queue") == []


async def test_one_turn_ends_jobs_and_claims_the_next(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    following = await enqueue(database)
    ended = Ended(id=job.id, attempt=1, status="success", result=RESULT)
    turn = await queue.turn(database.single, worker="one", ended=[ended], tags=["noop"], limit=1)
    assert turn.ended == {job.id}
    assert [each.id for each in turn.claimed] == [following]


async def test_a_job_that_has_read_more_than_was_masked_does_not_end(database: Database) -> None:
    await enqueue(database)
    await enqueue(database)
    reader, other = await claim(database)
    read = "insert into storage_access (workspace_id, job_id, actor, kind, address, access, version) "
    (row,) = await rows(
        database, f"{read} values ('w', '{reader.id}', 'u/a', 'variable', 'u/a/secret', 'read', 1) returning id"
    )
    ended = [Ended(id=job.id, attempt=1, status="success", result=RESULT, seen=0) for job in (reader, other)]
    turn = await queue.turn(database.single, worker="one", ended=ended, tags=[], limit=0)
    assert (turn.ended, turn.unseen) == ({other.id}, {reader.id})
    seen = row["id"]
    assert isinstance(seen, int)
    turn = await queue.turn(database.single, worker="one", ended=[replace(ended[0], seen=seen)], tags=[], limit=0)
    assert (turn.ended, turn.unseen) == ({reader.id}, set())


async def test_what_an_old_attempt_sends_is_refused(database: Database) -> None:
    await enqueue(database)
    (old,) = await claim(database)
    await age(database, 31)
    (expired,) = await queue.expire(database, lease_s=30)
    assert expired.outcome == "restarted"
    (new,) = await claim(database, "two")
    assert new.attempt == 2

    assert await end(database, old) == frozenset()
    assert await queue.heartbeat(database.single, worker="one", held=[(old.id, 1)]) == {}
    assert await queue.append_log(database.single, old, "late", start_unit=0) is None
    assert await queue.put_back(database, old, worker="one", end_reason="stopped") is None
    assert await rows(database, "select 1 as one from job_completed union all select 1 from job_log") == []
    assert await end(database, new, "two") == {new.id}


async def test_the_claim_is_the_first_heartbeat(database: Database) -> None:
    await enqueue(database)
    await claim(database)
    (row,) = await rows(database, "select heartbeat_at is not null as beat, attempt from job_queue")
    assert row == {"beat": True, "attempt": 1}


async def test_a_fresh_lease_is_not_taken_away(database: Database) -> None:
    await enqueue(database)
    await claim(database)
    assert await queue.expire(database, lease_s=30) == []


async def test_a_job_that_must_not_start_twice_fails_with_its_worker(database: Database) -> None:
    await enqueue(database, on_worker_loss="fail")
    await claim(database)
    await age(database, 31)
    (expired,) = await queue.expire(database, lease_s=30)
    assert expired.outcome == "failed"
    (row,) = await rows(database, "select status, end_reason, result::text as result from job_completed")
    assert (row["status"], row["end_reason"]) == ("failure", "worker_lost")
    assert "WorkerLost" in str(row["result"])
    assert await claim(database, "two") == []


async def test_the_third_loss_puts_a_job_into_quarantine(database: Database) -> None:
    await enqueue(database)
    outcomes = []
    for _ in range(3):
        assert len(await claim(database)) == 1
        await age(database, 31)
        outcomes += [each.outcome for each in await queue.expire(database, lease_s=30)]
    assert outcomes == ["restarted", "restarted", "quarantined"]
    assert await claim(database) == []


async def test_a_worker_that_stops_gives_back_without_a_loss(database: Database) -> None:
    await enqueue(database)
    for _ in range(5):
        (job,) = await claim(database)
        assert await queue.put_back(database, job, worker="one", end_reason="stopped") is queue.GivenBack.QUEUED
    (job,) = await claim(database)
    await age(database, 31)
    (expired,) = await queue.expire(database, lease_s=30)
    assert expired.outcome == "restarted"


async def test_a_retry_waits_for_its_delay(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    error = Json(b'{"error":{"name":"E"}}')
    given = await queue.put_back(database, job, worker="one", end_reason="error", error=error, retried=True, delay_s=60)
    assert given is queue.GivenBack.QUEUED
    assert await claim(database) == []
    await age(database, 61)
    (again,) = await claim(database)
    assert (again.attempt, again.retries) == (2, 1)


async def test_a_concurrency_limit_holds_at_every_claim(database: Database) -> None:
    for _ in range(5):
        await enqueue(database, concurrency_key="k", concurrency_limit=2)
    turn = await queue.turn(database.single, worker="one", ended=[], tags=["noop"], limit=10)
    assert turn.claimed == []
    assert turn.limited
    claims = await asyncio.gather(
        *[queue.claim_limited(database, worker=f"w{number}", tags=["noop"], limit=5) for number in range(6)]
    )
    claimed = [job for jobs in claims for job in jobs]
    assert len(claimed) == 2
    assert await queue.claim_limited(database, worker="one", tags=["noop"], limit=5) == []


async def test_a_window_counts_starts_and_says_when_it_opens(database: Database) -> None:
    for _ in range(3):
        await enqueue(database, concurrency_key="k", concurrency_limit=1, concurrency_window_s=60)
    (first,) = await queue.claim_limited(database, worker="one", tags=["noop"], limit=5)
    await end(database, first)
    assert await queue.claim_limited(database, worker="one", tags=["noop"], limit=5) == []
    turn = await queue.turn(database.single, worker="one", ended=[], tags=["noop"], limit=1)
    assert turn.due_in_s is not None
    assert 0 < turn.due_in_s <= 60
    await age(database, 61)
    assert len(await queue.claim_limited(database, worker="one", tags=["noop"], limit=5)) == 1


async def test_a_queued_job_is_canceled_at_once_and_a_running_one_is_told(database: Database) -> None:
    waiting = await enqueue(database)
    running = await enqueue(database, priority=1)
    (job,) = await claim(database, limit=1)
    assert job.id == running
    async with database.system() as tx:
        assert await queue.ask_to_cancel(tx, waiting, canceled_by="bob", reason="not needed")
        assert await queue.ask_to_cancel(tx, running, canceled_by="bob", reason=None)
    (row,) = await rows(database, "select status, canceled_by, cancel_reason from job_completed")
    assert row == {"status": "canceled", "canceled_by": "bob", "cancel_reason": "not needed"}
    beats = await queue.heartbeat(database.single, worker="one", held=[(running, 1)])
    assert beats[running].canceled_by == "bob"


async def test_a_forced_cancel_does_not_wait_for_the_worker(database: Database) -> None:
    running = await enqueue(database)
    (job,) = await claim(database)
    async with database.system() as tx:
        assert await queue.ask_to_cancel(tx, running, canceled_by="bob", reason=None, forced=True)
    assert await end(database, job) == frozenset()
    (row,) = await rows(database, "select status from job_completed")
    assert row == {"status": "canceled"}


async def test_a_completed_job_cannot_be_canceled(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    await end(database, job)
    async with database.system() as tx:
        assert not await queue.ask_to_cancel(tx, job.id, canceled_by="bob", reason=None)


@pytest.mark.parametrize("text", ["plain", "h\u00e9 \U0001d11e", "\U0001f30a" * 1000])
async def test_logs_are_placed_by_utf16_units(database: Database, text: str) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    units = await queue.append_log(database.single, job, text, start_unit=0)
    assert units == len(text.encode("utf-16-le")) // 2
    assert await queue.log_ends(database.single, job.id) == (units, 0)


async def ask_to_cancel(database: Database, job_id: UUID) -> None:
    async with database.system() as tx:
        assert await queue.ask_to_cancel(tx, job_id, canceled_by="bob", reason="enough")


@pytest.mark.parametrize("retried", [True, False])
async def test_a_job_that_was_canceled_is_not_given_back(database: Database, *, retried: bool) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    await ask_to_cancel(database, job.id)
    given = await queue.put_back(database, job, worker="one", end_reason="error", retried=retried)
    assert given is queue.GivenBack.ENDED
    assert await claim(database, "two") == []
    (row,) = await rows(database, "select status, end_reason, canceled_by, result::text as result from job_completed")
    assert (row["status"], row["end_reason"], row["canceled_by"]) == ("canceled", "canceled", "bob")
    assert "Canceled by bob: enough" in str(row["result"])


@pytest.mark.parametrize("retried", [True, False])
async def test_a_job_that_must_not_start_twice_is_never_given_back(database: Database, *, retried: bool) -> None:
    await enqueue(database, on_worker_loss="fail")
    (job,) = await claim(database)
    error = Json(b'{"error":{"name":"E","message":"it failed"}}')
    given = await queue.put_back(database, job, worker="one", end_reason="error", error=error, retried=retried)
    assert given is queue.GivenBack.ENDED
    assert await claim(database, "two") == []
    (row,) = await rows(database, "select status, end_reason, result::text as result from job_completed")
    assert (row["status"], row["end_reason"]) == ("failure", "error" if retried else "stopped")


async def test_a_retry_policy_for_a_job_that_must_not_start_twice_is_refused(database: Database) -> None:
    policy = Json(b'{"constant":{"attempts":1,"seconds":1}}')
    with pytest.raises(BadRequest, match="on_worker_loss"):
        await enqueue(database, on_worker_loss="fail", retry=policy)
    assert await rows(database, "select id from job union all select id from job_queue") == []
    await enqueue(database, on_worker_loss="restart", retry=policy)


async def test_a_failure_of_a_canceled_job_is_a_cancel_and_a_success_stays_one(database: Database) -> None:
    failing, winning = await enqueue(database), await enqueue(database)
    for job in await claim(database):
        await ask_to_cancel(database, job.id)
        await end(database, job, status="failure" if job.id == failing else "success")
    found = await rows(database, "select id, status, end_reason, canceled_by from job_completed")
    assert {row["id"]: (row["status"], row["end_reason"], row["canceled_by"]) for row in found} == {
        failing: ("canceled", "canceled", "bob"),
        winning: ("success", None, "bob"),
    }


async def test_a_lost_job_keeps_its_place(database: Database) -> None:
    lost, later = await enqueue(database), await enqueue(database)
    await claim(database, limit=1)
    await age(database, 31)
    await queue.expire(database, lease_s=30)
    assert [job.id for job in await claim(database)] == [lost, later]


async def test_a_canceled_job_whose_worker_is_lost_ends_as_canceled(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    await ask_to_cancel(database, job.id)
    await age(database, 31)
    (expired,) = await queue.expire(database, lease_s=30)
    assert expired.outcome == "canceled"
    (row,) = await rows(database, "select status, attempt from job_completed")
    assert row == {"status": "canceled", "attempt": 1}


async def test_a_piece_of_log_that_is_sent_again_is_kept_once(database: Database) -> None:
    await enqueue(database)
    (job,) = await claim(database)
    for _ in range(2):
        assert await queue.append_log(database.single, job, "once\n", start_unit=0) == 5
    assert await rows(database, "select text from job_log") == [{"text": "once\n"}]


async def test_followers_are_told_of_the_start_the_output_and_the_end(database: Database, database_dsn: str) -> None:
    async with Listener(database_dsn) as listener:
        with listener.subscribe(queue.JOB_CHANNEL) as heard:
            assert (await heard.get()).missed
            job_id = await enqueue(database)
            (job,) = await claim(database)
            assert (await heard.get()).payload == str(job_id)
            await queue.append_log(database.single, job, "live", start_unit=0)
            assert (await heard.get()).payload == str(job_id)
            await queue.append_log(database.single, job, "last", start_unit=4, live=False)
            await end(database, job)
            assert (await heard.get()).payload == str(job_id)
            await queue.wake(database.single, queue.JOB_CHANNEL, "nothing came between")
            assert (await heard.get()).payload == "nothing came between"


async def test_a_full_worker_takes_only_what_its_own_jobs_started(database: Database) -> None:
    parent = await enqueue(database)
    await claim(database)
    await enqueue(database)
    child = await enqueue(database, parent_job=parent)
    turn = await queue.turn(
        database.single, worker="one", ended=[], tags=["noop"], limit=0, parents=[parent], child_limit=5
    )
    assert [job.id for job in turn.claimed] == [child]
