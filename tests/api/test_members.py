"""Members of a workspace, their roles, and what is left of those who leave."""

import httpx
import pytest

from tests.api.conftest import Api
from tidemill.db.queries import inline
from tidemill.model.identity import Role

W = "/api/w/main"


async def test_whoami_tells_role_groups_and_folders(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    await api.admin.post(f"{W}/groups/adduser/ops", json={"username": "dev"})
    await api.admin.post(f"{W}/folders/create", json={"name": "read", "extra_perms": {"g/all": False}})
    await api.admin.post(f"{W}/folders/create", json={"name": "write", "extra_perms": {"g/ops": True}})
    await api.admin.post(f"{W}/folders/create", json={"name": "own", "owners": ["u/dev"]})
    await api.admin.post(f"{W}/folders/create", json={"name": "hidden"})
    me = (await api.developer.get(f"{W}/users/whoami")).json()
    assert (me["username"], me["is_admin"], me["operator"], me["groups"]) == ("dev", False, False, ["all", "ops"])
    assert (me["folders"], me["folders_read"], me["folders_owners"]) == (
        ["own", "write"],
        ["own", "read", "write"],
        ["own"],
    )
    listed = {each["username"]: each for each in (await api.developer.get(f"{W}/users/list")).json()}
    assert listed["dev"] == me
    assert listed["ada"]["folders_owners"] == ["hidden", "own", "read", "write"]


async def test_members_see_each_other(api: Api) -> None:
    assert (await api.operator.get(f"{W}/users/list_usernames")).json() == ["ada", "dev", "op"]
    assert (await api.operator.get(f"{W}/users/get/dev")).json()["email"] == "dev@x.org"
    assert (await api.operator.get(f"{W}/users/whois/dev")).json()["username"] == "dev"
    answer = await api.operator.get(f"{W}/users/username_to_email/dev")
    assert (answer.text, answer.headers["content-type"]) == ("dev@x.org", "text/plain; charset=utf-8")
    assert (await api.operator.get(f"{W}/users/exists/dev")).json() is True
    assert (await api.operator.get(f"{W}/users/exists/out")).json() is False
    for path in ("get/out", "whois/nobody", "username_to_email/out"):
        assert (await api.operator.get(f"{W}/users/{path}")).status_code == 404


async def test_admin_adds_changes_and_removes_members(api: Api) -> None:
    guest = await api.person("guest", None)
    assert (await guest.get(f"{W}/users/whoami")).status_code == 404
    added = await api.admin.post(f"{W}/workspaces/add_user", json={"email": "Guest@x.org", "operator": True})
    assert added.status_code == 201, added.text
    assert (await guest.get(f"{W}/users/whoami")).json()["operator"] is True
    assert (await api.admin.post(f"{W}/workspaces/add_user", json={"email": "guest@x.org"})).status_code == 409
    for change, expected in (
        ({"operator": False}, (False, False)),
        ({"is_admin": True}, (True, False)),
        ({"operator": True, "is_admin": False}, (False, True)),
        ({"role": "developer"}, (False, False)),
        ({}, (False, False)),
    ):
        assert (await api.admin.post(f"{W}/users/update/guest", json=change)).status_code == 200
        me = (await guest.get(f"{W}/users/whoami")).json()
        assert (me["is_admin"], me["operator"]) == expected
    assert (await api.admin.delete(f"{W}/users/delete/guest")).status_code == 200
    assert (await guest.get(f"{W}/users/whoami")).status_code == 404
    assert (await api.admin.delete(f"{W}/users/delete/guest")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"email": "nobody@x.org"}, 404),
        ({"email": "out@x.org", "is_admin": True, "operator": True}, 400),
        ({"email": "out@x.org", "role": "owner"}, 400),
        ({"email": "out@x.org", "username": "a/b"}, 400),
        ({"email": "out@x.org", "username": "dev"}, 409),
        ({"email": "out@x.org", "username": "x" * 60}, 400),
    ],
    ids=str,
)
async def test_bad_members_are_refused(api: Api, body: dict[str, object], status: int) -> None:
    assert (await api.admin.post(f"{W}/workspaces/add_user", json=body)).status_code == status


async def test_only_admins_manage_members(api: Api) -> None:
    for caller in (api.developer, api.operator):
        assert (await caller.post(f"{W}/workspaces/add_user", json={"email": "out@x.org"})).status_code == 403
        assert (await caller.post(f"{W}/users/update/dev", json={"is_admin": True})).status_code == 403
        assert (await caller.delete(f"{W}/users/delete/ada")).status_code == 403
    assert (await api.outsider.delete(f"{W}/users/delete/ada")).status_code == 404


async def test_the_last_admin_stays(api: Api) -> None:
    for change in ({"is_admin": False}, {"disabled": True}, {"operator": True, "is_admin": False}):
        assert (await api.admin.post(f"{W}/users/update/ada", json=change)).status_code == 409
    assert (await api.admin.delete(f"{W}/users/delete/ada")).status_code == 409
    assert (await api.admin.post(f"{W}/workspaces/leave")).status_code == 409
    await api.admin.post(f"{W}/users/update/dev", json={"is_admin": True})
    await api.admin.post(f"{W}/users/update/dev", json={"disabled": True})
    assert (await api.admin.post(f"{W}/workspaces/leave")).status_code == 409
    await api.admin.post(f"{W}/users/update/dev", json={"disabled": False})
    assert (await api.admin.post(f"{W}/workspaces/leave")).status_code == 200
    assert (await api.admin.get(f"{W}/users/whoami")).status_code == 404


async def test_a_disabled_member_is_a_stranger(api: Api) -> None:
    """D07: no default role, not even by way of the group `all`."""
    job = await api.job("dev")
    await api.admin.post(f"{W}/folders/create", json={"name": "shared", "extra_perms": {"g/all": True}})
    await api.admin.post(f"{W}/users/update/dev", json={"disabled": True})
    await refused_everywhere(api.developer, job)


async def test_a_removed_member_is_a_stranger(api: Api) -> None:
    job = await api.job("dev")
    await api.admin.post(f"{W}/folders/create", json={"name": "shared", "extra_perms": {"g/all": True}})
    await api.admin.delete(f"{W}/users/delete/dev")
    await refused_everywhere(api.developer, job)


async def test_a_member_under_another_name_has_no_rights_of_the_old_one(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1", "extra_perms": {"u/dev": True}})
    job = await api.job("dev")
    await api.admin.delete(f"{W}/users/delete/dev")
    body = {"email": "dev@x.org", "username": "dev2"}
    assert (await api.admin.post(f"{W}/workspaces/add_user", json=body)).status_code == 201
    assert (await job.get(f"{W}/users/whoami")).status_code == 401
    assert (await api.developer.get(f"{W}/folders/get/f1")).status_code == 404


async def test_a_name_is_not_given_to_somebody_else(api: Api) -> None:
    await api.person("eve", None)
    await api.admin.delete(f"{W}/users/delete/dev")
    body = {"email": "eve@x.org", "username": "dev"}
    assert (await api.admin.post(f"{W}/workspaces/add_user", json=body)).status_code == 409
    body = {"email": "dev@x.org", "username": "dev"}
    assert (await api.admin.post(f"{W}/workspaces/add_user", json=body)).status_code == 201


async def test_who_comes_back_finds_no_old_rights(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "ops"})
    await api.admin.post(f"{W}/groups/adduser/ops", json={"username": "dev"})
    await api.admin.post(f"{W}/acls/add/group_/ops", json={"owner": "u/dev", "write": True})
    await api.admin.post(
        f"{W}/folders/create", json={"name": "f1", "owners": ["u/ada", "u/dev"], "extra_perms": {"u/dev": True}}
    )
    await api.superadmin.delete("/api/users/delete/dev@x.org")
    again = await api.person("dev")
    assert (await api.admin.get(f"{W}/folders/get/f1")).json()["owners"] == ["u/ada"]
    assert (await again.get(f"{W}/folders/get/f1")).status_code == 404
    group = (await again.get(f"{W}/groups/get/ops")).json()
    assert (group["members"], group["extra_perms"]) == ([], {"u/ada": True})


async def test_only_superadmins_join_the_workspace_of_superadmins(api: Api) -> None:
    await api.superadmin.post("/api/workspaces/create", json={"id": "admins", "name": "Admins"})
    refused = await api.superadmin.post("/api/w/admins/workspaces/add_user", json={"email": "dev@x.org"})
    assert refused.status_code == 403
    assert (await api.superadmin.delete("/api/workspaces/delete/admins")).status_code == 409


async def test_is_owner_tells_of_paths(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "mine", "owners": ["u/dev"]})

    async def owns(path: str) -> bool:
        return bool((await api.developer.get(f"{W}/users/is_owner/{path}")).json())

    assert [await owns(each) for each in ("u/dev/x", "u/de/x", "f/mine/x", "f/mine2/x")] == [True, False, True, False]
    assert (await api.developer.get(f"{W}/users/is_owner/nothing")).status_code == 400


async def test_row_level_security_is_a_second_wall(api: Api) -> None:
    await api.person("mole", Role.ADMIN, workspace="other")
    async with api.parts.database.transaction("other") as tx:
        rows = await tx.fetch_all(inline("select workspace_id from member"))
    assert {row["workspace_id"] for row in rows} == {"other"}


async def refused_everywhere(member: httpx.AsyncClient, job: httpx.AsyncClient) -> None:
    for path in ("users/whoami", "users/list", "folders/get/shared", "groups/get/all", "audit/list"):
        answer = await member.get(f"{W}/{path}")
        assert (answer.status_code, answer.text) == (404, "There is no workspace 'main'.")
        assert (await job.get(f"{W}/{path}")).status_code == 401
