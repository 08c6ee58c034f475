"""Who touched which object: told to those who may know."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tidemill.db import identity
from tidemill.db.pool import Database
from tidemill.model.errors import Unavailable
from tidemill.model.identity import Principal, Role
from tidemill.model.object_address import Address
from tidemill.server.objects.access_log import AccessLog

W = "/api/w/main"
URL = f"{W}/storage_access/list"


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def put(api: Api, username: str, key: str) -> None:
    caller = await identity.principal_by_name(api.parts.database, f"{username}@x.org", "main")
    await api.parts.objects.put(caller, Address("", key), body(key.encode()))


async def listed(client: httpx.AsyncClient, **params: Any) -> list[tuple[str, str]]:
    answer = await client.get(URL, params=params)
    assert answer.status_code == 200, answer.text
    return [(each["actor"], each["address"].removeprefix("s3:///")) for each in answer.json()["accesses"]]


async def test_admins_see_all_and_others_what_they_may_read_or_did(api: Api) -> None:
    for username, key in (("ada", "u/ada/a"), ("ada", "u/dev/a"), ("dev", "u/dev/b"), ("op", "windmill_uploads/x")):
        await put(api, username, key)
    assert await listed(api.admin) == [
        ("u/op", "windmill_uploads/x"), ("u/dev", "u/dev/b"), ("u/ada", "u/dev/a"), ("u/ada", "u/ada/a"),
    ]  # fmt: skip
    assert await listed(api.developer) == [
        ("u/op", "windmill_uploads/x"), ("u/dev", "u/dev/b"), ("u/ada", "u/dev/a"),
    ]  # fmt: skip
    assert (await api.outsider.get(URL)).status_code == 404
    assert await listed(api.operator) == [("u/op", "windmill_uploads/x")]


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ({"address": "s3:///u/dev/b"}, ["u/dev/b"]),
        ({"prefix": "s3:///u/dev/"}, ["u/dev/b", "u/dev/a"]),
        ({"prefix": "s3:///u/d%"}, []),
        ({"actor": "u/ada"}, ["u/ada/a"]),
        ({"access": "read"}, []),
        ({"access": "write", "prefix": "s3:///u/ada"}, ["u/ada/a"]),
        ({"after": "2020-01-01T00:00:00Z"}, ["u/ada/a", "u/dev/b", "u/dev/a"]),
        ({"after": "2999-01-01T00:00:00Z"}, []),
    ],
    ids=str,
)
async def test_filters_narrow_the_list(api: Api, params: dict[str, str], keys: list[str]) -> None:
    for username, key in (("dev", "u/dev/a"), ("dev", "u/dev/b"), ("ada", "u/ada/a")):
        await put(api, username, key)
    assert [key for _, key in await listed(api.admin, **params)] == keys


async def test_the_list_is_read_on_by_its_marker(api: Api) -> None:
    for number in range(7):
        await put(api, "dev" if number % 2 else "ada", f"u/{'dev' if number % 2 else 'ada'}/{number}")
    found, before = [], None
    while True:
        params = {"per_page": 2} | ({} if before is None else {"before_id": before})
        page = (await api.developer.get(URL, params=params)).json()
        found += [each["address"] for each in page["accesses"]]
        if (before := page["next"]) is None:
            break
    assert found == ["s3:///u/dev/5", "s3:///u/dev/3", "s3:///u/dev/1"]


async def test_what_a_job_touched_is_told_to_those_who_see_the_job(api: Api) -> None:
    job = await api.job("ada")
    me = (await job.get(f"{W}/users/whoami")).json()
    assert me["username"] == "ada"
    rows = await api.admin.get(f"{W}/jobs/list")
    job_id = rows.json()[0]["id"]
    caller = await identity.principal_of_job(api.parts.database, job_id, 1, "main")
    await api.parts.objects.put(caller, Address("", "u/ada/a"), body(b"x"))
    answer = (await api.admin.get(URL, params={"job": job_id})).json()
    assert [(each["job_id"], each["size_bytes"]) for each in answer["accesses"]] == [(job_id, 1)]
    hidden = await api.developer.get(URL, params={"job": job_id})
    assert hidden.status_code == 404
    assert await listed(job, job=job_id) == [("u/ada", "u/ada/a")]
    api.parts.access_log.note_other(caller, "database", "u/ada/shop", "write")
    api.parts.access_log.note_other(caller, "variable", "u/ada/word", "read")
    both = (await api.admin.get(URL, params={"job": job_id})).json()["accesses"]
    assert [(each["kind"], each["address"]) for each in both] == [
        ("database", "u/ada/shop"), ("object", "s3:///u/ada/a"),
    ]  # fmt: skip
    assert await listed(api.admin) == [("u/ada", "u/ada/a")]


async def test_what_was_touched_by_a_resource_is_told_to_those_who_may_read_it(api: Api) -> None:
    new = {"path": "u/ada/lake", "value": {"bucket": "b"}, "resource_type": "s3"}
    await api.admin.post(f"{W}/resources/create", json=new)
    caller = await identity.principal_by_name(api.parts.database, "ada@x.org", "main")
    await api.parts.objects.put(caller, Address(key="k", resource="u/ada/lake"), body(b"x"))
    assert await listed(api.admin, address="$res:u/ada/lake:k") == [("u/ada", "$res:u/ada/lake:k")]
    assert await listed(api.developer) == []
    await api.admin.post(f"{W}/acls/add/resource/u/ada/lake", json={"owner": "u/dev", "write": False})
    assert await listed(api.developer) == [("u/ada", "$res:u/ada/lake:k")]


WHO = Principal(email="dev@x.org", username="dev", workspace="main", role=Role.DEVELOPER)


async def test_what_is_noted_is_written_without_being_asked(api: Api) -> None:
    async with AccessLog(api.parts.database, wait_s=0.01) as log:
        log.note(WHO, Address("", "u/dev/a"), "read", 5)
        while not await listed(api.developer):
            pass
    assert await listed(api.developer) == [("u/dev", "u/dev/a")]


async def test_reads_of_one_object_become_one_record_and_writes_never_do(api: Api) -> None:
    log = AccessLog(api.parts.database)
    other = Principal(email="op@x.org", username="op", workspace="main", role=Role.OPERATOR)
    for size in (5, 6, 7):
        log.note(WHO, Address("", "u/dev/a"), "read", size)
        log.note(WHO, Address("", "u/dev/a"), "write", size)
    log.note(other, Address("", "u/dev/a"), "read", 1)
    log.note(WHO, Address("", "u/dev/b"), "read", 2)
    await log.flush()
    log.note(WHO, Address("", "u/dev/a"), "read", 8)
    await log.flush()
    answer = (await api.admin.get(URL)).json()["accesses"]
    assert [(each["actor"], each["access"], each["address"][-1], each["size_bytes"]) for each in reversed(answer)] == [
        ("u/dev", "read", "a", 18),
        ("u/dev", "write", "a", 5),
        ("u/dev", "write", "a", 6),
        ("u/dev", "write", "a", 7),
        ("u/op", "read", "a", 1),
        ("u/dev", "read", "b", 2),
        ("u/dev", "read", "a", 8),
    ]


async def test_what_is_left_is_written_at_the_end(api: Api) -> None:
    async with AccessLog(api.parts.database, wait_s=3600) as log:
        for number in range(1200):
            log.note(WHO, Address("", f"u/dev/{number}"), "read")
    answer = await api.admin.get(URL, params={"per_page": 1000})
    assert len(answer.json()["accesses"]) == 1000
    assert answer.json()["accesses"][0]["address"] == "s3:///u/dev/1199"


async def test_accesses_wait_for_a_database_that_does_not_answer(database: Database) -> None:
    log = AccessLog(Database(database.direct_dsn))  # never opened
    for key in ("a", "b", "a"):
        log.note(WHO, Address("", key), "read", 1)
        with pytest.raises(Unavailable):
            await log.flush()
    assert [(each.address, each.size_bytes) for each in log._waiting.values()] == [("s3:///a", 2), ("s3:///b", 1)]


async def test_accesses_in_a_workspace_that_is_gone_are_left_out(api: Api) -> None:
    log = AccessLog(api.parts.database)
    log.note(Principal(email="x@x.org", username="x", workspace="gone", role=Role.ADMIN), Address("", "a"), "read")
    log.note(WHO, Address("", "u/dev/a"), "read")
    await log.flush()
    assert await listed(api.developer) == [("u/dev", "u/dev/a")]


async def test_reads_whose_size_nobody_told_become_one_record_without_one(api: Api) -> None:
    log = AccessLog(api.parts.database)
    for _ in range(3):
        log.note_other(WHO, "database", "u/dev/db", "read")
    log.note_other(WHO, "database", "u/dev/db", "write")
    log.note(WHO, Address("", "u/dev/a"), "read", 0)
    log.note(WHO, Address("", "u/dev/a"), "read", 0)
    found = [(each.kind, each.access, each.size_bytes) for each in log._waiting.values()]
    assert found == [("database", "read", None), ("database", "write", None), ("object", "read", 0)]
