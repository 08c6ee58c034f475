"""Scripts, flows and schedules that run as whoever they were deployed for: who may say so, and what that gives away."""

from typing import Any

import httpx
import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api
from tests.api.test_schedules import PATH, create, get
from tidemill.model.errors import InterpolationFailed
from tidemill.wiring.job_data import WorkspaceData

SCRIPT = "f/team/acts"
AS_ADA = {"on_behalf_of_email": "ada@x.org", "preserve_on_behalf_of": True}
FLOW = {"modules": [{"id": "a", "value": {"type": "script", "path": SCRIPT, "input_transforms": {}}}]}


async def make_folder(api: Api) -> None:
    body = {"name": "team", "owners": ["u/ada"], "extra_perms": {"u/dev": True, "u/op": False}}
    assert (await api.admin.post(f"{W}/folders/create", json=body)).status_code in {200, 201}


async def make_secret(api: Api) -> None:
    body = {"path": "u/ada/secret", "value": "of ada alone", "is_secret": True, "description": ""}
    assert (await api.admin.post(f"{W}/variables/create", json=body)).status_code == 201


async def whose(client: httpx.AsyncClient, job: object) -> tuple[str, str, str]:
    found = (await client.get(f"{W}/jobs_u/get/{job}")).json()
    return found["created_by"], found["permissioned_as"], found["email"]


async def put_in_group(api: Api, username: str) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "wm_deployers"})
    answer = await api.admin.post(f"{W}/groups/adduser/wm_deployers", json={"username": username})
    assert answer.status_code == 200, answer.text


async def test_a_script_runs_as_whom_it_was_deployed_for(api: Api) -> None:
    await make_folder(api)
    await deploy(api.admin, SCRIPT, **AS_ADA)
    assert await whose(api.operator, await run(api.operator, SCRIPT)) == ("op", "u/ada", "ada@x.org")
    shown = (await api.developer.get(f"{W}/scripts/get/p/{SCRIPT}")).json()
    assert (shown["on_behalf_of"], shown["on_behalf_of_email"]) == ("u/ada", "ada@x.org")


async def test_whoever_deploys_without_more_is_whom_it_runs_as(api: Api) -> None:
    await make_folder(api)
    await deploy(api.developer, SCRIPT, on_behalf_of_email="ada@x.org")
    assert await whose(api.operator, await run(api.operator, SCRIPT)) == ("op", "u/dev", "dev@x.org")


async def test_only_admins_and_deployers_deploy_for_others(api: Api) -> None:
    await make_folder(api)
    body = {"path": SCRIPT, "summary": "", "content": "def main(): ...", "language": "python3", **AS_ADA}
    refused = await api.developer.post(f"{W}/scripts/create", json=body)
    assert (refused.status_code, "wm_deployers" in refused.text) == (403, True)
    flow = {"path": "f/team/flow", "summary": "", "value": FLOW, **AS_ADA}
    assert (await api.developer.post(f"{W}/flows/create", json=flow)).status_code == 403
    await put_in_group(api, "dev")
    assert (await api.developer.post(f"{W}/scripts/create", json=body)).status_code == 201
    unknown = {**body, "path": "f/team/x", "on_behalf_of_email": "nobody@x.org"}
    assert (await api.developer.post(f"{W}/scripts/create", json=unknown)).status_code == 400


async def test_a_new_version_does_not_go_on_running_as_somebody_else(api: Api) -> None:
    await make_folder(api)
    number = await deploy(api.admin, SCRIPT, **AS_ADA)
    await deploy(api.developer, SCRIPT, content="def main(): return 2", parent_hash=number)
    assert await whose(api.operator, await run(api.operator, SCRIPT)) == ("op", "u/op", "op@x.org")


async def test_the_group_of_deployers_is_for_admins_to_make_and_fill(api: Api) -> None:
    made = await api.developer.post(f"{W}/groups/create", json={"name": "wm_deployers"})
    assert made.status_code == 403
    await put_in_group(api, "op")
    answer = await api.developer.post(f"{W}/groups/adduser/wm_deployers", json={"username": "dev"})
    assert answer.status_code == 403


async def test_references_in_arguments_are_put_in_under_the_rights_of_who_gave_them(api: Api) -> None:
    await make_folder(api)
    await make_secret(api)
    await deploy(api.admin, SCRIPT, **AS_ADA)
    args = {"name": "$var:u/ada/secret"}
    data, worker = WorkspaceData(api.parts.database, api.parts.keyring, api.parts.values), Worker(api)
    job = await worker.start(await run(api.operator, SCRIPT, args))
    with pytest.raises(InterpolationFailed):
        await data.resolve(job, job.args or b"")
    job = await worker.start(await run(api.admin, SCRIPT, args))
    assert (await data.resolve(job, job.args or b"")).args == b'{"name":"of ada alone"}'


async def test_a_flow_runs_as_whom_it_was_deployed_for_and_takes_no_references(api: Api) -> None:
    await make_folder(api)
    await deploy(api.admin, SCRIPT)
    body = {"path": "f/team/flow", "summary": "", "value": FLOW, **AS_ADA}
    assert (await api.admin.post(f"{W}/flows/create", json=body)).status_code == 201
    started = await api.operator.post(f"{W}/jobs/run/f/f/team/flow", json={"n": 1})
    assert await whose(api.operator, started.text) == ("op", "u/ada", "ada@x.org")
    refused = await api.operator.post(f"{W}/jobs/run/f/f/team/flow", json={"n": "$var:u/ada/secret"})
    assert (refused.status_code, "on behalf of u/ada" in refused.text) == (400, True)
    assert (await api.admin.post(f"{W}/jobs/run/f/f/team/flow", json={"n": "$var:u/ada/secret"})).status_code == 201


async def test_a_schedule_keeps_whom_it_runs_as_for_those_who_may(api: Api) -> None:
    await deploy(api.developer)
    kept: dict[str, Any] = {"permissioned_as": "u/dev", "preserve_permissioned_as": True}
    path = await create(api.admin, PATH, **kept)
    found = await get(api.admin, path)
    assert (found["permissioned_as"], found["email"]) == ("u/dev", "dev@x.org")
    change = {"schedule": "0 0 13 * * *", **kept}
    assert (await api.admin.post(f"{W}/schedules/update/{path}", json=change)).status_code == 200
    assert (await get(api.admin, path))["permissioned_as"] == "u/dev"
    change = {"schedule": "0 0 14 * * *", "permissioned_as": "u/dev"}
    assert (await api.admin.post(f"{W}/schedules/update/{path}", json=change)).status_code == 200
    assert (await get(api.admin, path))["permissioned_as"] == "u/ada"
    change = {"permissioned_as": "u/ada", "preserve_permissioned_as": True}
    assert (await api.developer.post(f"{W}/schedules/update/{path}", json=change)).status_code == 403


async def test_who_may_not_see_what_others_run_gets_nothing_of_what_they_sent(api: Api) -> None:
    await make_folder(api)
    settings = {"debounce_delay_s": 3600, "debounce_args_to_accumulate": ["items"]}
    shared = "u/ada/shared"
    for path in (SCRIPT, shared):
        await deploy(api.admin, path, content="def main(items: list): ...", **AS_ADA, **settings)
    for name in ("dev", "op"):
        share = {"owner": f"u/{name}", "write": False}
        assert (await api.admin.post(f"{W}/acls/add/script/{shared}", json=share)).status_code == 200
    for path, sees in ((SCRIPT, True), (shared, False)):
        first = await run(api.developer, path, {"items": ["of dev"]})
        second = await run(api.operator, path, {"items": ["of op"]})
        assert (await api.operator.get(f"{W}/jobs_u/get/{first}")).status_code == (200 if sees else 404)
        told = (await api.developer.get(f"{W}/jobs_u/get/{first}")).json()
        assert told["type"] == ("CompletedJob" if sees else "QueuedJob")
        assert told.get("canceled_reason") == (f"debounced by {second}" if sees else None)
    hidden = await api.developer.post(
        f"{W}/jobs/run/p/{SCRIPT}", params={"invisible_to_owner": "true"}, json={"items": ["hidden"]}
    )
    await run(api.operator, SCRIPT, {"items": [2]})
    assert (await api.developer.get(f"{W}/jobs_u/get/{hidden.text}")).json()["type"] == "QueuedJob"
