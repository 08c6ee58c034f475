"""Scripts for Redis on real servers, as the worker runs them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.key_servers import PASSWORD, KeyServer
from tests.query_host import QueryHost, Runs
from tests.reliability.fault_proxy import fault_proxy
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
from tidemill.stores.keys import connection

HERE = "# database f/shop/keys\n"


async def test_commands_replies_and_arguments(run: Runs) -> None:
    content = HERE + '# key (string)\n# seconds (int) = 60\nSET $key "hello world" EX $seconds\nTTL $key\nGET $key\n'
    assert await run(content, {"key": "k"}) == "hello world"
    assert await run(HERE + "# result_collection=all\n" + content.removeprefix(HERE), {"key": "k"}) == [
        "OK", 60, "hello world",
    ]  # fmt: skip
    assert await run(HERE + "GET nothing") is None
    assert await run(HERE + "LPUSH l a b\nLRANGE l 0 -1") == ["b", "a"]
    assert await run(HERE + "HSET h f v g w\nHGETALL h") == {"f": "v", "g": "w"}
    assert await run(HERE + "ZADD z 1.5 m\nZSCORE z m") == 1.5
    assert sorted(await run(HERE + "SADD s a b\nSMEMBERS s")) == ["a", "b"]
    assert await run(HERE + "SET n 9007199254740993\nINCR n") == 9007199254740994
    assert await run(HERE + "# big_numbers=string\nINCR n") == "9007199254740995"
    assert run.host.touches[0] == ("database", "f/shop/keys", True)
    assert run.host.touches[2] == ("database", "f/shop/keys", False)
    with pytest.raises(BadRequest, match=r"Argument key \(string\) is missing"):
        await run(content)
    with pytest.raises(BadRequest, match="Missing database argument"):
        await run("PING")


async def test_every_type_of_reply(run: Runs) -> None:
    """The server's own DEBUG command gives one of each."""
    typed = HERE + "# replies=typed\nDEBUG PROTOCOL "
    assert await run(typed + "string") == "Hello World"
    assert await run(typed + "integer") == 12345
    assert await run(typed + "double") == {"$double": "3.141"}
    assert await run(typed + "null") is None
    assert await run(typed + "array") == [0, 1, 2]
    assert await run(typed + "set") == {"$set": [0, 1, 2]}
    assert await run(typed + "map") == {"$map": [[0, False], [1, True], [2, False]]}
    assert await run(typed + "bignum") == {"$bignumber": "1234567999999999999999999999999999999"}
    assert await run(typed + "true") is True
    assert await run(typed + "false") is False
    assert await run(typed + "verbatim") == {"$verbatim": ["txt", "This is a verbatim\nstring"]}
    assert await run(typed + "attrib") == "Some real reply following the attribute"
    plain = HERE + "DEBUG PROTOCOL "
    assert await run(plain + "double") == 3.141
    assert await run(plain + "bignum") == 1234567999999999999999999999999999999
    assert await run(plain + "verbatim") == "This is a verbatim\nstring"
    assert await run(plain + "set") == [0, 1, 2]
    assert await run(plain + "map") == {"$map": [[0, False], [1, True], [2, False]]}
    assert await run(HERE + "# replies=typed\nPING") == {"$simple": "PONG"}


async def test_bytes_arrive_as_they_are(run: Runs, key_server: KeyServer) -> None:
    every = bytes(range(256)) + b"\r\n$5\r\n*1\r\n"
    content = HERE + "# raw (binary)\nSET k $raw\nGET k"
    assert await run(content, {"raw": base64.b64encode(every).decode()}) == {
        "$base64": base64.b64encode(every).decode()
    }
    assert key_server.ask("GET", "k") == every
    await run(HERE + r'SET k "\x00\xff\r\nx"')
    assert key_server.ask("GET", "k") == b"\x00\xff\r\nx"
    injected = "x\r\nFLUSHALL\r\n"
    assert await run(HERE + "# key (string)\nSET $key 1\nEXISTS $key k", {"key": injected}) == 2
    assert await run(HERE + "# key (string)\nGET $key", {"key": "k' GET"}) is None


async def test_first_error_ends_the_script_with_the_servers_words_and_the_line(run: Runs) -> None:
    with pytest.raises(QueryFailed, match=r"^Line 3, INCR: ERR value is not an integer"):
        await run(HERE + "SET a x\nINCR a\nSET b 1")
    assert await run(HERE + "EXISTS b") == 0
    with pytest.raises(QueryFailed, match=r"^Line 2, LPUSH: WRONGTYPE"):
        await run(HERE + "LPUSH a y")
    with pytest.raises(QueryFailed, match=r"^Line 2, NONSENSE: ERR unknown command"):
        await run(HERE + "NONSENSE")


async def test_block_takes_effect_together(run: Runs) -> None:
    assert await run(HERE + "MULTI\nSET a 1\nINCR a\nEXEC") == ["OK", 2]
    assert await run(HERE + "# result_collection=all\nPING\nMULTI\nGET a\nEXEC\nMULTI\nSET a 9\nDISCARD") == [
        "PONG",
        ["2"],
    ]
    assert await run(HERE + "# transaction\nINCR a\nGET a") == "3"
    assert await run(HERE + "# transaction\n# result_collection=all\nINCR a\nGET a") == [4, "4"]
    with pytest.raises(QueryFailed, match=r"^Line 3: ERR wrong number of arguments .*command 2.*nothing was done"):
        await run(HERE + "# transaction\nSET a 50\nGET a b c")
    assert await run(HERE + "GET a") == "4"
    with pytest.raises(QueryFailed, match=r"^Line 4, LPUSH: WRONGTYPE.* The other 1 commands .* were run nevertheless"):
        await run(HERE + "# transaction\nINCR a\nLPUSH a x")
    assert await run(HERE + "GET a") == "5"
    assert await run(HERE + "WATCH a\nSET a 7\nMULTI\nSET a 8\nEXEC") is None
    assert await run(HERE + "GET a") == "7"


async def test_pipeline_is_sent_together_and_all_of_it_is_run(run: Runs) -> None:
    many = "\n".join(f"SET k{number} {number}" for number in range(2000))
    assert await run(HERE + f"# pipeline\n{many}\nDBSIZE") == 2000
    with pytest.raises(QueryFailed, match=r"^Line 4, INCR: ERR .* The other 2 commands"):
        await run(HERE + "# pipeline\nSET a x\nINCR a\nSET b 1")
    assert await run(HERE + "GET b") == "1"


async def test_lua_functions_and_streams(run: Runs) -> None:
    script = "local v = redis.call('GET', KEYS[1])\nreturn {v, tonumber(ARGV[1]) + 1, {ok='fine'}}"
    await run(HERE + "SET a 1")
    assert await run(HERE + f'EVAL "{script}" 1 a 41') == ["1", 42, "fine"]
    assert await run(HERE + "# code (string)\nEVAL $code 0", {"code": "return ARGV"}) == []
    with pytest.raises(QueryFailed, match=r"Line 2, EVAL: .*went wrong"):
        await run(HERE + "EVAL \"return redis.error_reply('ERR went wrong')\" 0")
    library = "#!lua name=mine\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)"
    assert await run(HERE + "# code (string)\nFUNCTION LOAD $code\nFCALL twice 0 21", {"code": library}) == 42
    await run(HERE + "XADD s 1-1 f v\nXADD s 2-1 f w\nXGROUP CREATE s g 0")
    assert await run(HERE + "XRANGE s - +") == [["1-1", ["f", "v"]], ["2-1", ["f", "w"]]]
    assert await run(HERE + "XREADGROUP GROUP g c COUNT 1 STREAMS s >") == {"s": [["1-1", ["f", "v"]]]}
    assert await run(HERE + "XREAD BLOCK 1 STREAMS s $") is None


async def test_read_only_script_is_refused_before_anything_is_done(run: Runs) -> None:
    read = HERE + "# read_only\n"
    assert await run(read + "GET a\nMEMORY USAGE a\nPING\nEVAL_RO 'return 1' 0\nXREAD STREAMS s 0") is None
    for line in ("SET a 1", "EVAL 'return 1' 0", "FLUSHALL", "CONFIG SET maxmemory 1", "SORT a STORE b", "GETDEL a"):
        with pytest.raises(InvalidScript, match=r"^Line 4: the script is read_only, and \w+ may write"):
            await run(read + f"PING\n{line}")
    assert await run(HERE + "DBSIZE") == 0


async def test_members_are_streamed_to_an_object(run: Runs, key_server: KeyServer) -> None:
    key_server.ask("RPUSH", "l", *range(5000))
    pointer = await run(HERE + "# s3 prefix=out\nLRANGE l 0 -1", job_id="0190-job", max_result_bytes=1000)
    assert pointer == {"s3": "out/0190-job.json"}
    assert run.host.objects["out/0190-job.json"].splitlines() == [b'"%d"' % number for number in range(5000)]
    await run(HERE + "# s3 prefix=out format=csv\nLRANGE l 0 1", job_id="3")
    assert run.host.objects["out/3.csv"] == b"value\r\n0\r\n1\r\n"
    key_server.ask("SADD", "s", "only")
    await run(HERE + "# s3 prefix=set\nSMEMBERS s", job_id="1")
    assert run.host.objects["set/1.json"] == b'"only"\n'
    for line, message in (("GET s", "WRONGTYPE"), ("PING", "streams the members of a list or set")):
        with pytest.raises(QueryFailed, match=f"^Line 3, {line.split()[0]}: .*{message}"):
            await run(HERE + f"# s3 prefix=none\n{line}", job_id="2")
    assert "none/2.json" not in run.host.objects
    assert await run(HERE + "PING") == "PONG"


async def test_reply_that_is_too_large_is_an_error_and_the_next_script_works(run: Runs, key_server: KeyServer) -> None:
    key_server.ask("RPUSH", "l", *range(5000))
    key_server.ask("SET", "k", b"x" * 100_000)
    for line in ("LRANGE l 0 -1", "GET k", "LRANGE l 0 100"):
        with pytest.raises(TooLarge, match=r"more than 400 bytes\. Begin the script with `# s3`"):
            await run(HERE + line, max_result_bytes=400)
    assert await run(HERE + "PING", max_result_bytes=400) == "PONG"


async def test_canceled_script_is_ended_on_the_server(run: Runs, key_server: KeyServer) -> None:
    task = asyncio.create_task(run(HERE + "BLPOP nothing 0"))
    await until(lambda: len(clients(key_server, "blpop")) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clients(key_server, "blpop") == []


async def test_script_that_runs_for_ever_is_ended_after_its_time(run: Runs, key_server: KeyServer) -> None:
    key_server.ask("CONFIG", "SET", "busy-reply-threshold", 50)
    with pytest.raises(QueryFailed, match=r"longer than the 0\.3 s"):
        await run(HERE + "EVAL 'while true do end' 0", timeout_s=0.3)
    assert await run(HERE + "PING") == "PONG"
    with pytest.raises(QueryFailed, match=r"longer than the 0\.1 s"):
        await run(HERE + "BLPOP nothing 0", timeout_s=0.1)
    assert clients(key_server, "blpop") == []


async def until(claim: Callable[[], bool]) -> None:
    """Until it holds; fails after a while."""
    async with asyncio.timeout(20):
        while not claim():
            await asyncio.sleep(0.01)


def clients(server: KeyServer, command: str) -> list[str]:
    """Connections of ours whose last command was this; others may wait on behalf of the tests' own servers."""
    lines = server.ask("CLIENT", "LIST").decode().splitlines()
    return [line for line in lines if f" cmd={command} " in line and " name=tidemill " in line]


async def test_connection_is_used_again_and_never_with_what_another_script_left(
    run: Runs, key_server: KeyServer
) -> None:
    first = await run(HERE + "CLIENT ID")
    second = await run(HERE + "PING\nGET a")
    assert second is None
    assert await run(HERE + "SELECT 3\nSET a three\nGET a") == "three"
    assert await run(HERE + "GET a") is None
    ids = {await run(HERE + "ACL WHOAMI") for _ in range(3)}
    assert ids == {"default"}
    assert first
    other = Runs("redis", run.runner, QueryHost({"f/shop/keys": key_server.resource(db=3)}, identity="main/u/bob"))
    assert await other(HERE + "GET a") == "three"
    assert await run.runner.close_idle(1000) == 2  # type: ignore[func-returns-value]
    assert await run.runner.close_idle(0) == 0  # type: ignore[func-returns-value]
    await until(lambda: clients(key_server, "get") == [])


async def test_connection_that_the_server_closed_meanwhile_is_not_used(run: Runs, key_server: KeyServer) -> None:
    await run(HERE + "SET a 1")
    key_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await run(HERE + "GET a") == "1"


async def test_urls_and_shapes_of_resources(on_redis: Runs, redis_server: KeyServer) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:{redis_server.port}/2"
    assert await on_redis("SET u 1\nGET u", {"database": url}) == "1"
    assert await on_redis("GET u", {"database": {"url": url}}) == "1"
    assert await on_redis("GET u", {"database": redis_server.resource(db=2)}) == "1"
    several = {"servers": [{"host": "127.0.0.1", "port": 1}, {"host": "127.0.0.1", "port": redis_server.port}]}
    assert await on_redis("GET u", {"database": redis_server.resource(db=2, **several)}) == "1"
    redis_server.ask("ACL", "SETUSER", "reader", "on", ">read-4711", "~*", "+get", "+select", "+client|setname")
    reader = redis_server.resource(db=2, credential={"username": "reader", "password": "read-4711"})
    assert await on_redis("GET u", {"database": reader}) == "1"
    with pytest.raises(QueryFailed, match=r"Line 1, SET: NOPERM"):
        await on_redis("SET u 2", {"database": reader})


async def test_tls_is_verified(on_redis: Runs, redis_server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def secure(**fields: Any) -> dict[str, Any]:
        place = {"servers": [{"host": "localhost", "port": redis_server.tls_port}], "tls": True}
        return {"database": redis_server.resource(**{**place, **fields})}

    trusted = {"root_certificate_pem": redis_server.authority.pem}
    assert await on_redis("PING", secure(**trusted)) == "PONG"
    assert await on_redis("PING", secure(tls_verify=False)) == "PONG"
    with pytest.raises(ConnectionFailed, match="certificate is not trusted: put that of its authority"):
        await on_redis("PING", secure())
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)  # such a server waits for more, and so do we
    plain = [{"host": "localhost", "port": redis_server.port}]
    with pytest.raises(ConnectionFailed, match="set tls to false"):
        await on_redis("PING", secure(servers=plain, **trusted))
    with pytest.raises(ConnectionFailed, match=r"lost|no Redis"):
        await on_redis("PING", secure(tls=False))
    with pytest.raises(BadRequest, match="certificate of the database's resource cannot be read"):
        await on_redis("PING", secure(root_certificate_pem="nonsense"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"servers": [{"host": "127.0.0.1", "port": 1}]}, "Cannot connect to 127.0.0.1:1: .*Is the server running"),
        ({"servers": [{"host": "unknown.invalid"}]}, "Cannot find unknown.invalid: .*Look at the host"),
        ({"credential": {"password": "hunter2-secret"}}, "refuses the login: WRONGPASS.*Look at username"),
        ({"credential": {"username": "bob", "password": "hunter2-secret"}}, "refuses the login"),
        ({"credential": None}, "refuses the login: NOAUTH"),
        ({"db": 99}, "refuses the connection: ERR DB index is out of range"),
    ],
)
async def test_server_that_cannot_be_used_is_told_with_what_to_mend_and_without_secrets(
    on_redis: Runs, redis_server: KeyServer, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConnectionFailed, match=message) as failed:
        await on_redis("PING", {"database": redis_server.resource(**changes)})
    assert "hunter2" not in str(failed.value)
    with pytest.raises(Conflict) as told:
        await connection_tests.tester_of("redis", EVERYWHERE).test(redis_server.resource(**changes))
    assert "hunter2" not in str(told.value)


async def test_connection_test_says_what_answered(redis_server: KeyServer) -> None:
    told = await connection_tests.tester_of("redis", EVERYWHERE).test(redis_server.resource())
    assert told.startswith("Redis 7.")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"servers": []}, "servers"),
        ({"servers": [{"host": "a", "port": "x"}]}, "port"),
        ({"servers": [{"host": "a"}], "db": "x"}, "db"),
        ({"servers": [{"host": "a"}], "srv": True}, "srv"),
        ("http://a", "not a connection URL of redis"),
        (5, "must be an object"),
    ],
)
async def test_wrong_resource_is_refused_by_the_name_of_its_field(on_redis: Runs, value: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await on_redis("PING", {"database": value})


async def test_closed_addresses_are_not_connected_to(redis_server: KeyServer) -> None:
    runner = RedisRunner(Egress(Reach.PUBLIC))
    with pytest.raises(AddressClosed, match=r"127\.0\.0\.1 is not connected to"):
        await Runs("redis", runner, QueryHost())("PING", {"database": redis_server.resource()})


async def test_connection_that_is_lost_leaves_no_object(on_redis: Runs, redis_server: KeyServer) -> None:
    redis_server.ask("RPUSH", "l", *["x" * 1000] * 3000)
    with fault_proxy(("127.0.0.1", redis_server.port)) as proxy:
        far = redis_server.resource(servers=[{"host": proxy.host, "port": proxy.port}])
        await on_redis("PING", {"database": far})
        proxy.faults.cut_after = b"LRANGE"
        with pytest.raises(ConnectionFailed, match="was lost"):
            await on_redis("# s3 prefix=lost\nLRANGE l 0 -1", {"database": far})
        assert proxy.cuts == 1
    assert on_redis.host.objects == {}


@asynccontextmanager
async def stand_in(answer: Callable[[list[bytes]], bytes]) -> AsyncIterator[int]:
    """A server that gives what `answer` makes of each command; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            while count := (await reader.readline())[1:-2]:
                words = []
                for _ in range(int(count)):
                    size = int((await reader.readline())[1:-2])
                    words.append((await reader.readexactly(size + 2))[:-2])
                writer.write(answer(words))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_server_of_versions_before_6_is_spoken_to_as_it_knows(on_redis: Runs) -> None:
    """It has no HELLO, and maps are lists."""
    answers = {b"HELLO": b"-ERR unknown command 'HELLO'\r\n", b"HGETALL": b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n"}
    seen: list[list[bytes]] = []

    def answer(words: list[bytes]) -> bytes:
        seen.append(words)
        return answers.get(words[0], b"+OK\r\n")

    async with stand_in(answer) as port:
        value = {"tls": False, "servers": [{"host": "127.0.0.1", "port": port}], "credential": {"password": "p"}}
        assert await on_redis("HGETALL h", {"database": value}) == ["f", "v"]
        assert seen[1] == [b"AUTH", b"p"]
        await on_redis.runner.close()


async def test_cluster_is_followed_to_where_the_keys_are(on_redis: Runs, redis_server: KeyServer) -> None:
    """A node that has no key sends us to the real server."""
    there = b"127.0.0.1:%d" % redis_server.port
    seen: list[bytes] = []

    def answer(words: list[bytes]) -> bytes:
        seen.append(words[0])
        known = {
            b"HELLO": b"%0\r\n",
            b"EXEC": b"-EXECABORT Transaction discarded\r\n",
            b"INCR": b"-ASK 1 " + there + b"\r\n",
        }
        moved = b"-MOVED 1 " + there + b"\r\n"
        return known.get(words[0], moved if words[0] in {b"SET", b"GET"} else b"+OK\r\n")

    async with stand_in(answer) as port:
        value = redis_server.resource(servers=[{"host": "127.0.0.1", "port": port}])
        assert await on_redis("SET a 1\nGET a", {"database": value}) == "1"
        assert await on_redis("# transaction\nSET a 2\nGET a", {"database": value}) == "2"
        assert await on_redis("INCR a", {"database": value}) == 3
        await on_redis.runner.close()
    assert seen.count(b"GET") == 1, "what follows is asked where the keys are"
