"""Lists of jobs: filters, pages, and what each caller sees."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api


@pytest.fixture
async def made(api: Api) -> dict[str, UUID]:
    """Four jobs: `won` and `lost` have ended, `runs` and `waits` are in the queue; `waits` is a child of `won`."""
    await deploy(api.developer, labels=["l"])
    await deploy(api.developer, path="u/dev/other", tag="custom")
    worker = Worker(api)
    found = {"won": await run(api.developer, args={"name": "a", "times": 1})}
    await worker.end(found["won"], b'{"rows": 3, "kind": "x"}')
    found["lost"] = await run(api.developer, "u/dev/other", {"name": "b"})
    await worker.end(found["lost"], b'{"error": {"name": "E", "message": "m"}}', status="failure")
    found["runs"] = await run(api.developer, "u/dev/other")
    await worker.start(found["runs"])
    found["waits"] = await run(api.developer, scheduled_in_secs=3600, parent_job=found["won"])
    return found


async def names(api: Api, made: dict[str, UUID], what: str = "jobs/list", **query: object) -> list[str]:
    answer = await api.developer.get(f"{W}/{what}", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    by_id = {str(job): name for name, job in made.items()}
    return [by_id[row if isinstance(row, str) else row["id"]] for row in answer.json()]


SHOWN: list[tuple[dict[str, object], list[str]]] = [
    ({}, ["waits", "runs", "lost", "won"]),
    ({"order_desc": "false"}, ["won", "lost", "runs", "waits"]),
    ({"running": "true"}, ["runs"]),
    ({"running": "false"}, ["waits"]),
    ({"running": "true", "script_path_exact": "u/dev/other"}, ["runs"]),
    ({"running": "true", "script_path_exact": "u/dev/hello"}, []),
    ({"success": "true"}, ["won"]),
    ({"success": "false"}, ["lost"]),
    ({"status": "failure"}, ["lost"]),
    ({"is_skipped": "true"}, []),
    ({"script_path_exact": "u/dev/other"}, ["runs", "lost"]),
    ({"script_path_start": "u/dev/"}, ["waits", "runs", "lost", "won"]),
    ({"script_path_start": "u/dev/h"}, ["waits", "won"]),
    ({"created_by": "dev"}, ["waits", "runs", "lost", "won"]),
    ({"created_by": "ada"}, []),
    ({"tag": "custom"}, ["runs", "lost"]),
    ({"label": "l"}, ["waits", "won"]),
    ({"worker": "worker-1"}, ["runs", "lost", "won"]),
    ({"job_kinds": "script,flow"}, ["waits", "runs", "lost", "won"]),
    ({"job_kinds": "dependencies"}, []),
    ({"has_null_parent": "true"}, ["runs", "lost", "won"]),
    ({"has_null_parent": "false"}, ["waits"]),
    ({"is_not_schedule": "true"}, ["waits", "runs", "lost", "won"]),
    ({"is_flow_step": "true"}, []),
    ({"suspended": "true"}, []),
    ({"scheduled_for_before_now": "true"}, ["runs"]),
    ({"args": '{"name": "a"}'}, ["won"]),
    ({"args": '{"times": 1}', "success": "true"}, ["won"]),
    ({"result": '{"kind": "x"}'}, ["won"]),
    ({"result": '{"kind": "y"}'}, []),
    ({"created_after": "2100-01-01T00:00:00Z"}, []),
    ({"created_before": "2100-01-01T00:00:00Z", "started_after": "2000-01-01T00:00:00"}, ["runs", "lost", "won"]),
    ({"completed_after": "2000-01-01T00:00:00Z"}, ["lost", "won"]),
    ({"schedule_path": "u/dev/s"}, []),
    ({"per_page": 3}, ["waits", "runs", "lost"]),
    ({"per_page": 3, "page": 2}, ["won"]),
    ({"per_page": 3, "page": 0}, ["waits", "runs", "lost"]),
    ({"per_page": 3, "page": 3}, []),
]


async def test_lists_show_what_fits(api: Api, made: dict[str, UUID]) -> None:
    for query, expected in SHOWN:
        assert (query, await names(api, made, **query)) == (query, expected)
        if "page" not in query:
            assert (query, await names(api, made, "jobs/list_filtered_uuids", **query)) == (query, expected)


async def test_lists_go_on_behind_a_job(api: Api, made: dict[str, UUID]) -> None:
    assert await names(api, made, before_id=made["runs"]) == ["lost", "won"]
    assert await names(api, made, parent_job=made["won"]) == ["waits"]


async def test_each_part_has_its_own_list_and_count(api: Api, made: dict[str, UUID]) -> None:
    assert await names(api, made, "jobs/queue/list") == ["waits", "runs"]
    assert await names(api, made, "jobs/completed/list") == ["lost", "won"]
    assert await names(api, made, "jobs/completed/list", success="false") == ["lost"]
    assert await names(api, made, "jobs/queue/list_filtered_uuids") == ["waits", "runs"]
    assert (await api.developer.get(f"{W}/jobs/queue/count")).json() == {"database_length": 2, "suspended": 0}
    assert (await api.developer.get(f"{W}/jobs/completed/count")).json() == {"database_length": 2}
    recent = await api.developer.get(
        f"{W}/jobs/completed/count_jobs", params={"completed_after_s_ago": 60, "success": "false", "tags": "custom,x"}
    )
    assert recent.json() == 1
    (row,) = [row for row in (await api.developer.get(f"{W}/jobs/completed/list")).json() if not row["success"]]
    assert row["result"]["error"]["message"] == "m"


async def test_rows_of_the_mixed_list_tell_their_type(api: Api, made: dict[str, UUID]) -> None:
    rows = (await api.developer.get(f"{W}/jobs/list")).json()
    assert [row["type"] for row in rows] == ["QueuedJob", "QueuedJob", "CompletedJob", "CompletedJob"]
    assert all("type" not in row for row in (await api.developer.get(f"{W}/jobs/queue/list")).json())


async def test_each_sees_its_own_jobs_and_those_of_scripts_it_may_read(api: Api, made: dict[str, UUID]) -> None:
    assert len((await api.admin.get(f"{W}/jobs/list")).json()) == len(made)
    stranger = await api.person("stranger")
    assert (await stranger.get(f"{W}/jobs/list")).json() == []
    hidden = await api.admin.post(f"{W}/jobs/run/p/u/dev/hello", json={}, params={"invisible_to_owner": "true"})
    shown = await api.admin.post(f"{W}/jobs/run/p/u/dev/hello", json={})
    ids = {row["id"] for row in (await api.developer.get(f"{W}/jobs/list")).json()}
    assert shown.text in ids
    assert hidden.text not in ids


async def test_pages_are_full_though_rows_between_are_not_visible(api: Api) -> None:
    await deploy(api.developer)
    for _ in range(6):
        await run(api.developer)
        await api.admin.post(f"{W}/jobs/run/p/u/dev/hello", params={"invisible_to_owner": "true"})
    for page, count in ((1, 4), (2, 2)):
        rows = (await api.developer.get(f"{W}/jobs/list", params={"per_page": 4, "page": page})).json()
        assert len(rows) == count


@pytest.mark.parametrize(
    "query",
    [
        {"args": "{"},
        {"args": '{"a": "\\u0000"}'},
        {"args": "1e200000"},
        {"result": '{"a": -1e-200000}'},
        {"result": "9" * 4000},
        {"created_by": "a\x00b"},
        {"status": "maybe"},
        {"created_after": "yesterday"},
        {"parent_job": "x"},
        {"per_page": "0"},
        {"page": "100000"},
    ],
)
async def test_a_filter_that_does_not_fit_is_refused(api: Api, query: dict[str, str]) -> None:
    answer = await api.developer.get(f"{W}/jobs/list", params=query)
    assert answer.status_code == 400, answer.text


async def test_filters_by_value_pass_over_what_postgres_cannot_compare(api: Api) -> None:
    await deploy(api.developer)
    wanted = await run(api.developer, args={"name": "a"})
    for raw in (b'{"name": "\\u0000"}', b'{"name": 1e999999}', b'{"name": "a", "n": ' + b"1" * 300 + b"}"):
        await api.developer.post(
            f"{W}/jobs/run/p/u/dev/hello", content=raw, headers={"content-type": "application/json"}
        )
    rows = (await api.developer.get(f"{W}/jobs/list", params={"args": '{"name": "a"}'})).json()
    assert [row["id"] for row in rows] == [str(wanted)]


async def test_the_clock_is_the_databases(api: Api) -> None:
    told = (await api.developer.get("/api/jobs/db_clock")).json()
    assert abs(told - datetime.now(UTC).timestamp() * 1000) < 60_000


async def test_a_text_that_looks_like_an_exponent_is_found(api: Api) -> None:
    await deploy(api.developer)
    wanted = await run(api.developer, args={"name": "file2024"})
    rows = (await api.developer.get(f"{W}/jobs/list", params={"args": '{"name": "file2024"}'})).json()
    assert [row["id"] for row in rows] == [str(wanted)]
