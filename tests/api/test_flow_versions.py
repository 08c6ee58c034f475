"""Flows at their paths: versions and their history, moving, archiving, removing, lists."""

import json

import httpx

from tests.api.conftest import Api, audited

W = "/api/w/main"
PATH = "u/dev/steps"


def steps(*ids: str) -> dict[str, object]:
    return {"modules": [{"id": each, "value": {"type": "identity"}} for each in ids]}


async def create(client: httpx.AsyncClient, path: str = PATH, **more: object) -> None:
    body = {"path": path, "summary": "", "value": steps("a"), **more}
    answer = await client.post(f"{W}/flows/create", json=body)
    assert (answer.status_code, answer.text) == (201, path)


async def update(client: httpx.AsyncClient, *, to: str = PATH, **more: object) -> None:
    body = {"path": to, "summary": "", "value": steps("a"), **more}
    answer = await client.post(f"{W}/flows/update/{PATH}", json=body)
    assert (answer.status_code, answer.text) == (200, to)


async def history(client: httpx.AsyncClient, path: str = PATH, **query: int) -> list[dict[str, object]]:
    answer = await client.get(f"{W}/flows/history/p/{path}", params=query)
    assert answer.status_code == 200, answer.text
    lines: list[dict[str, object]] = answer.json()
    return lines


async def test_a_flow_comes_back_as_it_was_sent(api: Api) -> None:
    value = b'{"modules": [], "flow_env": {"rate": 1.10, "id": 12345678901234567890}}'
    body = b'{"path": "u/dev/steps", "summary": "S", "description": "D", "value": %s, "labels": ["x"], "priority": 5,'
    body += b' "tag": "custom", "timeout": 60, "schema": {"properties": {"n": {"default": 1.50}}}}'
    assert (await api.developer.post(f"{W}/flows/create", content=body % value)).status_code == 201
    answer = await api.developer.get(f"{W}/flows/get/{PATH}")
    assert value in answer.content
    assert b'{"properties": {"n": {"default": 1.50}}}' in answer.content
    found = answer.json()
    assert (found["summary"], found["description"], found["labels"], found["tag"]) == ("S", "D", ["x"], "custom")
    assert (found["priority"], found["timeout"], found["edited_by"], found["archived"]) == (5, 60, "dev", False)


async def test_each_version_stays_and_runs(api: Api) -> None:
    await create(api.developer, deployment_message="begin")
    await update(api.admin, value=steps("a", "b"))
    newest, first = await history(api.developer)
    assert (newest["created_by"], first["created_by"], first["deployment_msg"]) == ("ada", "dev", "begin")
    assert "deployment_msg" not in newest
    assert await history(api.developer, page=2, per_page=1) == [first]
    said = await api.developer.post(
        f"{W}/flows/history_update/v/{newest['id']}", json={"deployment_msg": "a second step"}
    )
    assert said.status_code == 200
    assert (await history(api.developer))[0]["deployment_msg"] == "a second step"
    latest = (await api.developer.get(f"{W}/flows/get_latest_version/{PATH}")).json()
    assert (latest["id"], latest["deployment_msg"]) == (newest["id"], "a second step")
    for version, value in ((first["id"], steps("a")), (newest["id"], steps("a", "b"))):
        assert (await api.developer.get(f"{W}/flows/get/v/{version}")).json()["value"] == value
        started = await api.developer.post(f"{W}/jobs/run/fv/{version}", json={})
        assert started.status_code == 201, started.text
        job = (await api.developer.get(f"{W}/jobs_u/get/{started.text}")).json()
        assert (job["raw_flow"], job["script_path"]) == (value, PATH)


async def test_a_flow_moves_with_its_versions_and_not_onto_another(api: Api) -> None:
    await create(api.developer)
    (first,) = await history(api.developer)
    await update(api.developer, to="u/dev/elsewhere")
    assert [each["id"] for each in await history(api.developer, "u/dev/elsewhere")][1:] == [first["id"]]
    assert (await api.developer.get(f"{W}/flows/get/{PATH}")).status_code == 404
    assert (await api.developer.get(f"{W}/flows/get/v/{first['id']}")).json()["path"] == "u/dev/elsewhere"
    await create(api.developer)
    body = {"path": PATH, "summary": "", "value": steps("a")}
    taken = await api.developer.post(f"{W}/flows/update/u/dev/elsewhere", json=body)
    assert (taken.status_code, taken.headers["x-tidemill-error"]) == (409, "already_exists")
    assert (await api.developer.post(f"{W}/flows/create", json=body)).status_code == 409
    assert len(await history(api.developer, "u/dev/elsewhere")) == 2


async def test_an_archived_flow_is_out_of_use_until_it_is_taken_back_or_deployed(api: Api) -> None:
    await create(api.developer)
    for is_back in (
        lambda: api.developer.post(f"{W}/flows/archive/{PATH}", json={"archived": False}),
        lambda: api.developer.post(f"{W}/flows/update/{PATH}", json={"summary": "", "value": steps("a")}),
    ):
        assert (await api.developer.post(f"{W}/flows/archive/{PATH}", json={"archived": True})).text == PATH
        assert (await api.developer.get(f"{W}/flows/exists/{PATH}")).json() is False
        assert (await api.developer.get(f"{W}/flows/list")).json() == []
        assert (await api.developer.get(f"{W}/flows/list_paths")).json() == []
        assert (await api.developer.get(f"{W}/flows/list_search")).json() == []
        (kept,) = (await api.developer.get(f"{W}/flows/list", params={"show_archived": True})).json()
        assert (kept["path"], kept["archived"]) == (PATH, True)
        assert (await api.developer.post(f"{W}/jobs/run/f/{PATH}", json={})).status_code == 404
        assert (await is_back()).status_code == 200
        assert (await api.developer.get(f"{W}/flows/exists/{PATH}")).json() is True
        assert (await api.developer.post(f"{W}/jobs/run/f/{PATH}", json={})).status_code == 201
    assert len(await audited(api, "flows.archive")) == 2
    assert len(await audited(api, "flows.unarchive")) == 1


async def test_a_removed_flow_is_gone_with_its_versions(api: Api) -> None:
    await create(api.developer)
    await update(api.developer)
    numbers = [each["id"] for each in await history(api.developer)]
    assert (await api.developer.delete(f"{W}/flows/delete/{PATH}")).text == PATH
    for gone in (f"get/{PATH}", f"history/p/{PATH}", *(f"get/v/{number}" for number in numbers)):
        assert (await api.developer.get(f"{W}/flows/{gone}")).status_code == 404
    assert (await api.developer.post(f"{W}/jobs/run/fv/{numbers[0]}", json={})).status_code == 404
    await create(api.developer)
    assert len(await history(api.developer)) == 1


async def test_lists_find_what_they_are_asked_for(api: Api) -> None:
    await create(api.developer, "u/dev/a", description="reports", labels=["red"], deployment_message="first")
    await create(api.developer, "u/dev/b")
    await create(api.admin, "u/ada/c")
    for query, expected in [
        ({}, ["u/ada/c", "u/dev/b", "u/dev/a"]),
        ({"order_desc": "false"}, ["u/dev/a", "u/dev/b", "u/ada/c"]),
        ({"per_page": 1, "page": 2}, ["u/dev/b"]),
        ({"path_start": "u/dev/"}, ["u/dev/b", "u/dev/a"]),
        ({"path_exact": "u/dev/a"}, ["u/dev/a"]),
        ({"created_by": "dev"}, ["u/dev/b", "u/dev/a"]),
        ({"label": "red"}, ["u/dev/a"]),
        ({"starred_only": "true"}, []),
    ]:
        answer = await api.admin.get(f"{W}/flows/list", params=query)  # type: ignore[arg-type]
        assert [each["path"] for each in answer.json()] == expected, query
    assert (await api.admin.get(f"{W}/flows/list_paths")).json() == ["u/ada/c", "u/dev/a", "u/dev/b"]
    assert (await api.developer.get(f"{W}/flows/list_paths")).json() == ["u/dev/a", "u/dev/b"]
    searched = (await api.developer.get(f"{W}/flows/list_search")).json()
    assert sorted(json.dumps(each) for each in searched) == [
        json.dumps({"path": path, "value": steps("a")}) for path in ("u/dev/a", "u/dev/b")
    ]
    query = {"path_exact": "u/dev/a", "with_deployment_msg": "true", "without_description": "true"}
    (row,) = (await api.developer.get(f"{W}/flows/list", params=query)).json()
    assert (row["deployment_msg"], row["description"], row["value"]) == ("first", "", steps("a"))
    (row,) = (await api.developer.get(f"{W}/flows/list", params=query | {"without_value": "true"})).json()
    assert "value" not in row


async def test_the_last_run_of_each_flow_is_told_to_those_who_may_see_it(api: Api) -> None:
    for path in ("u/dev/a", "u/dev/b", "u/dev/c"):
        await create(api.developer, path)
    body = {"path": "u/dev/script", "summary": "", "content": "def main(): ...", "language": "python3"}
    assert (await api.developer.post(f"{W}/scripts/create", json=body)).status_code == 201
    started = [(await api.developer.post(f"{W}/jobs/run/f/u/dev/{name}", json={})).text for name in "abba"]
    assert (await api.developer.post(f"{W}/jobs_u/queue/cancel/{started[2]}", json={})).status_code == 200
    told = (await api.developer.get(f"{W}/flows/last_runs")).json()
    assert {path: run["id"] for path, run in told.items()} == {"u/dev/a": started[3], "u/dev/b": started[2]}
    assert told["u/dev/a"].items() >= {"type": "QueuedJob", "running": False}.items()
    assert told["u/dev/b"].items() >= {"type": "CompletedJob", "canceled": True, "success": False}.items()
    assert (await api.operator.get(f"{W}/flows/last_runs")).json() == {}
