"""A workspace as an archive: who gets what of it, what it looks like, and what is on record afterwards."""

import asyncio
import io
import json
import tarfile
import zipfile
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api, audited
from tidemill.db import exports
from tidemill.db.pool import Transaction
from tidemill.db.queries import Query, inline
from tidemill.server.parts import MOST_EXPORTS
from tidemill.server.routes import encryption_key
from tidemill.server.routes import exports as routes

W = "/api/w/main"
ALL = {"include_schedules": "true", "include_users": "true", "include_groups": "true", "include_settings": "true"}
LARGE = 9007199254740993
"""What a float would round."""
SOURCE = "def main(n: int):\n    return n\n\n"
FLOW = {
    "modules": [
        {"id": "a", "value": {"type": "rawscript", "language": "python3", "content": SOURCE, "input_transforms": {}}}
    ]
}
SCHEDULE = {"schedule": "0 0 12 * * *", "timezone": "UTC", "script_path": "f/shop/report", "is_flow": False, "args": {}}


async def post(client: httpx.AsyncClient, route: str, body: object) -> None:
    answer = await client.post(f"{W}/{route}", json=body)
    assert answer.status_code in {200, 201}, (route, answer.text)


async def fill(client: httpx.AsyncClient) -> None:
    """One item of each kind, and a state."""
    await post(client, "folders/create", {"name": "shop", "summary": "The shop"})
    await post(client, "groups/create", {"name": "crew", "summary": "Us"})
    await post(client, "groups/adduser/crew", {"username": "ada"})
    await post(client, "groups/adduser/crew", {"username": "dev"})
    await post(client, "resources/type/create", {"name": "shelf", "schema": {"type": "object"}})
    await post(client, "variables/create", {"path": "f/shop/open", "value": "line\n", "is_secret": False})
    await post(client, "variables/create", {"path": "f/shop/hidden", "value": "s3cret", "is_secret": True})
    resource = {"path": "f/shop/left", "value": {"n": 1}, "resource_type": "shelf", "description": "Left"}
    await post(client, "resources/create", resource)
    await post(client, "resources/create", {"path": "f/shop/seen", "value": [1], "resource_type": "state"})
    script = {"path": "f/shop/report", "content": SOURCE, "language": "python3", "lock": "", "schema": {"a": LARGE}}
    await post(client, "scripts/create", script)
    await post(client, "flows/create", {"path": "f/shop/flow", "summary": "Flow", "value": FLOW})
    await post(client, "schedules/create", {**SCHEDULE, "path": "f/shop/noon"})


async def fetch(client: httpx.AsyncClient, **query: str) -> dict[str, bytes]:
    """The members of a zip."""
    answer = await client.get(f"{W}/workspaces/tarball", params={"archive_type": "zip", **query})
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


async def test_each_kind_has_its_files(api: Api) -> None:
    await fill(api.admin)
    found = await fetch(api.admin, **ALL)
    said: dict[str, Any] = {name: json.loads(text) for name, text in found.items() if name.endswith(".json")}
    assert found["f/shop/report.py"].decode() == SOURCE
    assert said["f/shop/flow.flow.json"].pop("value") == FLOW
    assert said.pop("f/shop/hidden.variable.json")["value"] not in {"", "s3cret"}
    assert said == {
        "settings.json": {"name": "Main"},
        "users/ada@x.org.user.json": {"username": "ada", "role": "admin", "disabled": False},
        "users/dev@x.org.user.json": {"username": "dev", "role": "developer", "disabled": False},
        "users/op@x.org.user.json": {"username": "op", "role": "operator", "disabled": False},
        "groups/crew.group.json": {"summary": "Us", "admins": ["u/ada"], "members": ["u/dev"]},
        "f/shop/folder.meta.json": {
            "summary": "The shop", "display_name": "shop", "owners": ["u/ada"], "extra_perms": {},
        },
        "shelf.resource-type.json": {"schema": {"type": "object"}, "description": ""},
        "f/shop/open.variable.json": {"value": "line\n", "is_secret": False, "description": ""},
        "f/shop/left.resource.json": {"value": {"n": 1}, "resource_type": "shelf", "description": "Left"},
        "f/shop/report.script.json": {
            "summary": "", "description": "", "kind": "script", "schema": {"a": LARGE}, "lock": "",
        },
        "f/shop/flow.flow.json": {"summary": "Flow", "description": ""},
        "f/shop/noon.schedule.json": {**SCHEDULE, "enabled": True},
    }  # fmt: skip


async def test_the_same_workspace_gives_the_same_bytes(api: Api) -> None:
    await fill(api.admin)
    for kind, media_type in (("zip", "application/zip"), ("tar", "application/x-tar")):
        query = {"archive_type": kind, **ALL}
        first, second = [await api.admin.get(f"{W}/workspaces/tarball", params=query) for _ in range(2)]
        assert first.content == second.content
        assert first.headers["content-type"] == media_type
        assert int(first.headers["content-length"]) == len(first.content)
    with tarfile.open(fileobj=io.BytesIO(second.content)) as found:
        names = found.getnames()
    assert set(names) == set(await fetch(api.admin, **ALL))
    refused = await api.admin.get(f"{W}/workspaces/tarball", params={"archive_type": "rar"})
    assert (refused.status_code, "Invalid Archive Type" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("query", "absent"),
    [
        ({"skip_secrets": "true"}, "f/shop/hidden.variable.json"),
        ({"skip_variables": "true"}, "f/shop/open.variable.json"),
        ({"skip_resources": "true"}, "f/shop/left.resource.json"),
        ({"skip_resource_types": "true"}, "shelf.resource-type.json"),
        ({"include_schedules": "false"}, "f/shop/noon.schedule.json"),
        ({"include_users": "false"}, "users/ada@x.org.user.json"),
        ({"include_groups": "false"}, "groups/crew.group.json"),
        ({"include_settings": "false"}, "settings.json"),
    ],
    ids=str,
)
async def test_what_is_not_wanted_is_left_out_and_no_more(api: Api, query: dict[str, str], absent: str) -> None:
    await fill(api.admin)
    whole, part = set(await fetch(api.admin, **ALL)), set(await fetch(api.admin, **{**ALL, **query}))
    gone = whole - part
    assert absent in gone
    suffix = absent.partition(".")[2] if not absent.startswith("users") else "user.json"
    assert all(name.endswith(suffix) for name in gone), gone


async def test_a_member_gets_what_it_may_read(api: Api) -> None:
    await fill(api.admin)
    assert await fetch(api.developer) == {
        name: content for name, content in (await fetch(api.admin)).items() if not name.startswith("f/")
    }
    await post(api.admin, "acls/add/variable/f/shop/open", {"owner": "u/dev"})
    await post(api.admin, "folders/create", {"name": "all", "extra_perms": {"g/all": False}, "owners": ["u/ada"]})
    await post(api.admin, "scripts/create", {"path": "f/all/seen", "content": SOURCE, "language": "python3"})
    await post(api.admin, "variables/create", {"path": "f/all/value", "value": "v", "is_secret": True})
    seen = {"f/all/folder.meta.json", "f/all/seen.py", "f/all/seen.script.json", "shelf.resource-type.json"}
    assert set(await fetch(api.developer)) == {*seen, "f/shop/open.variable.json", "f/all/value.variable.json"}
    assert set(await fetch(api.operator)) == seen  # who may not read values has no files of them
    stranger = await api.outsider.get(f"{W}/workspaces/tarball")
    assert stranger.status_code == 404


async def test_secrets_come_sealed_or_in_the_clear_and_each_is_on_record(api: Api) -> None:
    await fill(api.admin)
    sealed = json.loads((await fetch(api.admin))["f/shop/hidden.variable.json"])
    assert sealed["is_secret"] is True
    body = {**sealed, "path": "f/shop/again"}
    made = await api.admin.post(f"{W}/variables/create?already_encrypted=true", json=body)
    assert made.status_code == 201, made.text
    plain = json.loads((await fetch(api.admin, plain_secret="true"))["f/shop/again.variable.json"])
    assert plain["value"] == "s3cret"
    records = await audited(api, "variables.decrypt_secret")
    assert sorted((record["resource"], record["username"]) for record in records) == [
        ("f/shop/again", "ada"), ("f/shop/hidden", "ada"), ("f/shop/hidden", "ada"),
    ]  # fmt: skip
    await fetch(api.admin, skip_secrets="true")
    assert len(await audited(api, "variables.decrypt_secret")) == 3


async def test_what_a_job_reads_by_it_is_known_before_it_has_it(api: Api) -> None:
    await fill(api.admin)
    job = await api.job("ada")
    await fetch(job, plain_secret="true")
    rows = await api.parts.database.single.fetch_all(
        inline("select kind, address from storage_access where job_id is not null order by kind, address")
    )
    assert [(row["kind"], row["address"]) for row in rows] == [
        ("resource", "f/shop/left"), ("variable", "f/shop/hidden"), ("variable", "f/shop/open"),
    ]  # fmt: skip


async def test_settings_are_for_admins(api: Api) -> None:
    """A part of them would take the rest away where it is pushed."""
    query = {"archive_type": "zip", "include_settings": "true"}
    assert (await api.developer.get(f"{W}/workspaces/tarball", params=query)).status_code == 403
    assert set(await fetch(api.admin, include_settings="true")) == {"settings.json"}


async def test_the_key_is_for_admins_in_person(api: Api) -> None:
    query = {"archive_type": "zip", "include_key": "true"}
    for client in (api.developer, api.operator, await api.job("ada")):
        refused = await client.get(f"{W}/workspaces/tarball", params=query)
        assert refused.status_code == 403, refused.text
    assert not await audited(api, "workspaces.read_encryption_key")
    key = json.loads((await fetch(api.admin, **query))["encryption_key.json"])
    assert len(key) == 44
    assert len(await audited(api, "workspaces.read_encryption_key")) == 1


async def test_a_token_that_may_not_read_variables_gets_no_key_to_them(api: Api) -> None:
    scopes = ["workspaces:read", "workspaces:write", "scripts:read", "flows:read", "folders:read", "variables:read:f/*"]
    narrow = await api.client(await api.token("ada@x.org", scopes=scopes))
    query = {"include_key": "true", "skip_variables": "true", "skip_resources": "true", "skip_resource_types": "true"}
    for refused in (
        await narrow.get(f"{W}/workspaces/encryption_key"),
        await narrow.get(f"{W}/workspaces/tarball", params=query),
        await narrow.post(f"{W}/workspaces/encryption_key", json={"new_key": "A" * 43 + "="}),
    ):
        assert (refused.status_code, "variables:" in refused.text) == (403, True), refused.text
    assert not await audited(api, "workspaces.read_encryption_key")


async def test_a_token_that_leaves_out_a_kind_is_told_and_gets_no_part(api: Api) -> None:
    await fill(api.admin)
    scopes = ["workspaces:read", "scripts:read", "flows:read", "folders:read"]
    answer = await api.admin.post("/api/users/tokens/create", json={"label": "narrow", "scopes": scopes})
    narrow = await api.client(answer.text)
    refused = await narrow.get(f"{W}/workspaces/tarball", params={"archive_type": "zip"})
    assert (refused.status_code, "variables:read" in refused.text) == (403, True)
    found = await fetch(narrow, skip_variables="true", skip_resources="true", skip_resource_types="true")
    assert set(found) == {
        "f/shop/folder.meta.json",
        "f/shop/report.py",
        "f/shop/report.script.json",
        "f/shop/flow.flow.json",
    }


async def test_what_cannot_be_a_file_is_named(api: Api) -> None:
    await post(api.admin, "scripts/create", {"path": "u/ada/keys", "content": "GET a", "language": "redis"})
    await post(api.admin, "scripts/create", {"path": "u/ada/v1.2", "content": SOURCE, "language": "python3"})
    await post(api.admin, "resources/create", {"path": "u/ada/nothing", "value": None, "resource_type": "any"})
    steps = {"type": "rawscript", "language": "redis", "content": "GET a", "input_transforms": {}}
    loop = {"type": "forloopflow", "iterator": {"type": "static", "value": [1]}, "skip_failures": False}
    modules = [{"id": "l", "value": {**loop, "modules": [{"id": "k", "value": steps}]}}]
    await post(api.admin, "flows/create", {"path": "u/ada/flow", "summary": "", "value": {"modules": modules}})
    found = await fetch(api.admin)
    assert set(found) == {"left-out.txt"}
    assert found["left-out.txt"].decode().splitlines() == [
        "flow u/ada/flow: the command line knows no files of the language redis, in which its step k is.",
        "resource u/ada/nothing: its value is null, which the command line cannot send.",
        "script u/ada/keys: the command line knows no files of the language redis.",
        "script u/ada/v1.2: the command line takes all behind the first dot of its path for the ending of a file.",
    ]


async def test_all_of_it_is_as_it_was_at_one_moment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an export runs, a variable and a script change together: it has the old both."""
    await post(api.admin, "variables/create", {"path": "u/ada/v", "value": "old", "is_secret": False})
    await post(api.admin, "scripts/create", {"path": "u/ada/s", "content": "# old\n" + SOURCE, "language": "python3"})
    changed: list[bool] = []
    fetch_all = Transaction.fetch_all

    async def changing(self: Transaction, query: Query, *rest: Any, **parameters: Any) -> Any:
        found = await fetch_all(self, query, *rest, **parameters)
        if query.name.endswith("outline_variables") and not changed:
            changed.append(True)
            await post(api.admin, "variables/update/u/ada/v", {"value": "new"})
            new = {"path": "u/ada/s", "content": "# new\n" + SOURCE, "language": "python3", "auto_parent": True}
            await post(api.admin, "scripts/create", new)
        return found

    monkeypatch.setattr(Transaction, "fetch_all", changing)
    found = await fetch(api.admin)
    assert changed
    assert json.loads(found["u/ada/v.variable.json"])["value"] == "old"
    assert found["u/ada/s.py"].startswith(b"# old")


async def test_few_are_made_at_a_time_and_only_for_who_is_still_let_in(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds a connection to the database, of which there are ten."""
    running, most, may_end = set[object](), 0, asyncio.Event()
    export = routes.export

    async def counting(*arguments: Any) -> None:
        nonlocal most
        running.add(mine := object())
        most = max(most, len(running))
        if len(running) == MOST_EXPORTS:
            await api.admin.delete(f"{W}/users/delete/dev")  # others go on meanwhile
            may_end.set()
        await may_end.wait()
        await export(*arguments)
        running.remove(mine)

    monkeypatch.setattr(routes, "export", counting)
    clients = [api.admin] * 3 + [api.developer]
    url = f"{W}/workspaces/tarball"
    found = await asyncio.gather(*(each.get(url, params={"archive_type": "zip"}) for each in clients))
    assert [each.status_code for each in found] == [200, 200, 200, 404]
    assert most == MOST_EXPORTS


async def test_it_is_read_in_parts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a part may hold: all come, each once, and no more is asked for at once than the bound."""
    asked: list[int] = []
    fetch_all = Transaction.fetch_all

    async def counting(self: Transaction, query: Query, *rest: Any, **parameters: Any) -> Any:
        if query.name.endswith("exports.scripts"):
            asked.append(len(parameters["paths"]))
        return await fetch_all(self, query, *rest, **parameters)

    monkeypatch.setattr(Transaction, "fetch_all", counting)
    monkeypatch.setattr(exports, "CHUNK", 3)
    monkeypatch.setattr(exports, "MOST_BYTES", 2 * len(SOURCE) + 1000)
    for number in range(7):
        large = "#" * 5000 if number == 4 else ""
        script = {"path": f"u/ada/s{number}", "content": SOURCE + large, "language": "python3"}
        await post(api.admin, "scripts/create", script)
    found = await fetch(api.admin)
    assert sorted(name for name in found if name.endswith(".py")) == [f"u/ada/s{number}.py" for number in range(7)]
    assert sum(asked) == 7
    assert len(asked) > 3


async def test_a_reader_of_one_workspace_gets_nothing_of_another(api: Api) -> None:
    await fill(api.admin)
    person = await api.person("both")
    async with api.parts.database.system() as tx:
        await tx.execute(
            inline(
                "insert into member (workspace_id, username, email, role) values ('other', 'both', :email, 'admin')"
            ),
            email="both@x.org",
        )
    answer = await person.get("/api/w/other/workspaces/tarball", params={"archive_type": "zip", **ALL})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert all(name.startswith("users/") or name == "settings.json" for name in found.namelist())


async def test_secrets_move_to_a_workspace_that_was_given_the_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption_key, "GRACE_S", 0)
    await fill(api.admin)
    there = "/api/w/other"
    own = {"path": "u/out/own", "value": "stays", "is_secret": True}
    assert (await api.outsider.post(f"{there}/variables/create", json=own)).status_code == 201
    found = await fetch(api.admin, include_key="true")
    sealed = {**json.loads(found["f/shop/hidden.variable.json"]), "path": "u/out/moved"}
    address = f"{there}/variables/create?already_encrypted=true"
    assert (await api.outsider.post(address, json=sealed)).status_code == 400

    key = json.loads(found["encryption_key.json"])
    assert (await api.admin.get(f"{W}/workspaces/encryption_key")).json() == {"key": key}
    changed = await api.outsider.post(f"{there}/workspaces/encryption_key", json={"new_key": key})
    assert changed.status_code == 200, changed.text
    assert (await api.outsider.get(f"{there}/workspaces/encryption_key")).json() == {"key": key}
    assert (await api.outsider.post(address, json=sealed)).status_code == 201
    assert (await api.outsider.get(f"{there}/variables/get_value/u/out/moved")).json() == "s3cret"
    assert (await api.outsider.get(f"{there}/variables/get_value/u/out/own")).json() == "stays"
    assert [record["username"] for record in await audited(api, "workspaces.set_encryption_key")] == ["out"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"new_key": "short"}, 400), ({"new_key": "ü"}, 400), ({"new_key": "A" * 44}, 400), ({}, 400)],
    ids=str,
)
async def test_what_is_no_key_is_refused(api: Api, body: dict[str, str], status: int) -> None:
    answer = await api.admin.post(f"{W}/workspaces/encryption_key", json=body)
    assert answer.status_code == status, answer.text
    kept = await api.admin.post(f"{W}/workspaces/encryption_key", json={"new_key": "", "skip_reencrypt": True})
    assert kept.status_code == 501
    for client in (api.developer, await api.job("ada")):
        assert (await client.get(f"{W}/workspaces/encryption_key")).status_code == 403
