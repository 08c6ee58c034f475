"""Flows that run for longer than they may are ended, with what they wait for."""

from tests.api.at_work import W
from tests.api.conftest import Api
from tests.api.suspended import suspended
from tidemill.db.queries import inline
from tidemill.scheduler.overdue import end_overdue

LIMITED = inline("update job set timeout_s = :timeout_s where id = :id")
AGED = inline("update job_queue set started_at = now() - make_interval(secs => :age_s::float8) where id = :id")


async def test_a_flow_is_ended_after_its_time_limit_and_not_before(api: Api) -> None:
    asking, other = await suspended(api, api.developer), await suspended(api, api.developer)
    single = api.parts.database.single
    await single.execute(LIMITED, id=asking.flow, timeout_s=60)
    for each in (asking, other):
        await single.execute(AGED, id=each.flow, age_s=50.0)
    assert await end_overdue(api.parts.database) == 0
    for each in (asking, other):
        await single.execute(AGED, id=each.flow, age_s=61.0)
    assert await end_overdue(api.parts.database) == 1
    ended = (await api.developer.get(f"{W}/jobs_u/completed/get/{asking.flow}")).json()
    assert (ended["success"], ended["canceled_by"]) == (False, "timeout")
    assert "time limit of 60 s" in ended["result"]["error"]["message"]
    assert (await api.developer.get(f"{W}/jobs_u/get/{other.flow}")).json()["type"] == "QueuedJob"
    assert await end_overdue(api.parts.database) == 0
