"""The explorer of keys on Redis, Valkey and Upstash: keys by pattern, members by pages, changes of what was seen."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import all_pages, ask, put_resource
from tests.database_servers import DatabaseServers
from tests.key_servers import KeyServer, start_cluster, start_redis, start_valkey, upstash

TOKEN = "rest-token-4711"
MANY = 1200


@pytest.fixture
def server(database_servers: DatabaseServers) -> KeyServer:
    """A Redis that is filled."""
    return filled(database_servers.get("redis", start_redis))


def filled(server: KeyServer) -> KeyServer:
    server.ask("FLUSHALL")
    server.ask("SET", "text", "hällo")
    server.ask("SET", b"\xff\x00", "bytes", "PX", 500_000)
    server.ask("HSET", "user:1", "name", "Ann", "raw", b"\xff")
    server.ask("RPUSH", "line", *range(25))
    server.ask("SADD", "tags", "a", "b")
    server.ask("ZADD", "score", *(word for n in range(25) for word in (n / 2, f"m{n:02}")))
    for n in range(1, 6):
        server.ask("XADD", "events", f"{n}-1", "n", n)
    server.ask("HSET", "wide", *(f"f{n}" for n in range(2 * MANY)))
    return server


@pytest.fixture
async def client(api: Api, server: KeyServer) -> httpx.AsyncClient:
    return await put_resource(api, "redis", server.resource())


async def test_keys_are_listed_with_what_they_are(client: httpx.AsyncClient, server: KeyServer) -> None:
    assert (await ask(client, "tables"))["tables"][0]["rows"] == 8
    page = await ask(client, "rows", schema="", table="keys")
    names = [each["name"] for each in page["columns"]]
    found = {str(row[0]): dict(zip(names, row, strict=True)) for row in page["rows"]}
    assert {key: (each["type"], each["items"]) for key, each in found.items()} == {
        "text": ("string", 6), "{'$base64': '/wA='}": ("string", 5), "user:1": ("hash", 2), "line": ("list", 25),
        "tags": ("set", 2), "score": ("zset", 25), "events": ("stream", 5), "wide": ("hash", MANY),
    }  # fmt: skip
    assert 0 < found["{'$base64': '/wA='}"]["ttl_ms"] <= 500_000
    assert found["wide"]["size_bytes"] > MANY
    for number in range(700):
        server.ask("SET", f"user:x{number}", number)
    seen = await all_pages(client, schema="", table="keys", limit=50)
    assert len({str(row[0]) for row in seen}) == 708

    async def keys(**body: Any) -> set[str]:
        return {row[0] for row in await all_pages(client, schema="", table="keys", limit=1000, **body)}

    assert await keys(query="user:?") == {"user:1"}
    assert await keys(filters=[{"column": "key", "operator": "contains", "value": "ER:1"}]) == {"user:1"}
    assert await keys(filters=[{"column": "type", "operator": "=", "value": "list"}]) == {"line"}
    assert await keys(filters=[{"column": "key", "operator": "begins", "value": "us*r"}]) == set()
    assert "sort" in await ask(client, "rows", schema="", table="keys", sort=[{"column": "key"}], status=400)
    assert "pattern" in await ask(
        client, "rows", schema="", table="keys", filters=[{"column": "ttl_ms", "operator": "="}], status=400
    )


async def test_members_of_a_key_have_pages(client: httpx.AsyncClient, server: KeyServer) -> None:
    async def rows(key: str, limit: int = 10, **body: Any) -> list[Any]:
        return await all_pages(client, schema="key", table=key, limit=limit, **body)

    assert await rows("text") == [[0, "hällo"]]
    assert sorted(await rows("user:1"), key=str) == [["name", "Ann"], ["raw", {"$base64": "/w=="}]]
    assert await rows("line") == [[n, str(n)] for n in range(25)]
    assert sorted(await rows("tags")) == [["a"], ["b"]]
    assert await rows("score") == [[f"m{n:02}", n / 2] for n in range(25)]
    assert (await rows("score", sort=[{"column": "score", "descending": True}]))[0] == ["m24", 12]
    assert await rows("score", filters=[{"column": "member", "operator": "=", "value": "m03"}]) == [["m03", 1.5]]
    assert await rows("events", limit=2) == [[f"{n}-1", {"n": str(n)}] for n in range(1, 6)]
    assert (await rows("events", limit=2, sort=[{"column": "id", "descending": True}]))[0][0] == "5-1"
    assert len({row[0] for row in await rows("wide", limit=100)}) == MANY
    binary = await ask(client, "rows", schema="key:base64", table="/wA=")
    assert binary["rows"] == [[0, "bytes"]]
    server.ask("SET", "long", b"x" * (2 * 1024 * 1024 + 1))
    long = await ask(client, "rows", schema="key", table="long")
    assert (long["has_more"], long["versions"]) == (True, [""])
    assert [len(row[1]) for row in await rows("long")] == [1 << 20, 1 << 20, 1]
    assert (await ask(client, "table", schema="key", table="score"))["key"] == ["member"]
    assert "no key" in await ask(client, "rows", schema="key", table="nothing", status=404)


@pytest.fixture(params=["redis", "valkey", "upstash"])
def store(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> Iterator[tuple[KeyServer, Any]]:
    """Each kind of store, with the value of a resource that leads there."""
    if request.param == "valkey":
        valkey = filled(database_servers.get("valkey", start_valkey))
        yield valkey, ("redis", valkey.resource())
        return
    redis = filled(database_servers.get("redis", start_redis))
    if request.param == "redis":
        yield redis, ("redis", redis.resource())
        return
    with upstash(redis, TOKEN) as url:
        yield redis, ("upstash", {"url": url, "token": TOKEN})


async def test_changes_hit_what_was_seen_or_nothing(api: Api, store: tuple[KeyServer, Any]) -> None:
    server, (kind, value) = store
    client = await put_resource(api, kind, value)

    async def seen(key: str, at: int = 0) -> dict[str, Any]:
        page = await ask(client, "rows", schema="key", table=key, limit=30)
        names = [each["name"] for each in page["columns"]]
        order = sorted(range(len(page["rows"])), key=lambda index: str(page["rows"][index]))
        return {"key": {names[0]: page["rows"][order[at]][0]}, "version": page["versions"][order[at]]}

    def on(key: str, what: str, row: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
        change = {"schema": "key", "table": key, "kind": what, "values": values}
        return change | ({"row": row} if row else {})

    changes = [
        on("text", "update", await seen("text"), value="new ☃"),
        on("user:1", "update", await seen("user:1"), value=12.50),
        on("user:1", "insert", field="age", value="7"),
        on("line", "update", await seen("line"), value="zero"),
        on("line", "insert", value="last"),
        on("tags", "delete", await seen("tags")),
        on("score", "update", await seen("score", 3), score=99),
        on("events", "insert", n="6"),
        on("events", "delete", await seen("events")),
        {
            "schema": "", "table": "keys", "kind": "insert",
            "values": {"key": "made", "value": {"a": 1.5, "b": 2}, "type": "zset", "ttl_ms": 60_000},
        },
    ]  # fmt: skip
    tried = await ask(client, "change", changes=changes, dry_run=True)
    assert tried["statements"][0]["sql"] == 'SET text "new ☃" KEEPTTL'
    assert server.ask("GET", "text") == "hällo".encode()
    await ask(client, "change", changes=changes)
    assert server.ask("GET", "text") == "new ☃".encode()
    assert server.ask("HMGET", "user:1", "name", "age") == [b"12.5", b"7"]
    assert server.ask("LRANGE", "line", 0, 0) + server.ask("LRANGE", "line", -1, -1) == [b"zero", b"last"]
    assert server.ask("SMEMBERS", "tags") == [b"b"]
    assert server.ask("ZSCORE", "score", "m03") == b"99"
    assert server.ask("XLEN", "events") == 5
    assert server.ask("ZRANGE", "made", 0, -1) == [b"a", b"b"]
    assert server.ask("PTTL", "made") > 0

    gone = on("line", "delete", await seen("line"))
    stale = on("text", "update", {"key": {"offset": 0}, "version": "0" * 40}, value="lost")
    assert "Change 2" in await ask(client, "change", changes=[gone, stale], status=409)
    twice = on("user:1", "insert", field="age", value="8")
    assert "Change 2" in await ask(client, "change", changes=[gone, twice], status=409)
    assert server.ask("LLEN", "line") == 26
    await ask(client, "change", changes=[gone])
    assert server.ask("LLEN", "line") == 25

    page = await ask(client, "rows", schema="", table="keys", query="tags")
    row = {"key": {"key": "tags"}, "version": page["versions"][0]}
    renamed = {"schema": "", "table": "keys", "kind": "update", "row": row, "values": {"key": "text"}}
    assert "Change 1" in await ask(client, "change", changes=[renamed], status=409)
    await ask(client, "change", changes=[{**renamed, "values": {"key": "labels", "ttl_ms": 60_000}}])
    assert (server.ask("EXISTS", "tags"), server.ask("PTTL", "labels") > 0) == (0, True)
    row = {"key": {"key": "labels"}, "version": row["version"]}
    server.ask("SADD", "labels", "more")
    delete = {"schema": "", "table": "keys", "kind": "delete", "row": row}
    assert "Change 1" in await ask(client, "change", changes=[delete], status=409)
    assert "ends" in await ask(client, "change", changes=[on("line", "insert", value="x", index=4)], status=400)


async def test_keys_of_a_cluster_are_listed_over_all_its_servers(api: Api, database_servers: DatabaseServers) -> None:
    nodes = database_servers.get("redis-cluster", start_cluster)
    for each in nodes:
        each.ask("FLUSHALL")
    client = await put_resource(api, "redis", nodes[0].resource())
    keys: dict[str, Any] = {"schema": "", "table": "keys"}
    made = [{**keys, "kind": "insert", "values": {"key": f"k{n}", "value": "x"}} for n in range(60)]
    for change in made:
        await ask(client, "change", changes=[change])
    assert all(0 < server.ask("DBSIZE") < 60 for server in nodes)
    assert (await ask(client, "tables"))["tables"][0]["rows"] == 60
    found = await all_pages(client, **keys, limit=10)
    assert sorted(row[0] for row in found) == sorted(f"k{n}" for n in range(60))
    assert {row[1] for row in found} == {"string"}
    some = await all_pages(client, **keys, limit=10, query="k1?")
    assert sorted(row[0] for row in some) == [f"k1{n}" for n in range(10)]
    text = await ask(client, "rows", schema="key", table="k59")
    assert text["rows"] == [[0, "x"]]
    other = [{**keys, "kind": "insert", "values": {"key": f"new{n}", "value": "x"}} for n in range(9)]
    assert "common {tag}" in await ask(client, "change", changes=other, status=501)
    tried = await ask(client, "change", changes=other, dry_run=True)
    assert (tried["applied"], tried["atomic"]) == (False, False)
    assert {each["part"] for each in tried["statements"]} == set(range(1, 10))
    assert (await ask(client, "tables"))["tables"][0]["rows"] == 60
    done = await ask(client, "change", changes=other, by_parts=True)
    assert (done["applied"], done["atomic"]) == (True, False)
    assert (await ask(client, "tables"))["tables"][0]["rows"] == 69
    late = [other[0] | {"values": {"key": "newer", "value": "x"}}, *other]
    assert "Change 2" in await ask(client, "change", changes=late, by_parts=True, status=409)
    assert (await ask(client, "tables"))["tables"][0]["rows"] == 69  # all were tried before the first was made
    renamed = {**keys, "kind": "update", "row": {"key": {"key": "k1"}, "version": "string-1"}, "values": {"key": "far"}}
    assert "{tag}" in await ask(client, "change", changes=[renamed], status=501)
    near = [renamed | {"values": {"key": "{k1}near"}}]
    assert (await ask(client, "change", changes=near))["atomic"]
    tagged = [{**keys, "kind": "insert", "values": {"key": f"{{one}}{n}", "value": "x"}} for n in range(3)]
    assert (await ask(client, "change", changes=tagged))["atomic"]
    assert "Begin with the first page" in await ask(client, "rows", **keys, after=["10.0.0.1:6379 0"], status=400)
