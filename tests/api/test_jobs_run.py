"""Starting jobs: what the request says becomes the job, exactly."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import anyio
import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api, audited
from tidemill.model.ids import new_job_id


async def job_of(api: Api, job_id: UUID) -> dict[str, object]:
    answer = await api.admin.get(f"{W}/jobs_u/get/{job_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_a_run_is_answered_with_the_bare_id_of_a_queued_job(api: Api) -> None:
    number = await deploy(api.developer)
    answer = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={"name": "ada"})
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("text/plain")
    job = await job_of(api, UUID(answer.text))
    assert job["type"] == "QueuedJob"
    assert (job["running"], job["canceled"], job["job_kind"]) == (False, False, "script")
    assert (job["script_path"], job["script_hash"], job["language"]) == ("u/dev/hello", number, "python3")
    assert (job["created_by"], job["permissioned_as"], job["email"]) == ("dev", "u/dev", "dev@x.org")
    assert (job["tag"], job["args"]) == ("python3", {"name": "ada"})
    assert "raw_code" not in job


async def test_arguments_are_kept_as_they_were_written(api: Api) -> None:
    await deploy(api.developer)
    raw = (
        b'{"big": 123456789012345678901234567890, "exact": 1.10, "text": "\\u00e9\\u0000", "deep": {"b":1,"a":[1e400]}}'
    )
    answer = await api.developer.post(
        f"{W}/jobs/run/p/u/dev/hello", content=raw, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert (await api.developer.get(f"{W}/jobs_u/get_args/{answer.text}")).content == raw
    listed = await api.developer.get(f"{W}/jobs/list", params={"args": '{"text": "x"}'})
    assert listed.json() == []


async def test_large_arguments_move_to_the_object_store_and_come_back_whole(api: Api) -> None:
    await deploy(api.developer)
    args = {"name": "x" * 400_000}
    job_id = await run(api.developer, args=args)
    assert (await api.developer.get(f"{W}/jobs_u/get_args/{job_id}")).json() == args
    claimed = await Worker(api).start(job_id)
    assert claimed.args is None
    (row,) = (await api.developer.get(f"{W}/jobs/list")).json()
    assert row["args"] == {"reason": "WINDMILL_TOO_BIG"}


async def test_arguments_over_the_limit_are_refused_with_the_way_out(api: Api) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={"name": "x" * (16 * 1024 * 1024)})
    assert answer.status_code == 413
    assert "workspace storage" in answer.text


@pytest.mark.parametrize("body", ['{"a": 1, "a": 2}', '{"a": NaN}', "\ufeff{}", '{"a": "\\ud800"}', "[1", "{}x"])
async def test_json_that_would_not_be_kept_faithfully_is_refused(api: Api, body: str) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(
        f"{W}/jobs/run/p/u/dev/hello", content=body.encode(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["x-tidemill-error"] == "invalid_json"


async def test_the_query_says_when_where_and_how_urgently(api: Api) -> None:
    await deploy(api.developer)
    when = datetime(2100, 1, 1, tzinfo=UTC)
    job_id = await run(
        api.developer,
        scheduled_for=when.isoformat(),
        tag="custom",
        priority=7,
        timeout=5,
        invisible_to_owner="true",
        retry='{"constant": {"attempts": 3, "seconds": 10}}',
        cache_ttl=60,
    )
    job = await job_of(api, job_id)
    assert datetime.fromisoformat(str(job["scheduled_for"])) == when
    assert (job["tag"], job["priority"], job["timeout"], job["visible_to_owner"]) == ("custom", 7, 5, False)
    soon = await job_of(api, await run(api.developer, scheduled_in_secs=3600))
    assert datetime.fromisoformat(str(soon["scheduled_for"])) > datetime.now(UTC) + timedelta(minutes=50)
    position = await api.developer.get(f"{W}/jobs/queue/position/{int(when.timestamp() * 1000) + 1}")
    assert position.json() == {"position": 2}


async def test_a_job_that_waits_for_later_can_be_run_now(api: Api) -> None:
    await deploy(api.developer)
    job_id = await run(api.developer, scheduled_in_secs=3600)
    assert (await api.developer.post(f"{W}/jobs/queue/run_now/{job_id}")).text == str(job_id)
    assert (await Worker(api).start(job_id)).id == job_id


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"retry": "{"}, 400),
        ({"retry": '{"constant": {"attempts": -1}}'}, 400),
        ({"tag": "no blanks"}, 400),
        ({"priority": "1000"}, 400),
        ({"scheduled_for": "tomorrow"}, 400),
        ({"scheduled_in_secs": "-1"}, 400),
        ({"scheduled_for": "9999-12-31T23:59:59-14:00"}, 400),
        ({"parent_job": "x"}, 400),
        ({"parent_job": "0192d3a4-5b6c-7d8e-9f01-23456789abcd"}, 404),
        ({"job_id": "00000000-0000-4000-8000-000000000000"}, 400),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(api: Api, query: dict[str, str], status: int) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={}, params=query)
    assert answer.status_code == status, answer.text
    assert (await api.developer.get(f"{W}/jobs/queue/count")).json()["database_length"] == 0


async def test_the_settings_of_the_script_go_with_its_jobs(api: Api) -> None:
    await deploy(
        api.developer,
        tag="tag-$workspace-$args[color]",
        priority=3,
        timeout=100,
        concurrent_limit=2,
        concurrency_key="k-$args[color]",
        labels=["nightly"],
        on_worker_loss="fail",
    )
    job_id = await run(api.developer, args={"color": "red"}, timeout=500)
    job = await job_of(api, job_id)
    assert (job["tag"], job["priority"], job["timeout"]) == ("tag-main-red", 3, 100)
    assert job["labels"] == ["nightly"]
    key = (await api.developer.get(f"/api/concurrency_groups/{job_id}/key")).json()
    assert key == "main:key:k-red"
    groups = (await api.superadmin.get("/api/concurrency_groups/list")).json()
    assert groups == [{"concurrency_key": key, "total_running": 0}]
    shared = await api.developer.get(f"{W}/concurrency_groups/list_jobs", params={"concurrency_key": key})
    assert [job["id"] for job in shared.json()["jobs"]] == [str(job_id)]
    refused = await api.developer.post(
        f"{W}/jobs/run/p/u/dev/hello", json={}, params={"retry": '{"constant": {"attempts": 1, "seconds": 0}}'}
    )
    assert refused.status_code == 400
    assert "on_worker_loss" in refused.text


async def test_the_caller_may_choose_the_id_once(api: Api) -> None:
    await deploy(api.developer)
    wanted = new_job_id(datetime.now(UTC))
    assert await run(api.developer, job_id=wanted) == wanted
    again = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={}, params={"job_id": str(wanted)})
    assert again.status_code == 409


async def test_a_job_belongs_under_its_parent_and_root(api: Api) -> None:
    await deploy(api.developer)
    root = await run(api.developer)
    child = await run(api.developer, parent_job=root)
    grandchild = await run(api.developer, parent_job=child)
    for job_id in (root, child, grandchild):
        answer = await api.developer.get(f"{W}/jobs_u/get_root_job_id/{job_id}")
        assert answer.json() == str(root)
    assert (await job_of(api, grandchild))["parent_job"] == str(child)


async def test_a_parent_that_the_caller_may_not_see_looks_like_none(api: Api) -> None:
    await deploy(api.developer)
    secret = await run(api.developer)
    stranger = await api.person("stranger")
    await deploy(stranger, path="u/stranger/x")
    answer = await stranger.post(f"{W}/jobs/run/p/u/stranger/x", json={}, params={"parent_job": str(secret)})
    assert answer.status_code == 404


async def test_more_jobs_than_the_queue_limit_are_refused(api: Api) -> None:
    await deploy(api.developer)
    await run(api.developer, queue_limit=1)
    answer = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={}, params={"queue_limit": 1})
    assert answer.status_code == 429
    assert "retry-after" in answer.headers


async def test_a_script_runs_for_those_who_may_read_it(api: Api) -> None:
    number = await deploy(api.developer)
    assert (await api.operator.post(f"{W}/jobs/run/p/u/dev/hello", json={})).status_code == 404
    assert (await api.operator.post(f"{W}/jobs/run/h/{number}", json={})).status_code == 404
    assert (await api.admin.post(f"{W}/jobs/run/h/{number}", json={})).status_code == 201
    assert (await api.outsider.post(f"/api/w/other/jobs/run/h/{number}", json={})).status_code == 404


async def test_a_token_runs_what_its_scopes_name(api: Api) -> None:
    await deploy(api.developer)
    await deploy(api.developer, path="u/dev/other")
    client = await api.client(await api.token("dev@x.org", scopes=["jobs:run:scripts:u/dev/hello"]))
    assert (await client.post(f"{W}/jobs/run/p/u/dev/hello", json={})).status_code == 201
    assert (await client.post(f"{W}/jobs/run/p/u/dev/other", json={})).status_code == 403


async def test_a_preview_runs_a_source_that_is_not_deployed(api: Api) -> None:
    body = {"content": "def main(a): ...", "language": "python3", "args": {"a": 1}, "path": "u/dev/draft"}
    answer = await api.developer.post(f"{W}/jobs/run/preview", json=body)
    assert answer.status_code == 201, answer.text
    job = await job_of(api, UUID(answer.text))
    assert (job["job_kind"], job["raw_code"], job["args"]) == ("preview", body["content"], {"a": 1})
    hidden = (await api.developer.get(f"{W}/jobs_u/get/{answer.text}", params={"no_code": "true"})).json()
    assert "raw_code" not in hidden
    assert (await api.operator.post(f"{W}/jobs/run/preview", json=body)).status_code == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"language": "cobol"}, 400),
        ({"args": [1]}, 400),
        ({"kind": "http"}, 501),
        ({"modules": {"a": {}}}, 501),
        ({"path": "nowhere"}, 400),
    ],
)
async def test_a_preview_that_cannot_be_run_is_refused(api: Api, change: dict[str, object], status: int) -> None:
    body = {"content": "def main(): ...", "language": "python3", "args": {}, **change}
    assert (await api.developer.post(f"{W}/jobs/run/preview", json=body)).status_code == status


async def test_dependencies_are_resolved_by_a_job_of_their_own(api: Api) -> None:
    body = {
        "raw_scripts": [{"raw_code": "import requests", "language": "python3", "script_path": "u/dev/x"}],
        "raw_workspace_dependencies": None,
        "entrypoint": "u/dev/x",
        "temp_script_refs": None,
    }
    answer = await api.developer.post(f"{W}/jobs/run/dependencies_async", json=body)
    assert answer.status_code == 201, answer.text
    job = await job_of(api, UUID(answer.text))
    assert (job["job_kind"], job["tag"], job["raw_code"]) == ("dependencies", "dependency", "import requests")


async def test_jobs_are_run_again_with_their_arguments(api: Api) -> None:
    first = await deploy(api.developer)
    job_id = await run(api.developer, args={"name": "a", "times": 3})
    await Worker(api).end(job_id)
    second = await deploy(api.developer, content="def main(name): ...\n", parent_hash=first)
    url = f"{W}/jobs/run/batch_rerun_jobs"
    body = {"job_ids": [str(job_id)], "script_options_by_path": {}, "flow_options_by_path": {}}
    again = await job_of(api, UUID((await api.developer.post(url, json=body)).text))
    assert (again["script_hash"], again["args"]) == (first, {"name": "a", "times": 3})
    options = {"use_latest_version": True, "input_transforms": {"name": {"type": "static", "value": "b"}}}
    body["script_options_by_path"] = {"u/dev/hello": options}
    newest = await job_of(api, UUID((await api.developer.post(url, json=body)).text))
    assert (newest["script_hash"], newest["args"]) == (second, {"name": "b", "times": 3})
    stranger = await api.person("stranger")
    assert (await stranger.post(url, json=body)).status_code == 404


async def test_a_batch_is_run_again_whole_or_not_at_all(api: Api) -> None:
    await deploy(api.developer)
    ids = [await run(api.developer, args={"name": str(number)}) for number in range(5)]
    url = f"{W}/jobs/run/batch_rerun_jobs"
    broken = await api.developer.post(url, json={"job_ids": [*map(str, ids), str(new_job_id(datetime.now(UTC)))]})
    assert broken.status_code == 404
    answer = await api.developer.post(url, json={"job_ids": [*map(str, ids)]})
    assert answer.status_code == 200, answer.text
    again = [(await job_of(api, UUID(line)))["args"] for line in answer.text.split("\n")]
    assert again == [{"name": str(number)} for number in range(5)]
    assert len(await audited(api, "jobs.run")) == 10
    assert (await api.developer.post(url, json={"job_ids": []})).text == ""


async def test_starting_a_job_is_audited(api: Api) -> None:
    await deploy(api.developer)
    job_id = await run(api.developer)
    (record,) = await audited(api, "jobs.run")
    assert (record["username"], record["resource"]) == ("dev", "u/dev/hello")
    assert record["parameters"]["job"] == str(job_id)


async def test_arguments_of_a_get_are_its_payload(api: Api) -> None:
    await deploy(api.developer)
    worker = Worker(api)
    payload = base64.urlsafe_b64encode(b'{"name": "\xc3\xa9"}').decode().rstrip("=")
    waiting = asyncio.create_task(
        api.developer.get(f"{W}/jobs/run_wait_result/p/u/dev/hello", params={"payload": payload})
    )
    job_id = await next_job(api)
    await worker.end(job_id, b'["\\u00e9"]')
    answer = await waiting
    assert (answer.status_code, answer.content) == (200, b'["\\u00e9"]')
    assert (await api.developer.get(f"{W}/jobs_u/get_args/{job_id}")).json() == {"name": "é"}


async def next_job(api: Api) -> UUID:
    """The id of the first job that is in the queue."""
    while not (found := (await api.admin.get(f"{W}/jobs/queue/list")).json()):
        await anyio.lowlevel.checkpoint()
    return UUID(found[0]["id"])
