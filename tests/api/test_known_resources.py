"""The resource of an inline query is not resolved anew each time, and yet what is there now is what counts."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api, audited
from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tidemill.db import identity
from tidemill.db.queries import inline
from tidemill.server import known_resources
from tidemill.server.known_resources import KnownResources

W = "/api/w/main"
PATH = "f/data/warehouse"
PASSWORD = "f/data/password"


@pytest.fixture
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture
async def warehouse(api: Api, postgres: Postgres) -> None:
    """A Postgres at `f/data/warehouse`, whose password is a secret, for all members."""
    await api.admin.post(f"{W}/folders/create", json={"name": "data", "extra_perms": {"g/all": False}})
    value = postgres.resource
    await create(api, "variables", path=PASSWORD, value=value["password"], is_secret=True, description="")
    await create(
        api, "resources", path=PATH, value=value | {"password": f"$var:{PASSWORD}"}, resource_type="postgresql"
    )


async def create(api: Api, noun: str, **fields: Any) -> None:
    answer = await api.admin.post(f"{W}/{noun}/create", json=fields)
    assert answer.status_code == 201, answer.text


async def asked(client: httpx.AsyncClient, path: str = PATH, *, by_argument: bool = False) -> httpx.Response:
    content, args = "select 1 as a", {"database": f"$res:{path}"}
    if not by_argument:
        content, args = f"-- database {path}\n{content}", {}
    body = {"language": "postgresql", "content": content, "args": args}
    return await client.post(f"{W}/jobs/run_inline/preview", json=body)


async def answered(client: httpx.AsyncClient, path: str = PATH, *, by_argument: bool = False) -> None:
    answer = await asked(client, path, by_argument=by_argument)
    assert (answer.status_code, answer.text) == (200, '[{"a":1}]'), answer.text


@pytest.mark.parametrize("by_argument", [False, True])
async def test_a_query_costs_three_statements(api: Api, warehouse: None, sent: list[str], *, by_argument: bool) -> None:
    """Who calls, whether all is as it was, and the record of the secret, which others share; without one only two."""
    await answered(api.developer, by_argument=by_argument)
    sent.clear()
    await answered(api.developer, by_argument=by_argument)
    assert sorted(sent) == ["identity.principal_by_token", "readings.record", "references.standings"]
    plain = {"user": "x", "host": "127.0.0.1", "port": 1}
    await create(api, "resources", path="f/data/closed", value=plain, resource_type="postgresql")
    await asked(api.developer, "f/data/closed", by_argument=by_argument)
    sent.clear()
    assert (await asked(api.developer, "f/data/closed", by_argument=by_argument)).status_code == 500
    assert sorted(sent) == ["identity.principal_by_token", "references.standings"]


async def test_a_query_of_a_job_costs_four_statements(api: Api, warehouse: None, sent: list[str]) -> None:
    """As for people, where the first two are sent together, and whether the job has its lease."""
    job = await api.job("dev")
    await answered(job)
    sent.clear()
    await answered(job)
    assert sorted(sent) == [
        "identity.hold_attempt", "identity.principal_of_job", "readings.record", "references.standings",
    ]  # fmt: skip


async def test_who_opens_another_resource_gets_that_one(api: Api, warehouse: None, sent: list[str]) -> None:
    """Each time what was foreseen is of no use, and none of it shows."""
    await create(api, "resources", path="f/data/other", value={"nothing": 1}, resource_type="postgresql")
    for _ in range(3):
        await answered(api.developer)
        refused = await asked(api.developer, "f/data/other")
        assert refused.headers["x-tidemill-error"] == "bad_request"
    sent.clear()
    stranger = await asked(api.anonymous)
    assert (stranger.status_code, sent) == (401, [])


async def test_a_look_that_was_taken_long_ago_does_not_count(
    api: Api, warehouse: None, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_resources, "_FORESEEN_S", 0.0)
    await answered(api.developer)
    sent.clear()
    await answered(api.developer)
    assert sent.count("references.standings") == 2, "the second one is newer than the body of the request"


async def test_queries_that_come_together_share_statements(api: Api, warehouse: None, sent: list[str]) -> None:
    await answered(api.developer)
    sent.clear()
    await asyncio.gather(*(answered(each) for each in [api.developer, api.admin] * 8))
    assert sent.count("readings.record") < 16
    assert len(await audited(api, "variables.decrypt_secret")) == 17


Change = Callable[[Api], Awaitable[httpx.Response]]
CHANGES: dict[str, tuple[Change, str]] = {
    "another value": (
        lambda api: api.admin.post(f"{W}/resources/update/{PATH}", json={"value": {"nothing": 1}}), "bad_request",
    ),
    "another password": (
        lambda api: api.admin.post(f"{W}/variables/update/{PASSWORD}", json={"value": "wrong"}), "connection_failed",
    ),
    "resource gone": (lambda api: api.admin.delete(f"{W}/resources/delete/{PATH}"), "interpolation_failed"),
    "secret gone": (lambda api: api.admin.delete(f"{W}/variables/delete/{PASSWORD}"), "interpolation_failed"),
    "folder closed": (
        lambda api: api.admin.post(f"{W}/folders/update/data", json={"extra_perms": {}}), "interpolation_failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_holds_for_the_next_query(api: Api, warehouse: None, change: str) -> None:
    await answered(api.developer)
    made, code = CHANGES[change]
    changed = await made(api)
    assert changed.is_success, changed.text
    assert (await asked(api.developer)).headers["x-tidemill-error"] == code


async def test_rights_are_those_of_each_caller_at_this_moment(api: Api, postgres: Postgres) -> None:
    value = postgres.resource
    await create(api, "variables", path="u/ada/password", value=value["password"], is_secret=True, description="")
    shared = {"path": "u/ada/mine", "value": value | {"password": "$var:u/ada/password"}}
    await create(api, "resources", **shared, resource_type="postgresql")
    await answered(api.admin, "u/ada/mine")
    for kind, path in (("resource", "u/ada/mine"), ("variable", "u/ada/password")):
        refused = await asked(api.developer, "u/ada/mine")
        assert refused.headers["x-tidemill-error"] == "interpolation_failed", f"{kind} is not shared yet"
        await api.admin.post(f"{W}/acls/add/{kind}/{path}", json={"owner": "u/dev", "write": False})
    await answered(api.developer, "u/ada/mine")
    await api.admin.post(f"{W}/acls/remove/variable/u/ada/password", json={"owner": "u/dev"})
    assert (await asked(api.developer, "u/ada/mine")).headers["x-tidemill-error"] == "interpolation_failed"
    await answered(api.admin, "u/ada/mine")


async def test_a_variable_that_expires_is_gone(api: Api, warehouse: None) -> None:
    await answered(api.developer)
    async with api.parts.database.system() as tx:
        await tx.execute(inline("update variable set expires_at = now() - interval '1 second'"))
    assert (await asked(api.developer)).headers["x-tidemill-error"] == "interpolation_failed"


async def test_each_use_of_a_secret_is_on_record_before_the_answer(api: Api, warehouse: None) -> None:
    job = await api.job("dev")
    for client in (api.developer, api.developer, api.admin, job, job):
        await answered(client)
    records = await audited(api, "variables.decrypt_secret")
    assert [each["username"] for each in records] == ["dev", "dev", "ada", "dev", "dev"]
    assert {each["resource"] for each in records} == {PASSWORD}
    assert ["job_id" in each for each in records] == [False, False, False, True, True]
    noted = await api.parts.database.single.fetch_all(
        inline("select kind, address from storage_access where job_id is not null and version is not null order by id")
    )
    assert [(each["kind"], each["address"]) for each in noted] == [("resource", PATH), ("variable", PASSWORD)] * 2


async def test_what_nobody_asks_for_is_forgotten(api: Api, warehouse: None) -> None:
    """There may be passwords in it."""
    known = KnownResources(api.parts.database, api.parts.keyring, idle_s=0.01)
    caller = await identity.principal_by_name(api.parts.database, "ada@x.org", "main")
    used = await known.open(caller, PATH)
    assert json.loads(used.opened.value)["password"]
    while known._known:
        await asyncio.sleep(0)
    assert known._sweep is None, "and then it rests"


async def test_more_queries_than_the_server_may_run_are_refused(api: Api, warehouse: None) -> None:
    with ExitStack() as stack:
        for _ in range(63):
            stack.enter_context(api.parts.inline_gate.passed())
        await answered(api.developer)
        stack.enter_context(api.parts.inline_gate.passed())
        for refused in (
            await asked(api.developer),
            await api.developer.post(f"{W}/databases/tables", json={"resource": PATH}),
        ):
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert "TIDEMILL_INLINE_QUERIES" in refused.text
    await answered(api.developer)
