"""The audit log, as it is read."""

import csv
import json
from io import StringIO

import pytest

from tests.api.conftest import Api
from tidemill.server.routes import audit

W = "/api/w/main"


async def records(api: Api, **params: object) -> list[dict[str, object]]:
    answer = await api.admin.get(f"{W}/audit/list", params=params)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def some_changes(api: Api) -> None:
    await api.developer.post(f"{W}/folders/create", json={"name": "one"})
    await api.developer.post(f"{W}/folders/update/one", json={"summary": "x"})
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    await api.developer.delete(f"{W}/folders/delete/one")
    await api.outsider.post("/api/w/other/folders/create", json={"name": "theirs"})


async def test_changes_are_listed_newest_first(api: Api) -> None:
    await some_changes(api)
    assert [(each["operation"], each["action_kind"], each["resource"]) for each in await records(api)] == [
        ("folder.delete", "Delete", "one"),
        ("group.create", "Created", "ops"),
        ("folder.update", "Updated", "one"),
        ("folder.create", "Created", "one"),
    ]
    first = (await records(api))[-1]
    assert (first["username"], first["email"], first["workspace_id"]) == ("dev", "dev@x.org", "main")
    assert "impersonated_by" not in first
    assert (await api.admin.get(f"{W}/audit/get/{first['id']}")).json() == first


@pytest.mark.parametrize(
    ("params", "resources"),
    [
        ({"username": "ada"}, ["ops"]),
        ({"operation": "folder.create"}, ["one"]),
        ({"operations": "folder.create, group.create"}, ["ops", "one"]),
        ({"operation": "folder.*"}, ["one", "one", "one"]),
        ({"operations": "group.*,folder.delete"}, ["one", "ops"]),
        ({"operation": "fold.*"}, []),
        ({"resource_prefix": "o"}, ["one", "ops", "one", "one"]),
        ({"resource_prefix": "op"}, ["ops"]),
        ({"resource_prefix": "_"}, []),
        ({"after_id": 10**15}, []),
        ({"exclude_operations": "folder.create,folder.update"}, ["one", "ops"]),
        ({"action_kind": "Created"}, ["ops", "one"]),
        ({"action_kind": "Create"}, ["ops", "one"]),
        ({"resource": "ops"}, ["ops"]),
        ({"resource": "%"}, []),
        ({"before": "2020-01-01T00:00:00Z"}, []),
        ({"after": "2020-01-01T00:00:00Z"}, ["one", "ops", "one", "one"]),
        ({"per_page": 2}, ["one", "ops"]),
        ({"per_page": 2, "page": 2}, ["one", "one"]),
        ({"per_page": 2, "page": 0}, ["one", "ops"]),
    ],
    ids=str,
)
async def test_filters_narrow_the_list(api: Api, params: dict[str, object], resources: list[str]) -> None:
    await some_changes(api)
    assert [each["resource"] for each in await records(api, **params)] == resources


async def test_the_list_is_read_on_by_id(api: Api) -> None:
    await some_changes(api)
    found: list[dict[str, object]] = []
    while batch := await records(api, per_page=3, **({"before_id": found[-1]["id"]} if found else {})):
        found += batch
    assert found == await records(api)


async def test_members_see_their_own_records_only(api: Api) -> None:
    await some_changes(api)
    own = (await api.developer.get(f"{W}/audit/list")).json()
    assert {each["username"] for each in own} == {"dev"}
    assert len(own) == 3
    assert (await api.developer.get(f"{W}/audit/list", params={"username": "ada"})).json() == []
    assert (await api.operator.get(f"{W}/audit/list")).json() == []
    of_ada = (await records(api, username="ada"))[0]["id"]
    hidden, absent = [await api.developer.get(f"{W}/audit/get/{each}") for each in (of_ada, 10**12)]
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text.replace(str(of_ada), "X") == absent.text.replace(str(10**12), "X")


async def test_records_of_other_workspaces_are_for_superadmins(api: Api) -> None:
    await some_changes(api)
    theirs = (await api.outsider.get("/api/w/other/audit/list")).json()[0]["id"]
    assert (await api.admin.get(f"{W}/audit/get/{theirs}")).status_code == 404
    everything = {"all_workspaces": True}
    assert (await api.admin.get(f"{W}/audit/list", params=everything)).status_code == 403
    bound = await api.client(await api.token("root@x.org", workspace="main"))
    assert (await bound.get(f"{W}/audit/list", params=everything)).status_code == 403
    found = (await api.superadmin.get(f"{W}/audit/list", params=everything)).json()
    assert {"main", "other"} <= {each["workspace_id"] for each in found}


@pytest.mark.parametrize(
    "params",
    [
        {"before": "yesterday"},
        {"action_kind": "Read"},
        {"per_page": 0},
        {"per_page": 5000},
        {"page": 100_000, "per_page": 1000},
        {"before_id": 10**30},
        {"username": "a\x00"},
    ],
    ids=str,
)
async def test_bad_filters_are_refused(api: Api, params: dict[str, object]) -> None:
    assert (await api.admin.get(f"{W}/audit/list", params=params)).status_code == 400  # type: ignore[arg-type]


@pytest.mark.parametrize("record", ["0", "-1", str(2**63), "x"])
async def test_bad_ids_are_not_there(api: Api, record: str) -> None:
    assert (await api.admin.get(f"{W}/audit/get/{record}")).status_code in {400, 404}


async def test_what_is_refused_leaves_no_record(api: Api) -> None:
    await api.operator.post(f"{W}/folders/create", json={"name": "x"})
    await api.admin.post(f"{W}/folders/create", json={"name": "x", "owners": ["u/nobody"]})
    assert await records(api) == []


async def test_jobs_are_named(api: Api) -> None:
    job = await api.job("dev")
    assert (await job.post(f"{W}/folders/create", json={"name": "by_job"})).status_code == 201
    (record,) = await records(api)
    assert record["job_id"]


async def test_newer_records_are_read_by_id(api: Api) -> None:
    await some_changes(api)
    before = await records(api)
    await api.admin.post(f"{W}/groups/create", json={"name": "new"})
    assert [each["resource"] for each in await records(api, after_id=before[0]["id"])] == ["new"]


async def test_records_that_fit_are_exported_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_PER_PAGE", 2)
    await some_changes(api)
    await api.admin.post(f"{W}/folders/create", json={"name": "with", "owners": ["u/dev"]})
    listed = await records(api, per_page=100)
    lines = await api.admin.get(f"{W}/audit/export", params={"format": "jsonl"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = await api.admin.get(f"{W}/audit/export", params={"operation": "folder.*"})
    assert "attachment" in table.headers["content-disposition"]
    rows = list(csv.DictReader(StringIO(table.text)))
    assert [row["resource"] for row in rows] == [each["resource"] for each in listed if each["resource"] != "ops"]
    assert json.loads(rows[0]["parameters"])["owners"] == ["u/dev"]
    own = await api.developer.get(f"{W}/audit/export", params={"format": "jsonl"})
    assert {json.loads(line)["username"] for line in own.text.splitlines()} == {"dev"}
    assert (await api.admin.get(f"{W}/audit/export", params={"all_workspaces": True})).status_code == 403
    assert "theirs" in (await api.superadmin.get(f"{W}/audit/export", params={"all_workspaces": True})).text
