"""What runs of scripts held that are to be deleted after use is erased, and not before whoever waits has got it."""

from uuid import UUID

import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api
from tests.api.suspended import suspended
from tidemill.db.prune import remove_jobs
from tidemill.db.queries import inline
from tidemill.scheduler.erase import WAITED_S, erase_used

AGED = inline(
    "update job_completed set completed_at = completed_at - make_interval(secs => :age_s::float8) where id = :id"
)


@pytest.mark.parametrize(
    ("settings", "after_s"),
    [({"delete_after_use": True}, WAITED_S), ({"delete_after_secs": 1}, WAITED_S), ({"delete_after_secs": 600}, 600.0)],
)
async def test_a_run_is_erased_after_a_while(api: Api, settings: dict[str, object], after_s: float) -> None:
    await deploy(api.developer, "u/dev/used", **settings)
    await deploy(api.developer, "u/dev/kept")
    job, kept = await run(api.developer, "u/dev/used"), await run(api.developer, "u/dev/kept")
    worker = Worker(api)
    for each in (job, kept):
        await worker.end(each, b'{"n": 1}')
    database = api.parts.database
    assert await erase_used(database) == 0
    for each in (job, kept):
        await database.single.execute(AGED, id=each, age_s=after_s - 30)
    assert await erase_used(database) == 0
    assert (await api.developer.get(f"{W}/jobs_u/completed/get/{job}")).json()["result"] == {"n": 1}
    for each in (job, kept):
        await database.single.execute(AGED, id=each, age_s=31)
    assert await erase_used(database) == 1
    gone = (await api.developer.get(f"{W}/jobs_u/completed/get/{job}")).json()
    assert (gone["result"], gone["deleted"], gone.get("args")) == (None, True, None)
    assert (await api.developer.get(f"{W}/jobs_u/completed/get/{kept}")).json()["result"] == {"n": 1}
    assert await erase_used(database) == 0


async def test_a_flow_is_erased_as_its_value_says(api: Api) -> None:
    value = {"modules": [], "delete_after_secs": 600}
    body = {"path": "u/dev/used", "summary": "", "value": value}
    assert (await api.developer.post(f"{W}/flows/create", json=body)).status_code == 201
    job = UUID((await api.developer.post(f"{W}/jobs/run/f/u/dev/used", json={"n": 1})).text)
    await Worker(api).end(job, b'{"n": 1}')
    database = api.parts.database
    await database.single.execute(AGED, id=job, age_s=570.0)
    assert await erase_used(database) == 0
    await database.single.execute(AGED, id=job, age_s=31.0)
    assert await erase_used(database) == 1
    assert (await api.developer.get(f"{W}/jobs_u/completed/get/{job}")).json()["result"] is None


async def test_what_belongs_to_a_flow_that_waits_is_kept_however_old_it_is(api: Api) -> None:
    asking = await suspended(api, api.developer)
    database = api.parts.database
    await database.single.execute(AGED, id=asking.step, age_s=90 * 86400.0)
    assert await remove_jobs(database, days=30) == 0
    assert (await api.developer.get(f"{W}/jobs_u/get/{asking.step}")).status_code == 200
    await api.developer.post(f"{W}/jobs_u/queue/cancel/{asking.flow}", json={})
    assert await remove_jobs(database, days=30) == 1
