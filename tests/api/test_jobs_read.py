"""Reading one job: before, while and after it runs; canceling it; erasing it."""

from uuid import UUID, uuid4

import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api, audited
from tidemill.db import queue
from tidemill.db.queries import inline


async def test_a_job_is_queued_then_running_then_completed(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    url = f"{W}/jobs_u/get/{job_id}"
    queued = (await api.developer.get(url)).json()
    assert (queued["type"], queued["running"]) == ("QueuedJob", False)
    assert "started_at" not in queued
    await worker.start(job_id)
    running = (await api.developer.get(url)).json()
    assert (running["type"], running["running"], running["worker"]) == ("QueuedJob", True, "worker-1")
    await worker.end(job_id, b'{"n": 1.10}')
    answer = await api.developer.get(url)
    completed = answer.json()
    assert (completed["type"], completed["success"], completed["is_skipped"]) == ("CompletedJob", True, False)
    assert b'"result":{"n": 1.10}' in answer.content
    assert completed["duration_ms"] >= 0
    assert completed["started_at"] <= completed["completed_at"]


async def test_attempts_before_the_last_are_told(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer, retry='{"constant": {"attempts": 2, "seconds": 0}}')
    url = f"{W}/jobs/attempts/{job_id}"
    assert (await api.developer.get(url)).json() == []
    await worker.start(job_id)
    await worker.fail_for_now(job_id, b'{"error": {"name": "Busy", "message": "not yet"}}')
    await worker.start(job_id)
    await worker.end(job_id)
    (first,) = (await api.developer.get(url)).json()
    assert (first["attempt"], first["worker"], first["end_reason"]) == (1, "worker-1", "error")
    assert first["error"] == {"error": {"name": "Busy", "message": "not yet"}}
    assert first["started_at"] <= first["ended_at"]
    assert (await api.developer.get(f"{W}/jobs/attempts/{uuid4()}")).status_code == 404


async def test_the_result_is_there_once_it_has_ended(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    maybe = f"{W}/jobs_u/completed/get_result_maybe/{job_id}"
    assert (await api.developer.get(maybe)).json() == {
        "completed": False,
        "result": None,
        "success": None,
        "started": False,
    }
    assert (await api.developer.get(f"{W}/jobs_u/completed/get_result/{job_id}")).status_code == 404
    assert (await api.developer.get(f"{W}/jobs_u/completed/get/{job_id}")).status_code == 404
    await worker.start(job_id)
    assert (await api.developer.get(maybe, params={"get_started": "true"})).json()["started"] is True
    await worker.end(job_id, b'{"a":  [1]}')
    assert (await api.developer.get(maybe)).json() == {
        "completed": True,
        "result": {"a": [1]},
        "success": True,
        "started": True,
    }
    assert (await api.developer.get(f"{W}/jobs_u/completed/get_result/{job_id}")).content == b'{"a":  [1]}'
    completed = (await api.developer.get(f"{W}/jobs_u/completed/get/{job_id}")).json()
    assert "type" not in completed
    assert completed["result"] == {"a": [1]}
    timing = (await api.developer.get(f"{W}/jobs_u/completed/get_timing/{job_id}")).json()
    assert set(timing) == {"created_at", "started_at", "duration_ms"}


async def test_a_failed_job_has_its_error_as_result(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.end(job_id, b'{"error": {"name": "E", "message": "m"}}', status="failure")
    maybe = (await api.developer.get(f"{W}/jobs_u/completed/get_result_maybe/{job_id}")).json()
    assert (maybe["completed"], maybe["success"], maybe["result"]["error"]["name"]) == (True, False, "E")


async def test_a_large_result_comes_back_whole_and_only_lists_replace_it(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    result = b'["' + b"x" * 1_000_000 + b'"]'
    await worker.end(job_id, result)
    assert (await api.developer.get(f"{W}/jobs_u/completed/get_result/{job_id}")).content == result
    assert len((await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["result"][0]) == 1_000_000
    for name in ("jobs/list", "jobs/completed/list"):
        (row,) = (await api.developer.get(f"{W}/{name}")).json()
        assert row["result"] == "WINDMILL_TOO_BIG"
    short = (await api.developer.get(f"{W}/jobs_u/get/{job_id}", params={"no_large": True})).json()
    assert short["result"] == "WINDMILL_TOO_BIG"
    assert (short["args"], short["success"]) == ({}, True)


@pytest.mark.parametrize("size", [10, 300_000, 3_000_000])
@pytest.mark.parametrize("as_list", [True, False])
async def test_some_bytes_of_a_result(api: Api, size: int, as_list: bool) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    text = b"".join(b"%07d" % number for number in range(size // 7 + 1))
    result = b'["%s",1]' % text if as_list else b'"%s"' % text
    await worker.end(job_id, result)
    whole, address = len(result), f"{W}/jobs_u/completed/get_result/{job_id}"
    for asked, start, end in (
        ("0-4", 0, 5),
        ("3-", 3, whole),
        ("-4", whole - 4, whole),
        (f"{whole - 2}-{whole * 3}", whole - 2, whole),
        (f"{whole // 2}-{whole // 2 + 3}", whole // 2, whole // 2 + 4),
        (f"-{whole + 100}", 0, whole),
    ):
        answer = await api.developer.get(address, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, result[start:end]), asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{whole}"
    answer = await api.developer.get(address)
    assert (answer.content, answer.headers["Content-Length"]) == (result, str(whole))
    assert (await api.developer.get(address, headers={"Range": f"bytes={whole}-"})).status_code == 416
    for ignored in ("bytes=1-0", "bytes=0-1,3-4", "lines=1-2"):
        answer = await api.developer.get(address, headers={"Range": ignored})
        assert (answer.status_code, answer.content) == (200, result)


@pytest.mark.parametrize("what", ["NO_JOB_ID", "x", "0192d3a4-5b6c-7d8e-9f01-23456789abcd"])
async def test_a_job_that_is_not_there_is_not_found(api: Api, what: str) -> None:
    for name in (
        "jobs_u/get",
        "jobs_u/completed/get",
        "jobs_u/completed/get_result",
        "jobs_u/completed/get_result_maybe",
        "jobs_u/get_root_job_id",
        "jobs_u/get_args",
        "jobs_u/get_logs",
        "jobs_u/getupdate",
        "jobs_u/getupdate_sse",
        "jobs_u/flow_changes_sse",
        "job_metrics/get_progress",
        "jobs/worker_is_draining",
        "concurrency_groups",
    ):
        suffix = "/key" if name == "concurrency_groups" else ""
        start = "/api" if suffix else W
        answer = await api.developer.get(f"{start}/{name}/{what}{suffix}")
        assert answer.status_code == 404, name
        assert answer.text == f"There is no job {what}.", name


async def test_a_job_of_others_looks_like_none(api: Api) -> None:
    await deploy(api.developer)
    job_id = await run(api.developer)
    stranger = await api.person("stranger")
    for client in (stranger, api.operator):
        for name in ("get", "get_args", "get_logs", "completed/get_result_maybe", "getupdate", "get_root_job_id"):
            answer = await client.get(f"{W}/jobs_u/{name}/{job_id}")
            assert (answer.status_code, answer.text) == (404, f"There is no job {job_id}.")
        assert (await client.post(f"{W}/jobs_u/queue/cancel/{job_id}", json={})).status_code == 404
        assert (await client.get(f"{W}/jobs/list")).json() == []
    assert (await api.outsider.get(f"/api/w/other/jobs_u/get/{job_id}")).status_code == 404
    assert (await api.outsider.get(f"/api/concurrency_groups/{job_id}/key")).status_code == 404


async def test_the_log_is_text_as_it_was_written(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    for piece in ("é😀\r\n", "\x1b[31m<b>\n"):
        await worker.log(job_id, piece)
    answer = await api.developer.get(f"{W}/jobs_u/get_logs/{job_id}")
    assert answer.content.decode() == "é😀\r\n\x1b[31m<b>\n"
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["logs"] == answer.text
    quiet = await api.developer.get(f"{W}/jobs_u/get/{job_id}", params={"no_logs": "true"})
    assert "logs" not in quiet.json()


async def test_a_waiting_job_is_canceled_at_once(api: Api) -> None:
    await deploy(api.developer)
    job_id = await run(api.developer)
    answer = await api.developer.post(f"{W}/jobs_u/queue/cancel/{job_id}", json={"reason": "enough"})
    assert (answer.status_code, answer.text) == (200, str(job_id))
    job = (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()
    assert (job["type"], job["success"], job["canceled"]) == ("CompletedJob", False, True)
    assert (job["canceled_by"], job["canceled_reason"]) == ("dev", "enough")
    assert "enough" in job["result"]["error"]["message"]
    again = await api.developer.post(f"{W}/jobs_u/queue/cancel/{job_id}", json={})
    assert again.status_code == 200
    assert len(await audited(api, "jobs.cancel")) == 1


async def test_nobody_cancels_as_if_a_newer_run_had_come(api: Api) -> None:
    """A flow takes that for a reason to be skipped, and what is around it goes on."""
    await deploy(api.developer)
    job_id = await run(api.developer)
    for way in ("cancel", "force_cancel"):
        body = {"reason": f"debounced by {uuid4()}"}
        assert (await api.developer.post(f"{W}/jobs_u/queue/{way}/{job_id}", json=body)).status_code == 400
    assert (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["type"] == "QueuedJob"


async def test_a_running_job_is_canceled_through_its_worker(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    claimed = await worker.start(job_id)
    assert (await api.developer.post(f"{W}/jobs_u/queue/cancel/{job_id}")).status_code == 200
    job = (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()
    assert (job["type"], job["running"], job["canceled"], job["canceled_by"]) == ("QueuedJob", True, True, "dev")
    held = [(job_id, claimed.attempt)]
    beats = await queue.heartbeat(api.parts.database.single, worker="worker-1", held=held)
    assert beats[job_id].canceled_by == "dev"


async def test_a_running_job_is_canceled_by_force_without_its_worker(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    await api.developer.post(f"{W}/jobs_u/queue/force_cancel/{job_id}", json={"reason": "now"})
    assert (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["type"] == "CompletedJob"
    with pytest.raises(AssertionError):
        await worker.end(job_id)


async def test_a_job_that_has_ended_is_not_canceled(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.end(job_id)
    answer = await api.developer.post(f"{W}/jobs_u/queue/cancel/{job_id}", json={})
    assert answer.status_code == 409
    assert (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["success"] is True


async def test_a_selection_is_canceled_as_far_as_the_caller_may(api: Api) -> None:
    await deploy(api.developer)
    await deploy(api.admin, path="u/ada/x")
    mine = [await run(api.developer), await run(api.developer)]
    foreign = await run(api.admin, "u/ada/x")
    answer = await api.developer.post(
        f"{W}/jobs/queue/cancel_selection", json=[str(job) for job in (*mine, foreign, uuid4())]
    )
    assert sorted(answer.json()) == sorted(str(job) for job in mine)
    assert (await api.admin.get(f"{W}/jobs_u/get/{foreign}")).json()["canceled"] is False


async def test_admins_erase_what_a_job_held(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer, args={"name": "secret"})
    url = f"{W}/jobs/completed/delete/{job_id}"
    assert (await api.admin.post(url)).status_code == 404
    await worker.start(job_id)
    await worker.log(job_id, "secret\n")
    await worker.end(job_id, b'"secret"')
    assert (await api.developer.post(url)).status_code == 403
    erased = await api.admin.post(url)
    assert (erased.json()["deleted"], erased.json()["result"]) == (True, None)
    whole = await api.developer.get(f"{W}/jobs_u/get/{job_id}")
    assert "secret" not in whole.text
    assert whole.json()["success"] is True
    rerun = await api.developer.post(f"{W}/jobs/run/batch_rerun_jobs", json={"job_ids": [str(job_id)]})
    assert rerun.status_code == 400


async def test_admins_remove_jobs_that_have_ended(api: Api) -> None:
    await deploy(api.developer)
    worker = Worker(api)
    ended, waits = await run(api.developer), await run(api.developer, scheduled_in_secs=100)
    await worker.end(ended)
    body = [str(ended), str(waits)]
    assert (await api.developer.post(f"{W}/jobs/delete", json=body)).status_code == 403
    assert (await api.admin.post(f"{W}/jobs/delete", json=body)).status_code == 200
    assert (await api.developer.get(f"{W}/jobs_u/get/{ended}")).status_code == 404
    assert (await api.developer.get(f"{W}/jobs_u/get/{waits}")).status_code == 200


async def test_progress_is_told_by_the_job_and_read_by_others(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    url = f"{W}/job_metrics/set_progress/{job_id}"
    assert (await api.developer.post(url, json={"percent": 1})).status_code == 409
    await worker.start(job_id)
    assert (await api.developer.get(f"{W}/job_metrics/get_progress/{job_id}")).json() is None
    assert (await api.developer.post(url, json={"percent": 42, "flow_job_id": None})).status_code == 200
    assert (await api.developer.get(f"{W}/job_metrics/get_progress/{job_id}")).json() == 42
    assert (await api.developer.post(url, json={"percent": 101})).status_code == 400
    await worker.end(job_id)
    assert (await api.developer.get(f"{W}/job_metrics/get_progress/{job_id}")).json() == 42
    metrics = (await api.developer.post(f"{W}/job_metrics/get/{job_id}", json={})).json()
    assert metrics["scalar_metrics"] == [{"metric_id": "progress_perc", "value": 42.0}]


async def test_a_job_hears_that_its_worker_is_draining(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    url = f"{W}/jobs/worker_is_draining/{job_id}"
    assert (await api.developer.get(url)).json() is False
    add = inline(
        "insert into worker (name, worker_group, tags, slots, host, version, isolated, draining) "
        "values ('worker-1', 'default', '{}', 1, 'h', '1', true, true)"
    )
    await api.parts.database.single.execute(add)
    assert (await api.developer.get(url)).json() is True


async def test_only_flows_have_user_states(api: Api) -> None:
    await deploy(api.developer)
    job_id = await run(api.developer)
    url = f"{W}/jobs/flow/user_states/{job_id}/key"
    assert (await api.developer.get(url)).status_code == 404
    assert (await api.developer.post(url, json={"a": 1})).status_code == 404


async def test_a_flow_keeps_values_under_keys(api: Api) -> None:
    await deploy(api.developer)
    flow: UUID = await run(api.developer)
    await api.parts.database.single.execute(inline("update job set kind = 'flow' where id = :id"), id=flow)
    url = f"{W}/jobs/flow/user_states/{flow}"
    assert (await api.developer.get(f"{url}/a")).json() is None
    for value in (b'{"n": 1.10}', b"null", b'"text"', b"[]"):
        answer = await api.developer.post(f"{url}/a", content=value, headers={"content-type": "application/json"})
        assert answer.status_code == 200
        assert (await api.developer.get(f"{url}/a")).content == value
    stranger = await api.person("stranger")
    assert (await stranger.get(f"{url}/a")).status_code == 404
    assert (await api.developer.post(f"{url}/{'k' * 300}", json=1)).status_code == 400
