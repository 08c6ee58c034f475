"""What a step of a flow writes to states by compare-and-set counts with its end, or not at all."""

from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import JOB_SECRET, Api, run_job
from tidemill.db import flow_runs, prune
from tidemill.db.flow_runs import Advance, End, Held
from tidemill.db.pool import Json
from tidemill.db.queries import inline
from tidemill.db.values import Kept
from tidemill.engine import job_token
from tidemill.model.errors import StateChanged

R = "/api/w/main/resources"
PATH = "u/dev/seen"
_BECOMES_STEP = inline("update job set flow_step_id = 'a', parent_job = :parent where id = :id")
_BECOMES_WORKFLOW = inline("insert into flow_run (job_id, workspace_id, state) values (:id, 'main', '{}')")
_NEXT_ATTEMPT = inline("update job_queue set attempt = 2 where id = :id")
_KEPT = inline("select count(*) from state_write")


class Step:
    """A running job, a step of a flow unless told otherwise, and what it asks for."""

    def __init__(self, api: Api, job: UUID, client: httpx.AsyncClient, attempt: int = 1) -> None:
        self.api, self.job, self.client, self.attempt = api, job, client, attempt

    @classmethod
    async def start(cls, api: Api, *, in_flow: bool = True) -> "Step":
        token = await run_job(api.parts, "dev", workspace="main")
        read = job_token.read(JOB_SECRET, token)
        if in_flow:
            await api.parts.database.single.execute(_BECOMES_STEP, id=read.job_id, parent=uuid4())
        return cls(api, read.job_id, await api.client(token))

    async def again(self) -> "Step":
        """Its next attempt, after its worker was lost."""
        await self.api.parts.database.single.execute(_NEXT_ATTEMPT, id=self.job)
        client = await self.api.client(job_token.issue(JOB_SECRET, self.job, 2))
        return Step(self.api, self.job, client, attempt=2)

    async def end(self, status: str = "success") -> None:
        end = End(id=self.job, workspace_id="main", status=status, result=Kept(inline=Json(b"1")))
        wanted = Advance(held=[Held(self.job, self.attempt)], ends=[end])
        answer = await flow_runs.advance(self.api.parts.database.single, wanted, worker="w")
        assert answer.done


async def create(client: httpx.AsyncClient, value: object, kind: str = "state", **headers: str) -> httpx.Response:
    body = {"path": PATH, "value": value, "resource_type": kind}
    return await client.post(f"{R}/create", json=body, headers=headers)


async def write(client: httpx.AsyncClient, value: object, version: str = "") -> httpx.Response:
    headers = {"If-Match": version} if version else {}
    return await client.post(f"{R}/update_value/{PATH}", json={"value": value}, headers=headers)


async def read(client: httpx.AsyncClient) -> tuple[object, str]:
    answer = await client.get(f"{R}/get_value/{PATH}")
    return (answer.json(), answer.headers["etag"]) if answer.status_code == 200 else (None, "")


async def test_what_a_step_writes_is_its_own_until_it_ends(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    second = (await write(step.client, 2, first)).headers["etag"]
    assert await read(step.client) == (2, second)
    assert await read(api.developer) == (1, first)
    assert (await write(step.client, 0, first)).status_code == 409
    third = (await write(step.client, 3, second)).headers["etag"]
    assert (await step.client.get(f"{R}/get_value_interpolated/{PATH}")).json() == 3
    await step.end()
    assert await read(api.developer) == (3, third)
    history = (await api.developer.get(f"{R}/history/p/{PATH}")).json()["versions"]
    assert [(each["version"], each.get("job_id")) for each in history] == [
        (int(third.strip('"')), str(step.job)),
        (int(first.strip('"')), None),
    ]
    audit = (await api.admin.get("/api/w/main/audit/list", params={"resource": PATH})).json()
    assert [(each["operation"], each["username"]) for each in audit] == [
        ("resources.update", "dev"),
        ("resources.create", "dev"),
    ]


async def test_a_state_that_a_step_makes_is_there_when_it_has_ended(api: Api) -> None:
    step = await Step.start(api)
    made = await create(step.client, 1, **{"If-None-Match": "*"})
    assert made.status_code == 201
    assert (await step.client.get(f"{R}/exists/{PATH}")).json() is True
    assert (await api.developer.get(f"{R}/exists/{PATH}")).json() is False
    again = await create(step.client, 2, **{"If-None-Match": "*"})
    assert (again.status_code, again.headers["etag"]) == (409, made.headers["etag"])
    assert (await create(step.client, 2)).headers["x-tidemill-error"] == "already_exists"
    assert (await write(step.client, 2, made.headers["etag"])).status_code == 200
    await step.end()
    assert (await read(api.developer))[0] == 2


@pytest.mark.parametrize("status", ["failure", "canceled"])
async def test_nothing_of_a_step_that_fails_counts(api: Api, status: str) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    await write(step.client, 2, first)
    await step.end(status)
    assert await read(api.developer) == (1, first)
    assert (await write(api.developer, 3, first)).status_code == 200


async def test_an_attempt_that_is_lost_leaves_nothing(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    lost = await Step.start(api)
    await write(lost.client, 2, first)
    step = await lost.again()
    assert await read(step.client) == (1, first)
    assert (await write(lost.client, 5, first)).status_code == 409
    assert (await write(step.client, 3, first)).status_code == 200
    await step.end()
    assert (await read(api.developer))[0] == 3


async def test_a_step_whose_state_was_changed_cannot_end_with_it(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    await write(step.client, 2, first)
    await write(api.developer, 10)
    with pytest.raises(StateChanged, match=PATH):
        await step.end()
    assert (await read(api.developer))[0] == 10
    await step.end("failure")  # it is still held: nothing of the first end has happened
    assert (await read(api.developer))[0] == 10


async def test_a_step_whose_state_was_made_by_another_cannot_end_with_it(api: Api) -> None:
    step = await Step.start(api)
    await create(step.client, 1, **{"If-None-Match": "*"})
    await create(api.developer, 10)
    with pytest.raises(StateChanged):
        await step.end()
    assert (await read(api.developer))[0] == 10


async def test_two_steps_write_one_after_the_other(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    one, other = await Step.start(api), await Step.start(api)
    await write(one.client, 2, first)
    refused = await write(other.client, 3, first)
    assert (refused.status_code, refused.headers["x-tidemill-error"]) == (409, "write_pending")
    await one.end()
    assert (await write(other.client, 3, first)).headers["x-tidemill-error"] == "version_mismatch"
    _, second = await read(other.client)
    assert (await write(other.client, 3, second)).status_code == 200
    await other.end()
    assert (await read(api.developer))[0] == 3


async def test_what_a_step_writes_without_a_condition_joins_what_it_has_written_with_one(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    await write(step.client, 2, first)
    assert (await write(step.client, 3)).status_code == 200
    assert await read(api.developer) == (1, first)
    await step.end()
    assert (await read(api.developer))[0] == 3


async def test_a_step_that_deletes_forgets_what_it_has_written(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    second = (await write(step.client, 2, first)).headers["etag"]
    delete = f"{R}/delete/{PATH}"
    assert (await step.client.delete(delete, headers={"If-Match": first})).status_code == 409
    assert (await step.client.delete(delete, headers={"If-Match": second})).status_code == 200
    assert await read(api.developer) == (None, "")
    await create(step.client, 5, **{"If-None-Match": "*"})
    assert (await step.client.delete(delete)).status_code == 200
    assert (await step.client.delete(delete)).status_code == 404
    await step.end()
    assert await read(api.developer) == (None, "")


async def test_what_a_step_has_written_cannot_be_moved(api: Api) -> None:
    first = (await create(api.developer, 1)).headers["etag"]
    step = await Step.start(api)
    await write(step.client, 2, first)
    for change in ({"path": "u/dev/other"}, {"resource_type": "any"}):
        assert (await step.client.post(f"{R}/update/{PATH}", json=change)).status_code == 409
    assert (await step.client.post(f"{R}/update/{PATH}", json={"description": "new"})).status_code == 200
    await step.end()
    found = (await api.developer.get(f"{R}/get/{PATH}")).json()
    assert (found["value"], found["description"]) == (2, "new")


@pytest.mark.parametrize("case", ["no flow", "no condition", "no state", "a workflow in a flow"])
async def test_all_other_writes_count_at_once(api: Api, case: str) -> None:
    first = (await create(api.developer, 1, "any" if case == "no state" else "state")).headers["etag"]
    job = await Step.start(api, in_flow=case != "no flow")
    if case == "a workflow in a flow":
        await api.parts.database.single.execute(_BECOMES_WORKFLOW, id=job.job)
    assert (await write(job.client, 2, "" if case == "no condition" else first)).status_code == 200
    assert (await read(api.developer))[0] == 2


async def test_what_was_written_by_attempts_that_are_gone_is_removed(api: Api) -> None:
    await create(api.developer, 1)
    _, first = await read(api.developer)
    step = await Step.start(api)
    await write(step.client, 2, first)
    await prune.remove_leftovers(api.parts.database)
    assert await api.parts.database.single.fetch_value(_KEPT) == 1
    await step.end("failure")
    await prune.remove_leftovers(api.parts.database)
    assert await api.parts.database.single.fetch_value(_KEPT) == 0
