"""Groups of a workspace."""

import pytest

from tests.api.conftest import Api, audited

W = "/api/w/main"


async def test_a_developer_makes_a_group_and_runs_it(api: Api) -> None:
    made = await api.developer.post(f"{W}/groups/create", json={"name": "ops", "summary": "Night shift"})
    assert (made.status_code, made.text) == (201, "ops")
    assert (await api.developer.post(f"{W}/groups/adduser/ops", json={"username": "op"})).status_code == 200
    assert (await api.developer.post(f"{W}/groups/adduser/ops", json={"username": "op"})).status_code == 200
    assert (await api.operator.get(f"{W}/groups/get/ops")).json() == {
        "name": "ops", "summary": "Night shift", "members": ["op"], "extra_perms": {"u/dev": True},
    }  # fmt: skip
    await api.developer.post(f"{W}/groups/update/ops", json={"summary": "Day shift"})
    assert (await api.developer.get(f"{W}/groups/get/ops")).json()["summary"] == "Day shift"
    assert (await api.developer.post(f"{W}/groups/removeuser/ops", json={"username": "op"})).status_code == 200
    assert (await api.developer.post(f"{W}/groups/removeuser/ops", json={"username": "op"})).status_code == 404
    assert (await api.developer.delete(f"{W}/groups/delete/ops")).status_code == 200
    assert (await api.developer.get(f"{W}/groups/get/ops")).status_code == 404
    assert len(await audited(api, "group.removeuser")) == 1


async def test_all_holds_all_members_and_cannot_be_changed(api: Api) -> None:
    assert (await api.operator.get(f"{W}/groups/get/all")).json()["members"] == ["ada", "dev", "op"]
    calls = [
        api.admin.post(f"{W}/groups/create", json={"name": "all"}),
        api.admin.post(f"{W}/groups/update/all", json={"summary": "x"}),
        api.admin.post(f"{W}/groups/adduser/all", json={"username": "dev"}),
        api.admin.post(f"{W}/groups/removeuser/all", json={"username": "dev"}),
        api.admin.delete(f"{W}/groups/delete/all"),
        api.admin.post(f"{W}/acls/add/group_/all", json={"owner": "u/dev", "write": True}),
    ]
    assert [(await call).status_code for call in calls] == [409] * 6


async def test_lists_hold_all_groups(api: Api) -> None:
    for name in ("b", "a"):
        await api.admin.post(f"{W}/groups/create", json={"name": name})
    await api.admin.post(f"{W}/groups/adduser/b", json={"username": "op"})
    assert (await api.operator.get(f"{W}/groups/listnames")).json() == ["all", "a", "b"]
    assert (await api.operator.get(f"{W}/groups/listnames", params={"only_member_of": True})).json() == ["all", "b"]
    listed = (await api.operator.get(f"{W}/groups/list", params={"page": 2, "per_page": 2})).json()
    assert [each["name"] for each in listed] == ["b"]


async def test_only_who_runs_a_group_changes_it(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    for caller in (api.developer, api.operator):
        assert (await caller.post(f"{W}/groups/adduser/ops", json={"username": "dev"})).status_code == 403
        assert (await caller.delete(f"{W}/groups/delete/ops")).status_code == 403
    assert (await api.operator.post(f"{W}/groups/create", json={"name": "x"})).status_code == 403
    await api.admin.post(f"{W}/acls/add/group_/ops", json={"owner": "u/dev", "write": True})
    assert (await api.developer.post(f"{W}/groups/adduser/ops", json={"username": "dev"})).status_code == 200


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 60, "é", "-a"])
async def test_bad_names_are_refused(api: Api, name: str) -> None:
    assert (await api.admin.post(f"{W}/groups/create", json={"name": name})).status_code == 400


async def test_a_group_of_a_deleted_ones_name_inherits_nothing(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    await api.admin.post(
        f"{W}/folders/create", json={"name": "f1", "owners": ["u/ada", "g/ops"], "extra_perms": {"g/ops": True}}
    )
    await api.admin.delete(f"{W}/groups/delete/ops")
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    await api.admin.post(f"{W}/groups/adduser/ops", json={"username": "dev"})
    assert (await api.developer.get(f"{W}/folders/get/f1")).status_code == 404
    folder = (await api.admin.get(f"{W}/folders/get/f1")).json()
    assert (folder["owners"], folder["extra_perms"]) == (["u/ada"], {})


async def test_members_of_other_workspaces_do_not_fit_in(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    assert (await api.admin.post(f"{W}/groups/adduser/ops", json={"username": "out"})).status_code == 404
