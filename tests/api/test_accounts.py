"""Accounts of the instance, and the first one."""

import asyncio

import pytest

from tests.api.conftest import PASSWORD, Api, audited
from tidemill.db import accounts
from tidemill.db.bootstrap import FirstAdmin, create_first_admin
from tidemill.db.queries import inline

FIRST = FirstAdmin(email="First@X.org", password=PASSWORD)


async def test_whoami_tells_the_account(api: Api) -> None:
    answer = await api.superadmin.get("/api/users/whoami")
    assert answer.json() == {
        "email": "root@x.org", "super_admin": True, "disabled": False, "login_type": "password", "verified": True,
        "first_time_user": False, "role_source": "manual", "devops": False,
    }  # fmt: skip
    assert (await api.developer.get("/api/users/whoami")).json()["super_admin"] is False
    assert (await api.developer.get("/api/users/email")).text == "dev@x.org"


async def test_superadmin_makes_changes_and_deletes_accounts(api: Api) -> None:
    new = {"email": "New@x.org", "super_admin": False, "password": PASSWORD, "name": "New One"}
    made = await api.superadmin.post("/api/users/create", json=new)
    assert (made.status_code, made.headers["content-type"]) == (201, "text/plain; charset=utf-8")
    assert (await api.superadmin.post("/api/users/create", json=new)).status_code == 409
    assert (await api.superadmin.get("/api/users/exists/new@x.org")).json() is True
    await api.superadmin.post("/api/users/update/new@x.org", json={"is_super_admin": True, "name": "Newer"})
    listed = (await api.superadmin.get("/api/users/list_as_super_admin")).json()
    assert {each["email"]: (each["super_admin"], each.get("name")) for each in listed}["new@x.org"] == (True, "Newer")
    assert (await api.superadmin.delete("/api/users/delete/new@x.org")).status_code == 200
    assert (await api.superadmin.delete("/api/users/delete/new@x.org")).status_code == 404
    assert (await api.superadmin.get("/api/users/exists/new@x.org")).json() is False
    assert len(await audited(api, "users.add_global")) == len(await audited(api, "users.delete")) == 1
    assert PASSWORD not in str(await audited(api, "users.add_global"))


async def test_only_superadmins_reach_other_accounts(api: Api) -> None:
    for caller in (api.admin, api.developer, api.operator, api.outsider):
        assert (await caller.get("/api/users/list_as_super_admin")).status_code == 403
        assert (await caller.post("/api/users/create", json={"email": "n@x.org"})).status_code == 403
        assert (await caller.post("/api/users/update/ada@x.org", json={"is_super_admin": True})).status_code == 403
        assert (await caller.delete("/api/users/delete/ada@x.org")).status_code == 403
        answer = await caller.post("/api/users/set_password_of/ada@x.org", json={"password": PASSWORD})
        assert answer.status_code == 403


async def test_existence_of_others_is_not_told(api: Api) -> None:
    answers = [await api.admin.get(f"/api/users/exists/{email}") for email in ("dev@x.org", "nobody@x.org")]
    assert [answer.json() for answer in answers] == [False, False]
    assert (await api.admin.get("/api/users/exists/ada@x.org")).json() is True


async def test_a_narrow_credential_of_a_superadmin_changes_no_accounts(api: Api) -> None:
    for options in (
        {"scopes": ["users:write"]},
        {"workspace": "main"},
        {"read_only": True},
        {"impersonated_by": "root@x.org"},
    ):
        narrow = await api.client(await api.token("root@x.org", **options))
        assert (await narrow.post("/api/users/create", json={"email": "n@x.org"})).status_code == 403


@pytest.mark.parametrize("email", ["", "x", "a@", "@b", "a b@c", "a/b@c", "a@b\x00", "ä@b", "a@b?c", "a" * 80 + "@b.c"])
async def test_bad_emails_are_refused(api: Api, email: str) -> None:
    assert (await api.superadmin.post("/api/users/create", json={"email": email})).status_code == 400


@pytest.mark.parametrize("password", ["", "short", "x" * 513])
async def test_bad_passwords_are_refused(api: Api, password: str) -> None:
    answer = await api.superadmin.post("/api/users/create", json={"email": "n@x.org", "password": password})
    assert answer.status_code == 400
    assert password not in answer.text or password == ""


async def test_the_last_superadmin_stays(api: Api) -> None:
    for change in ({"is_super_admin": False}, {"disabled": True}):
        assert (await api.superadmin.post("/api/users/update/root@x.org", json=change)).status_code == 409
    assert (await api.superadmin.delete("/api/users/delete/root@x.org")).status_code == 409


async def test_a_disabled_account_is_out_at_once(api: Api) -> None:
    job = await api.job("dev")
    await api.superadmin.post("/api/users/update/dev@x.org", json={"disabled": True})
    assert (await api.developer.get("/api/users/whoami")).status_code == 401
    assert (await job.get("/api/w/main/users/whoami")).status_code == 401


async def test_an_account_without_a_password_cannot_give_itself_one(api: Api) -> None:
    assert (await api.developer.post("/api/users/setpassword", json={"password": PASSWORD})).status_code == 403


async def test_the_first_admin_is_made_once(api: Api) -> None:
    async with api.parts.database.system() as tx:
        await tx.execute(inline("select erase_workspace(id) from workspace"))
        await tx.execute(inline("delete from account"))
    make_key = api.parts.make_workspace_key
    made = await asyncio.gather(*(create_first_admin(api.parts.database, FIRST, make_key=make_key) for _ in range(3)))
    assert sorted(made) == [False, False, True]
    signed_in = await api.anonymous.post("/api/auth/login", json={"email": "first@x.org", "password": PASSWORD})
    first = await api.client(signed_in.text)
    workspaces = (await first.get("/api/workspaces/users")).json()["workspaces"]
    assert [(each["id"], each["username"], each["role"]) for each in workspaces] == [
        ("admins", "admin", "admin"),
        ("main", "admin", "admin"),
    ]


async def test_no_second_first_admin_even_when_all_accounts_are_gone(api: Api) -> None:
    make_key = api.parts.make_workspace_key
    async with api.parts.database.system() as tx:
        await tx.execute(inline("select erase_workspace(id) from workspace"))
        await tx.execute(inline("delete from account"))
    assert await create_first_admin(api.parts.database, FIRST, make_key=make_key)
    async with api.parts.database.system() as tx:
        await tx.execute(inline("delete from account"))
        assert await accounts.find(tx, "first@x.org") is None
    assert not await create_first_admin(api.parts.database, FIRST, make_key=make_key)
