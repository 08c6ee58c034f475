"""Personal tokens: their bounds, their lists, acting as somebody else, and tokens of jobs."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Api, audited
from tidemill.db.queries import inline

CREATE = "/api/users/tokens/create"


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_token_is_shown_once_and_kept_as_a_hash(api: Api) -> None:
    made = await api.developer.post(CREATE, json={"label": "mine", "expiration": in_hours(1)})
    assert (made.status_code, made.headers["content-type"]) == (201, "text/plain; charset=utf-8")
    assert (await (await api.client(made.text)).get("/api/users/email")).text == "dev@x.org"
    listed = (await api.developer.get("/api/users/tokens/list")).json()
    assert [each["token_prefix"] for each in listed if each.get("label") == "mine"] == [made.text[:10]]
    assert made.text not in str(listed)
    dump = await api.parts.database.single.fetch_all(inline("select token::text as row from token"))
    assert made.text not in str(dump)
    assert made.text not in str(await audited(api, "users.token.create"))


async def test_an_empty_body_makes_a_plain_token(api: Api) -> None:
    assert (await api.developer.post(CREATE, content=b"")).status_code == 201


async def test_a_revoked_token_is_out_at_once(api: Api) -> None:
    token = (await api.developer.post(CREATE, json={})).text
    client = await api.client(token)
    assert (await api.admin.delete(f"/api/users/tokens/delete/{token[:10]}")).status_code == 404
    assert (await client.get("/api/users/email")).status_code == 200
    assert (await api.developer.delete(f"/api/users/tokens/delete/{token[:10]}")).status_code == 200
    assert (await client.get("/api/users/email")).status_code == 401
    assert (await api.developer.delete(f"/api/users/tokens/delete/{token[:10]}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"expiration": "2020-01-01T00:00:00Z"},
        {"expiration": "tomorrow"},
        {"expiration": "9999-12-31T23:59:59-05:00"},
        {"scopes": ["everything"]},
        {"scopes": ["variables:read:u/../x"]},
        {"scopes": "variables:read"},
        {"label": "x" * 300},
        {"label": "a\x00b"},
        {"read_only": "yes"},
    ],
    ids=str,
)
async def test_bad_wishes_are_refused(api: Api, body: dict[str, object]) -> None:
    assert (await api.developer.post(CREATE, json=body)).status_code == 400


async def test_a_token_of_an_unknown_and_of_somebody_elses_workspace_look_the_same(api: Api) -> None:
    answers = [await api.developer.post(CREATE, json={"workspace_id": each}) for each in ("other", "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace("other", "X") == answers[1].text.replace("nowhere", "X")


async def test_a_token_of_a_workspace_is_good_for_that_one_only(api: Api) -> None:
    await api.admin.post("/api/w/main/workspaces/add_user", json={"email": "out@x.org", "username": "out"})
    token = (await api.outsider.post(CREATE, json={"workspace_id": "main"})).text
    bound = await api.client(token)
    assert (await bound.get("/api/w/main/users/whoami")).status_code == 200
    refused = await bound.get("/api/w/other/users/whoami")
    unknown = await bound.get("/api/w/nowhere/users/whoami")
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.text.replace("other", "X") == unknown.text.replace("nowhere", "X")
    assert (await bound.get("/api/workspaces/list")).status_code == 403
    assert (await bound.get("/api/users/whoami")).status_code == 200


async def test_a_read_only_token_changes_nothing(api: Api) -> None:
    client = await api.client((await api.developer.post(CREATE, json={"read_only": True})).text)
    assert (await client.get("/api/w/main/folders/list")).status_code == 200
    assert (await client.post("/api/w/main/folders/create", json={"name": "x"})).status_code == 403
    assert (await client.post(CREATE, json={})).status_code == 403


async def test_a_scoped_token_does_what_its_scopes_say(api: Api) -> None:
    client = await api.client((await api.developer.post(CREATE, json={"scopes": ["folders:read"]})).text)
    assert (await client.get("/api/w/main/folders/list")).status_code == 200
    assert (await client.get("/api/w/main/users/whoami")).status_code == 200
    assert (await client.get("/api/users/whoami")).status_code == 200
    assert (await client.get("/api/w/main/groups/list")).status_code == 403
    assert (await client.post("/api/w/main/folders/create", json={"name": "x"})).status_code == 403
    nothing = await api.client((await api.developer.post(CREATE, json={"scopes": []})).text)
    assert (await nothing.get("/api/w/main/folders/list")).status_code == 403


async def test_a_token_makes_no_wider_one(api: Api) -> None:
    for options in ({"scopes": ["users:write"]}, {"workspace": "main"}, {"impersonated_by": "root@x.org"}):
        client = await api.client(await api.token("dev@x.org", **options))
        assert (await client.post(CREATE, json={})).status_code == 403


async def test_a_token_makes_no_longer_one(api: Api) -> None:
    short = await api.client((await api.developer.post(CREATE, json={"expiration": in_hours(1)})).text)
    assert (await short.post(CREATE, json={"expiration": in_hours(2)})).status_code == 400
    assert (await short.post(CREATE, json={"label": "child"})).status_code == 201
    assert (await short.post(CREATE, json={"label": "child", "expiration": in_hours(0.5)})).status_code == 201
    children = [each for each in (await short.get("/api/users/tokens/list")).json() if each.get("label") == "child"]
    assert len(children) == 2
    assert all(each["expiration"] <= in_hours(1) for each in children)


async def test_sessions_are_left_out_where_only_tokens_are_asked_for(api: Api) -> None:
    await api.parts.database.single.execute(
        inline("update token set kind = 'session', label = 'session' where email = 'ada@x.org'")
    )
    assert len((await api.admin.get("/api/users/tokens/list")).json()) == 1
    assert (await api.admin.get("/api/users/tokens/list", params={"exclude_ephemeral": True})).json() == []


async def test_superadmin_acts_as_somebody_and_is_named(api: Api) -> None:
    body = {"impersonate_email": "dev@x.org", "label": "look"}
    made = await api.superadmin.post("/api/users/tokens/impersonate", json=body)
    assert made.status_code == 201
    acting = await api.client(made.text)
    assert (await acting.get("/api/w/main/users/whoami")).json()["username"] == "dev"
    assert (await acting.post("/api/w/main/folders/create", json={"name": "x"})).status_code == 201
    assert [(each["username"], each["impersonated_by"]) for each in await audited(api, "folder.create")] == [
        ("dev", "root@x.org")
    ]
    assert [each["resource"] for each in await audited(api, "users.impersonate")] == ["dev@x.org"]
    await api.superadmin.post("/api/users/create", json={"email": "boss@x.org", "super_admin": True})
    await api.superadmin.post("/api/users/update/root@x.org", json={"is_super_admin": False})
    assert (await acting.get("/api/users/email")).status_code == 401


async def test_nobody_else_acts_as_somebody(api: Api) -> None:
    for caller in (api.admin, api.developer, await api.job("ada")):
        answer = await caller.post("/api/users/tokens/impersonate", json={"impersonate_email": "dev@x.org"})
        assert answer.status_code == 403
    unknown = await api.superadmin.post("/api/users/tokens/impersonate", json={"impersonate_email": "no@x.org"})
    assert unknown.status_code == 404


async def test_a_job_acts_in_its_workspace_and_asks_who_it_is(api: Api) -> None:
    job = await api.job("dev")
    assert (await job.get("/api/w/main/users/whoami")).json()["username"] == "dev"
    assert (await job.get("/api/users/whoami")).json()["email"] == "dev@x.org"
    assert (await job.get("/api/users/email")).text == "dev@x.org"
    assert (await job.get("/api/w/other/users/whoami")).status_code == 404
    refused = await job.post(CREATE, json={})
    assert (refused.status_code, "outlive" in refused.text) == (403, True)


async def test_the_job_of_a_superadmin_does_not_reach_the_instance(api: Api) -> None:
    await api.admin.post("/api/w/main/workspaces/add_user", json={"email": "root@x.org", "username": "root"})
    job = await api.job("root")
    for method, path in [
        ("GET", "/api/users/list_as_super_admin"),
        ("GET", "/api/users/tokens/list"),
        ("GET", "/api/workspaces/list"),
        ("POST", "/api/workspaces/create"),
        ("POST", "/api/users/create"),
        ("POST", "/api/settings/global/custom_tags"),
        ("POST", "/api/auth/logout"),
    ]:
        assert (await job.request(method, path, json={})).status_code == 403, path


async def test_a_job_changes_nobodys_rights(api: Api) -> None:
    await api.admin.post("/api/w/main/folders/create", json={"name": "f1"})
    job = await api.job("ada")
    for path, body in {
        "workspaces/add_user": {"email": "out@x.org"},
        "users/update/dev": {"is_admin": True},
        "groups/create": {"name": "g"},
        "folders/addowner/f1": {"owner": "u/dev"},
        "folders/update/f1": {"owners": ["u/dev"]},
        "acls/add/folder/f1": {"owner": "u/dev", "write": True},
    }.items():
        assert (await job.post(f"/api/w/main/{path}", json=body)).status_code == 403, path
    assert (await api.admin.get("/api/w/main/folders/get/f1")).json()["owners"] == ["u/ada"]


async def test_a_job_that_ended_or_lost_its_lease_is_out(api: Api) -> None:
    job, lost = await api.job("dev"), await api.job("ada")
    await api.parts.database.single.execute(
        inline("update job_queue set attempt = 2 where id in (select id from job where email = 'ada@x.org')")
    )
    await api.parts.database.single.execute(inline("delete from job_queue where attempt = 1"))
    assert (await job.get("/api/w/main/users/whoami")).status_code == 401
    assert (await lost.get("/api/w/main/users/whoami")).status_code == 409


async def test_a_forged_job_token_is_none(api: Api) -> None:
    token = (await api.job("dev")).headers["authorization"]
    forged = await api.client(token.removeprefix("Bearer ")[:-4] + "AAAA")
    assert (await forged.get("/api/users/email")).status_code == 401
