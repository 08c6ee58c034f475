"""What a job writes after its lease was given away is refused, on every route that a job may write by (P3)."""

import asyncio

import anyio
import httpx
import pytest

from tests.api.conftest import JOB_SECRET, Api, run_job
from tests.security.operations import calls, seed
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.engine import job_token
from tidemill.server.policy import POLICIES

BLOCKED = inline("select exists (select from pg_stat_activity where :holder = any(pg_blocking_pids(pid)))")
CHECKED_WITHOUT = {
    "POST /api/w/{workspace}/variables/encrypt": "writes nothing",
    "POST /api/w/{workspace}/flows/check": "writes nothing",
    "POST /api/w/{workspace}/resources/test_value": "writes nothing",
    "POST /api/w/{workspace}/resources/test/{path:path}": "writes nothing",
    "GET /api/w/{workspace}/jobs/job_signature/{id}/{resume_id}": "writes nothing",
    "GET /api/w/{workspace}/jobs/resume_urls/{id}/{resume_id}": "writes nothing",
    "GET /api/w/{workspace}/jobs/wac_approval_urls/{id}/{step_key}": "writes nothing",
}
"""Reviewed: they are no writes of the job, though they are closed to read-only tokens."""

WRITES = sorted(key for key, policy in POLICIES.items() if policy.writes and policy.jobs and key not in CHECKED_WITHOUT)


async def until_blocked(database: Database, holder: int, task: asyncio.Task[httpx.Response]) -> None:
    """Return when something waits for the transaction of the backend `holder`, or `task` is done."""
    while not task.done() and not await database.single.fetch_value(BLOCKED, holder=holder):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("shard", range(2))
async def test_a_write_that_comes_after_the_lease_was_lost_changes_nothing(api: Api, shard: int) -> None:
    """The job is taken away between the look at its token and the write: the window that only the write can close."""
    table = {key.replace(":path}", "}"): key for key in WRITES}
    made = {table[key]: call for key, call in calls(await seed(api)).items() if key in table}
    assert set(made) == set(WRITES)
    wrong = []
    for key in WRITES[shard::2]:
        method, template = key.replace(":path}", "}").split(" ")
        call = made[key]
        token = await run_job(api.parts, "ada", workspace="main")
        job = job_token.read(JOB_SECRET, token)
        assert job is not None
        client = await api.client(token)
        async with api.parts.database.system() as tx:
            holder = await tx.fetch_value(inline("select pg_backend_pid()"))
            await tx.execute(inline("select from job_queue where id = :id for update"), id=job.job_id)
            await tx.execute(inline("update job_queue set attempt = attempt + 1 where id = :id"), id=job.job_id)
            request = client.request(method, call.url(template), params=call.query, json=call.body)
            task = asyncio.create_task(request)
            await until_blocked(api.parts.database, holder, task)
        answer = await task
        if (answer.status_code, answer.headers.get("x-tidemill-error")) != (409, "lease_lost"):
            wrong.append(f"{key}: {answer.status_code} {answer.text[:100]}")
    assert not wrong, "\n".join(wrong)
