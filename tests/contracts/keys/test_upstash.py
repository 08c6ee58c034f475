"""Scripts for Upstash over its REST API; its official client vouches for the stand-in."""

import base64
from typing import Any

import pytest
from upstash_redis import Redis

from tests.contracts.keys.conftest import TOKEN
from tests.key_servers import KeyServer
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.errors import (
    AddressClosed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    InvalidScript,
    QueryFailed,
    TooLarge,
)
from tidemill.queries.redis import RedisRunner
from tidemill.stores import connection_tests

HERE = "# database f/shop/keys\n"


def test_the_official_client_is_content_with_the_stand_in(rest_url: str) -> None:
    with Redis(url=rest_url, token=TOKEN, allow_telemetry=False, rest_retries=0) as client:
        use(client)


def use(client: Redis) -> None:
    assert client.set("k", "é\n☃") is True
    assert client.get("k") == "é\n☃"
    assert client.hset("h", values={"a": "1", "b": "2"}) == 2
    assert client.hgetall("h") == {"a": "1", "b": "2"}
    assert client.rpush("l", "x", "y") == 2
    assert client.lrange("l", 0, -1) == ["x", "y"]
    assert client.get("none") is None
    pipeline = client.pipeline()
    pipeline.incr("n")
    pipeline.get("n")
    assert pipeline.exec() == [1, "1"]
    together = client.multi()
    together.incr("n")
    together.get("n")
    assert together.exec() == [2, "2"]
    assert client.eval("return ARGV[1]", args=["v"]) == "v"
    with pytest.raises(Exception, match="WRONGTYPE"):
        client.lpush("k", "x")


async def test_commands_replies_and_arguments(over_rest: Runs) -> None:
    content = HERE + '# key (string)\nSET $key "é ☃"\nGET $key'
    assert await over_rest(content, {"key": "a b"}) == "é ☃"
    assert await over_rest(HERE + "# result_collection=all\nSET n 5\nINCR n\nGET none\nLPUSH l a b\nLRANGE l 0 -1") == [
        "OK", 6, None, 2, ["b", "a"],
    ]  # fmt: skip
    assert await over_rest(HERE + "# pipeline\n# result_collection=all\nINCR n\nGET n") == [7, "7"]
    assert await over_rest(HERE + "# transaction\n# result_collection=all\nINCR n\nGET n") == [8, "8"]
    assert await over_rest(HERE + "MULTI\nINCR n\nEXEC") == [9]
    assert await over_rest(HERE + "EVAL \"return {1, 'x'}\" 0") == [1, "x"]
    assert await over_rest(HERE + "SET ok OK\nGET ok") == "OK"
    assert over_rest.host.touches[0] == ("database", "f/shop/keys", True)


async def test_stored_bytes_arrive_and_bytes_to_be_sent_are_refused(over_rest: Runs, redis_server: KeyServer) -> None:
    redis_server.ask("SET", "k", bytes(range(256)))
    assert await over_rest(HERE + "GET k") == {"$base64": base64.b64encode(bytes(range(256))).decode()}
    with pytest.raises(QueryFailed, match=r"bytes that are no text.*over TLS"):
        await over_rest(HERE + r'SET k "\xff"')


async def test_errors_are_the_servers_own_words_with_the_line(over_rest: Runs) -> None:
    with pytest.raises(QueryFailed, match=r"^Line 3, INCR: ERR value is not an integer"):
        await over_rest(HERE + "SET a x\nINCR a")
    with pytest.raises(QueryFailed, match=r"^Line 4, INCR: .*The other 1 commands"):
        await over_rest(HERE + "# transaction\nSET a x\nINCR a")
    with pytest.raises(QueryFailed, match=r"^Line 3: .*EXECABORT"):
        await over_rest(HERE + "# transaction\nGET a b c")
    with pytest.raises(QueryFailed, match="WATCH needs a connection of its own"):
        await over_rest(HERE + "WATCH a")


async def test_read_only_large_and_streamed(over_rest: Runs, redis_server: KeyServer) -> None:
    with pytest.raises(InvalidScript, match="Line 3: the script is read_only, and SET may write"):
        await over_rest(HERE + "# read_only\nSET a 1")
    assert await over_rest(HERE + "# read_only\nGET a") is None
    redis_server.ask("RPUSH", "l", *range(3000))
    with pytest.raises(TooLarge, match="more than 500 bytes"):
        await over_rest(HERE + "LRANGE l 0 -1", max_result_bytes=500)
    await over_rest(HERE + "# s3 prefix=out\nLRANGE l 0 -1", job_id="1")
    assert len(over_rest.host.objects["out/1.json"].splitlines()) == 3000
    with pytest.raises(QueryFailed, match="streams the members"):
        await over_rest(HERE + "# s3\nPING")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token": "wrong-token-4712"}, r"refuses the token of the resource \(HTTP 401\)"),
        ({"url": "http://127.0.0.1:1"}, "cannot be reached.*Look at url"),
        ({"url": "https://unknown.invalid"}, "cannot be reached"),
    ],
)
async def test_api_that_cannot_be_used_is_told_without_the_token(
    over_rest: Runs, changes: dict[str, Any], message: str
) -> None:
    value = {**over_rest.host.resources["f/shop/keys"], **changes}
    with pytest.raises(ConnectionFailed, match=message) as failed:
        await over_rest("PING", {"database": value})
    assert value["token"] not in str(failed.value)
    with pytest.raises(Conflict):
        await connection_tests.tester_of("upstash", EVERYWHERE).test(value)


async def test_connection_test_says_what_answered(over_rest: Runs) -> None:
    value = over_rest.host.resources["f/shop/keys"]
    assert "REST" in await connection_tests.tester_of("upstash", EVERYWHERE).test(value)


@pytest.mark.parametrize(
    "value",
    [
        {"url": "http://example.com", "token": "t"},
        {"url": "https://user@example.com", "token": "t"},
        {"url": "https://example.com/?a", "token": "t"},
        {"url": "file:///etc/passwd", "token": "t"},
        {"url": "https://[", "token": "t"},
        {"token": "t"},
        {"url": "https://example.com", "token": "a\r\nb"},
        {"url": "https://example.com", "token": 5},
    ],
)
async def test_wrong_resource_is_refused(over_rest: Runs, value: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"The field (url|token)"):
        await over_rest("PING", {"database": value})


async def test_closed_addresses_are_not_connected_to(rest_url: str) -> None:
    runner = RedisRunner(Egress(Reach.PUBLIC))
    try:
        with pytest.raises(AddressClosed):
            await Runs("upstash", runner, QueryHost())("PING", {"database": {"url": rest_url, "token": TOKEN}})
    finally:
        await runner.close()


async def test_the_same_language_speaks_to_upstash_as_to_redis(over_rest: Runs, redis_server: KeyServer) -> None:
    """Over TLS Redis, in the shape that Windmill's users have."""
    place = {"servers": [{"host": "localhost", "port": redis_server.tls_port}], "tls": True}
    value = redis_server.resource(**place, root_certificate_pem=redis_server.authority.pem)
    assert await over_rest("SET a 1\nGET a", {"database": value}) == "1"
