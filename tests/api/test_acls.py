"""Shares of single items."""

import pytest

from tests.api.conftest import Api, audited
from tests.api.test_workspaces import seed_items
from tidemill.db.queries import inline

W = "/api/w/main"
ITEMS = {
    "script": "u/dev/s",
    "flow": "u/dev/f",
    "variable": "u/dev/v",
    "resource": "u/dev/r",
    "schedule": "u/dev/p",
}


@pytest.mark.parametrize("kind", ITEMS)
async def test_owners_share_and_unshare(api: Api, kind: str) -> None:
    await seed_items(api)
    item = f"{kind}/{ITEMS[kind]}"
    assert (await api.developer.get(f"{W}/acls/get/{item}")).json() == {}
    assert (await api.operator.get(f"{W}/acls/get/{item}")).status_code == 404
    for owner, write in (("u/op", False), ("g/all", True), ("u/op", True)):
        answer = await api.developer.post(f"{W}/acls/add/{item}", json={"owner": owner, "write": write})
        assert answer.status_code == 200, answer.text
    assert (await api.operator.get(f"{W}/acls/get/{item}")).json() == {"g/all": True, "u/op": True}
    for owner in ("u/op", "g/all", "u/gone"):
        assert (await api.developer.post(f"{W}/acls/remove/{item}", json={"owner": owner})).status_code == 200
    assert (await api.operator.get(f"{W}/acls/get/{item}")).status_code == 404
    assert len(await audited(api, f"{kind}s.update")) == 6


@pytest.mark.parametrize("kind", ITEMS)
async def test_who_may_write_may_not_share(api: Api, kind: str) -> None:
    await seed_items(api)
    other = await api.person("other")
    item = f"{kind}/{ITEMS[kind]}"
    await api.developer.post(f"{W}/acls/add/{item}", json={"owner": "u/other", "write": True})
    assert (await other.post(f"{W}/acls/add/{item}", json={"owner": "g/all", "write": True})).status_code == 403
    assert (await other.post(f"{W}/acls/remove/{item}", json={"owner": "u/other"})).status_code == 403
    assert (await api.admin.post(f"{W}/acls/remove/{item}", json={"owner": "u/other"})).status_code == 200


async def test_invisible_and_unknown_items_look_the_same(api: Api) -> None:
    await seed_items(api)
    other = await api.person("other")
    for kind, path in ITEMS.items():
        for call in ("add", "remove"):
            body = {"owner": "u/other", "write": True}
            hidden = await other.post(f"{W}/acls/{call}/{kind}/{path}", json=body)
            absent = await other.post(f"{W}/acls/{call}/{kind}/u/dev/absent", json=body)
            assert (hidden.status_code, absent.status_code) == (404, 404)
            assert hidden.text.replace(path, "X") == absent.text.replace("u/dev/absent", "X")
        assert (await api.outsider.get(f"{W}/acls/get/{kind}/{path}")).status_code == 404
        assert (await api.outsider.get(f"/api/w/other/acls/get/{kind}/{path}")).status_code == 404


async def test_bad_shares_are_refused(api: Api) -> None:
    await seed_items(api)
    for body in ({}, {"owner": "u/nobody"}, {"owner": "dev"}, {"owner": "g/no"}, {"owner": "u/op", "write": "x"}):
        assert (await api.developer.post(f"{W}/acls/add/variable/u/dev/v", json=body)).status_code == 400
    body = {"owner": "u/op"}
    for path in ("planet/u/dev/v", "variable/nothing", "variable/u/../x", "app/u/dev/f"):
        assert (await api.developer.post(f"{W}/acls/add/{path}", json=body)).status_code == 400


async def test_a_token_needs_the_scope_for_the_path(api: Api) -> None:
    await seed_items(api)
    near = await api.client(await api.token("dev@x.org", scopes=["acls:write:u/dev/v2", "variables:write"]))
    right = await api.client(await api.token("dev@x.org", scopes=["acls:write:u/dev/v", "variables:read"]))
    body = {"owner": "u/op"}
    assert (await near.post(f"{W}/acls/add/variable/u/dev/v", json=body)).status_code in {403, 404}
    assert (await right.post(f"{W}/acls/add/variable/u/dev/v", json=body)).status_code == 200
    assert (await right.post(f"{W}/acls/add/resource/u/dev/r", json=body)).status_code in {403, 404}


async def test_sharing_makes_no_version(api: Api) -> None:
    await seed_items(api)
    count = inline("select count(*) from history")
    before = await api.parts.database.single.fetch_value(count)
    await api.developer.post(f"{W}/acls/add/variable/u/dev/v", json={"owner": "u/op", "write": True})
    assert await api.parts.database.single.fetch_value(count) == before


async def test_shares_of_a_folder(api: Api) -> None:
    await api.admin.post(f"{W}/folders/create", json={"name": "f1"})
    await api.admin.post(f"{W}/acls/add/folder/f1", json={"owner": "u/dev", "write": False})
    assert (await api.developer.get(f"{W}/acls/get/folder/f1")).json() == {"u/dev": False}
    assert (await api.developer.post(f"{W}/acls/add/folder/f1", json={"owner": "u/op"})).status_code == 403
    await api.admin.post(f"{W}/acls/remove/folder/f1", json={"owner": "u/dev"})
    assert (await api.developer.get(f"{W}/folders/get/f1")).status_code == 404
