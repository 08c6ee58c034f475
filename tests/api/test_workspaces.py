"""Workspaces: made by superadmins, unknown to others, and gone without a trace."""

import pytest

from tests.api.conftest import Api, make_token
from tidemill.db.queries import inline


async def test_superadmin_makes_a_workspace_with_its_key(api: Api) -> None:
    body = {"id": "new", "name": "New", "username": "boss", "color": "#00ff00"}
    made = await api.superadmin.post("/api/workspaces/create", json=body)
    assert (made.status_code, made.text) == (201, "new")
    users = (await api.superadmin.get("/api/workspaces/users")).json()
    assert users["email"] == "root@x.org"
    (only,) = users["workspaces"]
    assert (only["id"], only["name"], only["username"], only["color"], only["role"]) == (
        "new", "New", "boss", "#00ff00", "admin",
    )  # fmt: skip
    assert only["capabilities"]["code"] is True
    keys = await api.parts.database.single.fetch_all(
        inline("select key_id from workspace_key where workspace_id = 'new'")
    )
    assert len(keys) == 1
    assert (await api.superadmin.post("/api/workspaces/create", json=body)).status_code == 409


async def test_others_make_no_workspaces(api: Api) -> None:
    for caller in (api.admin, api.developer, api.outsider):
        assert (await caller.post("/api/workspaces/create", json={"id": "n", "name": "N"})).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "x"},
        {"id": "", "name": "x"},
        {"id": "*", "name": "x"},
        {"id": "a/b", "name": "x"},
        {"id": "a#b", "name": "x"},
        {"id": "x" * 60, "name": "x"},
        {"id": "ok", "name": "x" * 200},
        {"id": "ok", "name": "x", "username": "a/b"},
        {"id": "ok", "name": "x", "color": "red; background: url(x)"},
    ],
    ids=str,
)
async def test_bad_workspaces_are_refused(api: Api, body: dict[str, object]) -> None:
    assert (await api.superadmin.post("/api/workspaces/create", json=body)).status_code == 400


async def test_exists_tells_of_ones_own_only(api: Api) -> None:
    async def exists(workspace: str) -> bool:
        return bool((await api.developer.post("/api/workspaces/exists", json={"id": workspace})).json())

    assert [await exists(each) for each in ("main", "other", "nowhere")] == [True, False, False]
    assert (await api.superadmin.post("/api/workspaces/exists", json={"id": "other"})).json() is True
    taken = await api.developer.post("/api/workspaces/exists_username", json={"id": "main", "username": "ada"})
    hidden = await api.developer.post("/api/workspaces/exists_username", json={"id": "other", "username": "out"})
    assert (taken.json(), hidden.json()) == (True, False)


async def test_lists_hold_ones_own_workspaces(api: Api) -> None:
    assert [each["id"] for each in (await api.developer.get("/api/workspaces/list")).json()] == ["main"]
    assert [each["id"] for each in (await api.outsider.get("/api/workspaces/list")).json()] == ["other"]
    assert (await api.superadmin.get("/api/workspaces/list")).json() == []
    everything = (await api.superadmin.get("/api/workspaces/list_as_superadmin")).json()
    assert [each["id"] for each in everything] == ["main", "other"]
    assert (await api.admin.get("/api/workspaces/list_as_superadmin")).status_code == 403


async def test_unknown_and_other_workspaces_look_the_same(api: Api) -> None:
    for path in ("users/list", "workspaces/get_settings", "audit/list", "folders/get/x", "groups/list"):
        other = await api.developer.get(f"/api/w/other/{path}")
        unknown = await api.developer.get(f"/api/w/nowhere/{path}")
        assert (other.status_code, unknown.status_code) == (404, 404)
        assert other.text.replace("other", "X") == unknown.text.replace("nowhere", "X")


async def test_name_and_settings(api: Api) -> None:
    answer = await api.developer.get("/api/w/main/workspaces/get_workspace_name")
    assert (answer.text, answer.headers["content-type"]) == ("Main", "text/plain; charset=utf-8")
    assert (
        await api.admin.post("/api/w/main/workspaces/change_workspace_name", json={"new_name": "Mill"})
    ).status_code == 200
    assert (
        await api.admin.post("/api/w/main/workspaces/change_workspace_color", json={"color": "#123"})
    ).status_code == 200
    settings = (await api.operator.get("/api/w/main/workspaces/get_settings")).json()
    assert settings == {"workspace_id": "main", "name": "Mill", "color": "#123"}
    refused = await api.developer.post("/api/w/main/workspaces/change_workspace_name", json={"new_name": "X"})
    assert refused.status_code == 403


async def test_an_archived_workspace_is_gone_until_it_is_brought_back(api: Api) -> None:
    job = await api.job("dev")
    assert (await api.developer.post("/api/w/main/workspaces/archive")).status_code == 403
    assert (await api.admin.post("/api/w/main/workspaces/archive")).status_code == 200
    for caller in (api.admin, api.developer, api.superadmin):
        assert (await caller.get("/api/w/main/users/whoami")).status_code == 404
    assert (await job.get("/api/w/main/users/whoami")).status_code == 401
    assert (await api.developer.get("/api/workspaces/list")).json() == []
    listed = (await api.superadmin.get("/api/workspaces/list_as_superadmin")).json()
    assert [each["id"] for each in listed if each.get("deleted")] == ["main"]
    assert (await api.superadmin.post("/api/workspaces/unarchive/main")).status_code == 200
    assert (await api.developer.get("/api/w/main/users/whoami")).status_code == 200


async def test_a_workspace_of_a_deleted_ones_id_inherits_nothing(api: Api) -> None:
    """D07: rows, rights, tokens and jobs of the first one are gone; its audit log is kept apart."""
    await api.admin.post("/api/w/main/folders/create", json={"name": "f1", "extra_perms": {"g/all": True}})
    await api.admin.post("/api/w/main/groups/create", json={"name": "g1"})
    await api.admin.post("/api/w/main/groups/adduser/g1", json={"username": "dev"})
    await seed_items(api)
    bound = await api.client(await make_token(api.parts, "dev@x.org", workspace="main"))
    job = await api.job("dev")
    assert (await api.superadmin.delete("/api/workspaces/delete/main")).status_code == 200
    assert await rows_of(api, "main") == {}
    assert (await api.superadmin.post("/api/workspaces/create", json={"id": "main", "name": "M"})).status_code == 201
    for caller, status in ((api.admin, 404), (api.developer, 404), (bound, 401), (job, 401)):
        assert (await caller.get("/api/w/main/users/whoami")).status_code == status
    assert set(await rows_of(api, "main")) == {"member", "workspace_key", "audit"}
    records = (await api.superadmin.get("/api/w/main/audit/list")).json()
    assert [each["operation"] for each in records] == ["workspaces.create"]
    kept = (await api.superadmin.get("/api/w/main/audit/list", params={"all_workspaces": True})).json()
    assert any(each["workspace_id"].startswith("main#") for each in kept)


async def test_admins_delete_no_workspaces(api: Api) -> None:
    assert (await api.admin.delete("/api/workspaces/delete/main")).status_code == 403
    assert (await api.superadmin.delete("/api/workspaces/delete/nowhere")).status_code == 404


async def seed_items(api: Api) -> None:
    async with api.parts.database.transaction("main") as tx:
        for statement in (
            inline(
                "insert into variable (workspace_id, path, value, is_secret, created_by, edited_by)"
                " values ('main', 'u/dev/v', 'x', false, 'dev', 'dev')"
            ),
            inline(
                "insert into resource (workspace_id, path, resource_type, value, created_by, edited_by)"
                " values ('main', 'u/dev/r', 'any', '{}', 'dev', 'dev')"
            ),
            inline(
                "insert into script (workspace_id, hash, path, content, language, created_by)"
                " values ('main', 1, 'u/dev/s', '', 'bash', 'dev')"
            ),
            inline("insert into flow (workspace_id, path, version, created_by) values ('main', 'u/dev/f', 1, 'dev')"),
            inline(
                "insert into schedule (workspace_id, path, cron, timezone, target_kind, target_path, enabled, settings,"
                " permissioned_as, email, created_by, edited_by) values ('main', 'u/dev/p', '0 0 0 1 1 *', 'UTC',"
                " 'script', 'u/dev/s', false, '{}', 'u/dev', 'dev@x.org', 'dev', 'dev')"
            ),
        ):
            await tx.execute(statement)


async def rows_of(api: Api, workspace: str) -> dict[str, int]:
    """Table -> rows that carry the workspace's id, for all tables that can."""
    tables = await api.parts.database.single.fetch_all(
        inline(
            "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where a.attname = 'workspace_id' and c.relkind in ('r', 'p') and not c.relispartition"
        )
    )
    counts = {}
    for name in sorted(row["name"] for row in tables):
        query = inline(f"select count(*) from {name} where workspace_id = :workspace")  # type: ignore[arg-type]
        counts[name] = await api.parts.database.single.fetch_value(query, workspace=workspace)
    return {name: count for name, count in counts.items() if count}
