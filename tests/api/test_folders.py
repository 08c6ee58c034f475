"""Folders: owners, writers, readers, and everybody else, for whom they are not there."""

import pytest

from tests.api.conftest import Api, audited
from tests.api.test_workspaces import seed_items
from tidemill.db.queries import inline

W = "/api/w/main"


async def test_who_makes_a_folder_owns_it(api: Api) -> None:
    body = {"name": "f1", "summary": "S", "display_name": "F one", "labels": ["x"], "extra_perms": {"g/all": False}}
    made = await api.developer.post(f"{W}/folders/create", json=body)
    assert (made.status_code, made.text) == (201, "f1")
    found = (await api.operator.get(f"{W}/folders/get/f1")).json()
    assert found.pop("edited_at")
    assert found == {
        "name": "f1", "display_name": "F one", "summary": "S", "labels": ["x"], "owners": ["u/dev"],
        "extra_perms": {"g/all": False}, "created_by": "u/dev",
    }  # fmt: skip
    assert (await api.developer.post(f"{W}/folders/create", json=body)).status_code == 409
    assert [each["parameters"]["owners"] for each in await audited(api, "folder.create")] == [["u/dev"]]


async def test_admins_name_other_owners(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1", "owners": ["u/dev"]})
    assert (await api.admin.get(f"{W}/folders/get/f1")).json()["owners"] == ["u/dev"]


async def test_invisible_and_unknown_look_the_same(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "hidden"})
    for method, path, body in [
        ("GET", "folders/get/{}", None),
        ("GET", "folders/getusage/{}", None),
        ("GET", "folders/is_owner/{}", None),
        ("GET", "acls/get/folder/{}", None),
        ("POST", "folders/update/{}", {"summary": "x"}),
        ("POST", "folders/addowner/{}", {"owner": "u/dev"}),
        ("POST", "folders/removeowner/{}", {"owner": "u/ada"}),
        ("POST", "acls/add/folder/{}", {"owner": "u/dev"}),
        ("DELETE", "folders/delete/{}", None),
    ]:
        answers = [
            await api.developer.request(method, f"{W}/{path.format(name)}", json=body) for name in ("hidden", "absent")
        ]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert answers[0].text.replace("hidden", "X") == answers[1].text.replace("absent", "X")
    assert (await api.developer.get(f"{W}/folders/exists/hidden")).json() is False
    assert (await api.developer.get(f"{W}/folders/list")).json() == []
    assert (await api.admin.get(f"{W}/folders/exists/hidden")).json() is True


async def test_only_owners_change_a_folder(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1", "extra_perms": {"u/dev": True, "u/op": False}})
    for caller in (api.developer, api.operator):
        assert (await caller.get(f"{W}/folders/get/f1")).status_code == 200
        assert (await caller.post(f"{W}/folders/update/f1", json={"owners": ["u/dev"]})).status_code == 403
        assert (await caller.post(f"{W}/folders/addowner/f1", json={"owner": "u/dev"})).status_code == 403
        assert (await caller.delete(f"{W}/folders/delete/f1")).status_code == 403
    assert (await api.operator.post(f"{W}/folders/create", json={"name": "f2"})).status_code == 403


async def test_owners_hand_on_and_take_away(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1"})
    assert (await api.developer.get(f"{W}/folders/get/f1")).status_code == 404
    assert (await api.admin.post(f"{W}/folders/addowner/f1", json={"owner": "u/dev"})).status_code == 200
    assert (await api.admin.post(f"{W}/folders/addowner/f1", json={"owner": "u/dev"})).status_code == 200
    assert (await api.developer.get(f"{W}/folders/is_owner/f1")).json() is True
    assert (await api.developer.post(f"{W}/folders/update/f1", json={"summary": "mine"})).status_code == 200
    body = {"owner": "u/dev", "write": False}
    assert (await api.admin.post(f"{W}/folders/removeowner/f1", json=body)).status_code == 200
    assert (await api.developer.get(f"{W}/folders/is_owner/f1")).json() is False
    assert (await api.developer.post(f"{W}/folders/update/f1", json={"summary": "x"})).status_code == 403
    assert (await api.admin.post(f"{W}/folders/removeowner/f1", json=body)).status_code == 404


async def test_update_sets_what_is_given_only(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1", "summary": "S", "extra_perms": {"g/all": True}})
    await api.admin.post(f"{W}/folders/update/f1", json={"owners": ["u/dev", "u/ada"]})
    found = (await api.admin.get(f"{W}/folders/get/f1")).json()
    assert (found["summary"], found["owners"], found["extra_perms"]) == ("S", ["u/dev", "u/ada"], {"g/all": True})


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a/b"},
        {"name": ""},
        {"name": ".."},
        {"name": "x" * 60},
        {"name": "ok", "owners": ["dev"]},
        {"name": "ok", "owners": ["u/nobody"]},
        {"name": "ok", "owners": ["u/out"]},
        {"name": "ok", "owners": ["u/dev'; drop table folder; --"]},
        {"name": "ok", "extra_perms": {"g/nothing": True}},
        {"name": "ok", "extra_perms": {"g/all": "yes"}},
        {"name": "ok", "default_permissioned_as": [{"path": "*"}]},
        {"owners": []},
    ],
    ids=str,
)
async def test_bad_folders_are_refused(api: Api, body: dict[str, object]) -> None:
    answer = await api.admin.post(f"{W}/folders/create", json=body)
    assert answer.status_code == 400
    assert (await api.admin.get(f"{W}/folders/list")).json() == []


async def test_usage_counts_what_is_in_the_folder_only(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f_1"})
    await seed_items(api)
    async with api.parts.database.transaction("main") as tx:
        for path in ("f/f_1/a", "f/f_1/b", "f/fx1/c", "f/f_12/d"):
            await tx.execute(
                inline(
                    "insert into variable (workspace_id, path, value, is_secret, created_by, edited_by)"
                    " values ('main', :path, 'x', false, 'dev', 'dev')"
                ),
                path=path,
            )
    usage = (await api.admin.get(f"{W}/folders/getusage/f_1")).json()
    assert usage == {"scripts": 0, "flows": 0, "apps": 0, "resources": 0, "variables": 2, "schedules": 0}


@pytest.mark.parametrize("kind", ["script", "flow", "resource", "variable", "schedule"])
async def test_what_an_old_folder_left_falls_to_nobody(api: Api, kind: str) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1"})
    await seed_items(api)
    async with api.parts.database.transaction("main") as tx:
        await tx.execute(inline(f"update {kind} set path = 'f/f1/left'"))  # type: ignore[arg-type]
    usage = (await api.admin.get(f"{W}/folders/getusage/f1")).json()
    assert {name: count for name, count in usage.items() if count} == {f"{kind}s": 1}
    await api.admin.delete(f"{W}/folders/delete/f1")
    assert (await api.developer.post(f"{W}/folders/create", json={"name": "f1"})).status_code == 409
    assert (await api.admin.post(f"{W}/folders/create", json={"name": "f1"})).status_code == 201


async def test_lists_hold_what_one_may_read(api: Api) -> None:
    for name, perms in {"c": {"g/all": True}, "a": {"u/dev": False}, "b": {}}.items():
        await api.admin.post(f"{W}/folders/create", json={"name": name, "extra_perms": perms})
    assert [each["name"] for each in (await api.developer.get(f"{W}/folders/list")).json()] == ["a", "c"]
    assert (await api.operator.get(f"{W}/folders/listnames")).json() == ["c"]
    assert (await api.admin.get(f"{W}/folders/listnames")).json() == ["a", "b", "c"]
    page = await api.admin.get(f"{W}/folders/listnames", params={"page": 2, "per_page": 2})
    assert page.json() == ["c"]
    for params in ({"page": -1}, {"per_page": 0}, {"per_page": 1001}, {"page": 10**30}, {"page": "x"}):
        assert (await api.admin.get(f"{W}/folders/list", params=params)).status_code == 400


@pytest.mark.parametrize("body", [{"owners": ["u/dev"]}, {"extra_perms": {"u/dev": False}}, {"owners": ["g/all"]}])
async def test_a_job_gives_rights_in_a_folder_to_nobody(api: Api, body: dict[str, object]) -> None:
    """A script that an admin runs was written by somebody else."""
    job = await api.job("ada")
    answer = await job.post(f"{W}/folders/create", json={"name": "f1", **body})
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (403, "denied")
    assert (await job.post(f"{W}/folders/create", json={"name": "f1", "owners": ["u/ada"]})).status_code == 201
    assert (await job.post(f"{W}/folders/update/f1", json=body)).status_code == 403
    assert (await job.delete(f"{W}/folders/delete/f1")).status_code == 403


async def test_a_job_of_an_admin_does_not_bring_back_what_an_old_folder_left(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1"})
    new = {"path": "f/f1/v", "value": "x", "is_secret": False, "description": ""}
    assert (await api.admin.post(f"{W}/variables/create", json=new)).status_code == 201
    await api.admin.delete(f"{W}/folders/delete/f1")
    assert (await (await api.job("ada")).post(f"{W}/folders/create", json={"name": "f1"})).status_code == 409
