"""Keys to files and back: types, ends and every byte, all of a file or nothing, over Redis, Valkey and Upstash."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, ask, put_resource
from tests.database_servers import DatabaseServers
from tests.key_servers import KeyServer, PlainClient, start_cluster, start_redis, start_valkey, upstash

KEYS = {"schema": "", "table": "keys"}
TEXTS = ["plain", "", "ä☃\u2028", 'a,"b"\r\n', '{"$base64":"AA=="}', '{"$map":[]}', "12", "null", " x "]


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> KeyServer:
    start = {"redis": start_redis, "valkey": start_valkey}[request.param]
    return emptied(database_servers.get(request.param, start))


def emptied(server: KeyServer) -> KeyServer:
    server.ask("FLUSHALL")
    return server


@pytest.fixture
async def client(api: Api, server: KeyServer) -> httpx.AsyncClient:
    return await put_resource(api, "redis", server.resource())


def fill_texts(server: KeyServer) -> None:
    """What Upstash's REST API can carry, too."""
    with PlainClient(server.port) as client:
        for number, text in enumerate(TEXTS):
            client.ask("SET", f"text:{number}", text)
            client.ask("HSET", "hash", text, TEXTS[-number])
            client.ask("RPUSH", "list", text, text)
            client.ask("SADD", "set", text)
            client.ask("ZADD", "zset", (number - 4) / 3, text)
            client.ask("XADD", "stream", f"{number}-1", text, "first", text, "second")
        client.ask("ZADD", "zset", "inf", "most", "-inf", "least")
        client.ask("SET", "short", "lived", "PX", 5_000_000)
        client.ask("SET", "$odd {key}", "x")


def fill(server: KeyServer) -> None:
    fill_texts(server)
    every = bytes(range(256))
    with PlainClient(server.port) as client:
        client.ask("SET", every, every)
        client.ask("HSET", b"\xffhash", every, every, "plain", b"\xfe")
        client.ask("ZADD", b"\xffzset", "0.1", every)
        client.ask("XADD", b"\xffstream", "7-7", every, every)
        client.ask("SET", "long", b"x\x00\xff" * 1_000_000)
        client.ask("HSET", "wide", *(f"f{n}" for n in range(5000)))
        client.ask("RPUSH", "row", *range(5000))
        client.ask("ZADD", "scores", *(word for n in range(2500) for word in (n / 7, f"m{n}")))
        for number in range(1500):
            client.ask("XADD", "events", f"{number + 1}-0", "n", number)
        client.ask("XADD", "grouped", "1-0", "n", 1)
        client.ask("XGROUP", "CREATE", "grouped", "readers", "0")
        client.ask("XREADGROUP", "GROUP", "readers", "me", "STREAMS", "grouped", ">")
        client.ask("XADD", "shortened", "1-0", "n", 1)
        client.ask("XADD", "shortened", "2-0", "n", 2)
        client.ask("XDEL", "shortened", "2-0")
        client.ask("XGROUP", "CREATE", "empty", "readers", "$", "MKSTREAM")
        client.ask("MSET", *(word for number in range(1500) for word in (f"many:{number}", number)))


def content(server: KeyServer) -> dict[bytes, Any]:
    """All that is there, as the server itself tells; a set and a hash have no order."""
    with PlainClient(server.port) as client:
        return {key: _content(client, key) for key in client.ask("KEYS", "*")}


def _content(client: PlainClient, key: bytes) -> Any:
    kind = client.ask("TYPE", key)
    ends = client.ask("PTTL", key) > 0
    match kind:
        case "string":
            return kind, ends, client.ask("GET", key)
        case "list":
            return kind, ends, client.ask("LRANGE", key, 0, -1)
        case "set":
            return kind, ends, sorted(client.ask("SMEMBERS", key))
        case "hash":
            return kind, ends, sorted(zip(*[iter(client.ask("HGETALL", key))] * 2, strict=True))
        case "zset":
            return kind, ends, client.ask("ZRANGE", key, 0, -1, "WITHSCORES")
    told = client.ask("XINFO", "STREAM", key)
    last = told[told.index(b"last-generated-id") + 1]
    return kind, ends, client.ask("XRANGE", key, "-", "+"), client.ask("XINFO", "GROUPS", key), last


async def exported(client: httpx.AsyncClient, form: str, **body: Any) -> bytes:
    answer = await client.post(f"{W}/databases/export", json={"resource": PATH, **KEYS, "format": form, **body})
    assert answer.is_success, answer.text
    return answer.content


async def imported(client: httpx.AsyncClient, file: bytes, form: str, *, status: int = 200, **query: Any) -> Any:
    given = {"resource": PATH, **KEYS, "format": form, **query}
    answer = await client.post(f"{W}/databases/import_file", params=given, content=file)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.text


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
async def test_all_keys_come_back_as_they_were(client: httpx.AsyncClient, server: KeyServer, form: str) -> None:
    fill(server)
    before = content(server)
    file = await exported(client, form)
    assert content(server) == before
    server.ask("FLUSHALL")
    count = {"rows": len(before)}
    assert await imported(client, file, form, dry_run=True) == {**count, "applied": False}
    assert server.ask("DBSIZE") == 0
    assert await imported(client, file, form) == {**count, "applied": True}
    assert content(server) == before
    assert 4_000_000 < server.ask("PTTL", "short") <= 5_000_000


async def test_fields_of_hashes_keep_their_ends(api: Api, database_servers: DatabaseServers) -> None:
    server = emptied(database_servers.get("valkey", start_valkey))
    client = await put_resource(api, "redis", server.resource())
    server.ask("HSET", "session", "user", "ann", "token", "t", "raw", b"\xff")
    server.ask("HPEXPIRE", "session", 900_000, "FIELDS", 2, "token", "raw")
    file = await exported(client, "csv")
    server.ask("FLUSHALL")
    await imported(client, file, "csv")
    ends = server.ask("HPTTL", "session", "FIELDS", 3, "user", "token", "raw")
    assert [end > 800_000 for end in ends] == [False, True, True]
    assert server.ask("HGET", "session", "raw") == b"\xff"


async def test_over_the_api_of_upstash(api: Api, database_servers: DatabaseServers) -> None:
    server = emptied(database_servers.get("redis", start_redis))
    fill_texts(server)
    before = content(server)
    with upstash(server, "rest-token-4711") as url:
        client = await put_resource(api, "upstash", {"url": url, "token": "rest-token-4711"})
        file = await exported(client, "json")
        server.ask("FLUSHALL")
        assert (await imported(client, file, "json"))["rows"] == len(before)
        assert content(server) == before
        server.ask("SET", "bytes", b"\xff")
        file = await exported(client, "json", query="bytes")
        assert b'"$base64"' in file
        server.ask("FLUSHALL")
        told = await imported(client, file, "json", status=422)
        assert "no text" in told
    assert server.ask("DBSIZE") == 0


async def test_filters_and_one_key(client: httpx.AsyncClient, server: KeyServer) -> None:
    fill_texts(server)
    some = [json.loads(line) for line in (await exported(client, "json", query="text:[01]")).splitlines()]
    assert sorted((each["key"], each["type"], each["value"]) for each in some) == [
        ("text:0", "string", "plain"), ("text:1", "string", ""),
    ]  # fmt: skip
    lists = await exported(client, "json", filters=[{"column": "type", "operator": "=", "value": "list"}])
    assert [json.loads(line)["key"] for line in lists.splitlines()] == ["list"]
    one = json.loads(await exported(client, "json", schema="key", table="short"))
    assert (one["key"], one["value"], 0 < one["ttl_ms"] <= 5_000_000) == ("short", "lived", True)
    assert "no key" in await ask(client, "export", schema="key", table="nothing", status=404)
    to = {"s3": "windmill_uploads/keys.jsonl"}
    assert await ask(client, "export", **KEYS, format="json", to=to) == {"object": to}
    server.ask("FLUSHALL")
    assert (await ask(client, "import", **KEYS, format="json", **{"from": to}))["rows"] == len(TEXTS) + 7


async def test_tables_of_ones_own_are_imported(client: httpx.AsyncClient, server: KeyServer) -> None:
    file = b'name,what,kind\nuser:1,"{""name"": ""Ann"", ""age"": 12.50}",hash\ngreeting,hello,\n'
    columns = json.dumps({"name": "key", "what": "value", "kind": "type"})
    assert (await imported(client, file, "csv", columns=columns))["rows"] == 2
    assert server.ask("HMGET", "user:1", "name", "age") == [b"Ann", b"12.50"]
    assert server.ask("GET", "greeting") == b"hello"


@pytest.mark.parametrize(
    ("lines", "status", "told"),
    [
        (['{"key": "taken", "value": "new"}'], 409, 'Line 2: there is a key "taken" already'),
        (['{"key": "a", "value": "x"}'], 400, 'Line 2: the key "a" is there in line 1'),
        (['{"key": "b", "value": true}'], 400, "Line 2: the value"),
        (['{"key": "b", "type": "zset", "value": {"m": "many"}}'], 422, "Line 2: ERR value is not a valid float"),
        (['{"key": "a", "part": 3, "value": "x"}'], 400, "Line 2: part 3"),
        (['{"key": "b", "part": 2, "value": "x"}'], 400, "Line 2: part 2"),
        (['{"key": "b", "type": "x", "value": {"$dump": "AAAA"}}'], 422, "Line 2: ERR"),
        (["b"], 400, "Line 2 is no JSON object"),
    ],
)
async def test_what_does_not_fit_is_named_and_nothing_stays(
    client: httpx.AsyncClient, server: KeyServer, lines: list[str], status: int, told: str
) -> None:
    server.ask("SET", "taken", "before")
    file = "\n".join(['{"key": "a", "value": "first"}', *lines]).encode()
    answer = await imported(client, file, "json", status=status)
    assert told in answer
    assert server.ask("KEYS", "*") == [b"taken"]
    assert server.ask("GET", "taken") == b"before"


async def test_a_cluster_gives_files_and_takes_none(api: Api, database_servers: DatabaseServers) -> None:
    nodes = database_servers.get("redis-cluster", start_cluster)
    for each in nodes:
        each.ask("FLUSHALL")
    client = await put_resource(api, "redis", nodes[0].resource())
    for number in range(30):
        change = {**KEYS, "kind": "insert", "values": {"key": f"k{number}", "value": {"n": str(number)}}}
        await ask(client, "change", changes=[change])
    file = await exported(client, "json")
    assert sorted(json.loads(line)["key"] for line in file.splitlines()) == sorted(f"k{n}" for n in range(30))
    assert "script" in await imported(client, file, "json", status=501)
