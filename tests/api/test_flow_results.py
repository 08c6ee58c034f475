"""What the steps of flows gave, and who gets it."""

import time

from tests.api.at_work import W
from tests.api.conftest import Api
from tests.api.suspended import suspended
from tidemill.db import intake
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.model.ids import new_id


async def test_a_flow_below_tells_nothing_of_the_one_around_it_that_may_not_be_seen(api: Api) -> None:
    outer = await suspended(api, api.developer, result=b'"of dev alone"')
    below = new_id(time.time_ns() // 1_000_000)
    job = NewJob(
        id=below, workspace_id="main", kind="flow", tag="flow", created_by="op", permissioned_as="u/op",
        email="op@x.org", args=Kept(inline=Json(b"{}")), parent_job=outer.flow, root_job=outer.flow, flow_step_id="b",
    )  # fmt: skip
    await intake.take_in(api.parts.database.single, job)
    url = f"{W}/jobs/result_by_id/{below}/ask"
    assert (await api.operator.get(f"{W}/jobs_u/get/{outer.flow}")).status_code == 404
    assert (await api.operator.get(url)).status_code == 404
    assert (await api.admin.get(url)).json() == "of dev alone"
