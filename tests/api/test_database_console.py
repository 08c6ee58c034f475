"""The console of the explorer: what runs, what is kept of it, and who sees that."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, ask, put_resource
from tests.database_servers import DatabaseServers, start_embedded
from tidemill.db import prune, query_history
from tidemill.db.queries import inline


@pytest.fixture
async def client(api: Api, database_servers: DatabaseServers) -> httpx.AsyncClient:
    postgres = database_servers.get("postgres-embedded", start_embedded)
    return await put_resource(api, "postgresql", postgres.resource)


async def history(client: httpx.AsyncClient, **query: Any) -> Any:
    answer = await client.get(f"{W}/databases/history", params=query)
    assert answer.is_success, answer.text
    return answer.json()


async def test_what_ran_is_kept_with_its_end_and_without_its_arguments(api: Api, client: httpx.AsyncClient) -> None:
    content = "-- $1 most (bigint)\n-- $2 word (text)\nselect n, $2::text as w from generate_series(1, $1) n"
    ran = await ask(client, "run", content=content, args={"most": 3, "word": "open-sesame"})
    assert (ran["result"][2], ran["rows"]) == ({"n": 3, "w": "open-sesame"}, 3)
    told = await ask(client, "run", content="select nope", status=422)
    assert told.startswith('column "nope" does not exist')
    assert "missing" in await ask(client, "run", content=content, status=400)
    entries = (await history(client))["entries"]
    assert [(each["content"], each["rows"], each["language"]) for each in entries] == [
        (content, None, "postgresql"), ("select nope", None, "postgresql"), (content, 3, "postgresql"),
    ]  # fmt: skip
    assert [bool(each["error"]) for each in entries] == [True, True, False]
    assert entries[1]["error"] == told
    async with api.parts.database.transaction("main") as tx:
        kept = await tx.fetch_all(inline("select query_history::text as entry from query_history"))
    assert not any("open-sesame" in each["entry"] for each in kept)


async def test_history_is_of_one_person_and_can_be_forgotten(api: Api, client: httpx.AsyncClient) -> None:
    for number in range(5):
        await ask(client, "run", content=f"select {number} as Number")
    assert (await history(api.admin))["entries"] == []
    first = await history(client, per_page=2)
    second = await history(client, per_page=2, before=first["next"])
    last = await history(client, per_page=2, before=second["next"])
    seen = [each["content"] for page in (first, second, last) for each in page["entries"]]
    assert seen == [f"select {number} as Number" for number in (4, 3, 2, 1, 0)]
    assert last["next"] is None
    assert len((await history(client, text="2 AS number"))["entries"]) == 1
    assert (await history(client, resource="f/data/other"))["entries"] == []
    one = first["entries"][0]["id"]
    assert (await api.admin.delete(f"{W}/databases/history/{one}")).status_code == 404
    assert (await client.delete(f"{W}/databases/history/{one}")).is_success
    assert len((await history(client))["entries"]) == 4
    assert (await client.delete(f"{W}/databases/history", params={"resource": PATH})).text.startswith("4 ")
    assert (await history(client))["entries"] == []


async def test_history_is_pruned_and_long_scripts_are_kept_in_part(api: Api, client: httpx.AsyncClient) -> None:
    long = "select 1 --" + "x" * query_history.MOST_CONTENT_CHARS
    await ask(client, "run", content=long)
    await ask(client, "run", content="select 2")
    kept = (await history(client))["entries"]
    assert [(len(each["content"]), each["is_cut"]) for each in kept] == [
        (8, False), (query_history.MOST_CONTENT_CHARS, True),
    ]  # fmt: skip
    await api.parts.database.single.execute(
        inline("update query_history set ran_at = now() - interval '8 days' where is_cut")
    )
    assert await prune.remove_query_history(api.parts.database, days=7) == 1
    assert [each["content"] for each in (await history(client))["entries"]] == ["select 2"]


async def test_a_token_for_some_scripts_runs_nothing_in_the_console(api: Api, client: httpx.AsyncClient) -> None:
    secret = {"path": "u/dev/secret", "value": "open-sesame", "is_secret": True, "description": ""}
    assert (await client.post(f"{W}/variables/create", json=secret)).is_success
    body = {"resource": PATH, "content": "-- $1 word (text)\nselect $1 as w", "args": {"word": "$var:u/dev/secret"}}
    for run, status in (("jobs:run:scripts:f/data/report", 403), ("jobs:run:scripts", 403), ("jobs:run", 200)):
        scoped = await api.client(await api.token("dev@x.org", scopes=["resources:read", run]))
        answer = await scoped.post(f"{W}/databases/run", json=body)
        assert (answer.status_code, "open-sesame" in answer.text) == (status, status == 200), answer.text
