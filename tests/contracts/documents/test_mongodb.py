"""Scripts for MongoDB on a real server, as the worker runs them."""

import asyncio
import io
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from struct import unpack
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from pymongo import pool_shared
from pymongo.pool_options import PoolOptions

from tests.contracts.documents.values import EVERY_TYPE
from tests.document_servers import DocumentServer
from tests.query_host import QueryHost, Runs
from tests.reliability.fault_proxy import fault_proxy
from tests.unit.documents.test_bson import TREES, has_deprecated
from tidemill.engine.documents.bson_json import to_json
from tidemill.engine.documents.bson_tree import Tree, Typed, to_bson
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.errors import (
    AddressClosed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    InterpolationFailed,
    InvalidScript,
    QueryFailed,
    TooLarge,
)
from tidemill.queries.mongodb import MongoRunner
from tidemill.stores import connection_tests
from tidemill.stores.documents.mongodb_reach import reaching

HERE = "# database f/shop/store\n"
OPEN = Path("/proc/self/fd")
Resource = Callable[..., dict[str, Any]]


async def filled(run: Runs, count: int = 5, size: int = 0) -> None:
    documents = [
        {"_id": number, "name": f"n{number}", "age": number * 10, "pad": "x" * size} for number in range(count)
    ]
    await run(HERE + "# documents (object[])\ncollection: users\ninsert: {$arg: documents}", {"documents": documents})


async def test_every_operation(run: Runs) -> None:
    users = HERE + "collection: users\n"
    one = await run(users + "insert: {_id: 1, n: 1}")
    assert one == {
        "insertedCount": 1, "matchedCount": 0, "modifiedCount": 0, "deletedCount": 0, "upsertedCount": 0,
        "insertedIds": [1],
    }  # fmt: skip
    made = (await run(users + "insert: [{n: 2}, {n: 3}]"))["insertedIds"]
    assert [list(each) for each in made] == [["$oid"], ["$oid"]]
    assert await run(users + "find: {n: {$gte: 2}}\nsort: {n: -1}\nprojection: {_id: 0}") == [{"n": 3}, {"n": 2}]
    assert await run(users + "find: {}\nlimit: 1\nskip: 1\nprojection: {_id: 0, n: 1}") == [{"n": 2}]
    assert await run(users + "findOne: {_id: 1}") == {"_id": 1, "n": 1}
    assert await run(users + "findOne: {_id: 7}") is None
    assert await run(users + "count: {n: {$gt: 1}}") == 2
    assert await run(users + "distinct: n\nquery: {n: {$lt: 3}}") == [1, 2]
    assert await run(users + "aggregate: [{$group: {_id: null, total: {$sum: $n}}}]") == [{"_id": None, "total": 6}]
    changed = await run(users + "update: {filter: {n: {$gt: 1}}, update: {$inc: {n: 10}}, multi: true}")
    assert (changed["matchedCount"], changed["modifiedCount"]) == (2, 2)
    first = await run(users + "update: {filter: {n: {$gt: 1}}, update: {$set: {x: 1}}}")
    assert first["matchedCount"] == 1
    upserted = await run(users + "update: {filter: {_id: 9}, update: {n: 9}, upsert: true}")
    assert (upserted["upsertedCount"], upserted["upsertedIds"]) == (1, [9])
    computed = await run(users + "update: {filter: {_id: 9}, update: [{$set: {m: {$add: [$n, 1]}}}]}")
    assert computed["modifiedCount"] == 1
    assert await run(users + "findOne: {_id: 9}") == {"_id": 9, "n": 9, "m": 10}
    assert (await run(users + "delete: {filter: {n: {$gt: 9}}}"))["deletedCount"] == 1
    assert (await run(users + "delete: {filter: {}, multi: true}"))["deletedCount"] == 3
    bulk = await run(
        users
        + "bulkWrite:\n- insertOne: {document: {_id: 1}}\n- updateOne: {filter: {_id: 1}, update: {$set: {a: 1}}}\n"
        "- updateMany: {filter: {}, update: {$set: {b: 1}}}\n- replaceOne: {filter: {_id: 1}, replacement: {c: 1}}\n"
        "- deleteOne: {filter: {_id: 1}}\n- deleteMany: {filter: {}}"
    )
    assert (bulk["insertedCount"], bulk["modifiedCount"], bulk["deletedCount"]) == (1, 3, 1)
    assert await run(HERE + "command: {ping: 1}") == {"ok": 1.0}
    assert {"users"} <= {each["name"] for each in await run(HERE + "command: {listCollections: 1}")}
    assert "databases" in await run(HERE + "command: {listDatabases: 1, nameOnly: true}\nadmin: true")
    assert await run(HERE + "db: elsewhere\ncollection: none\nfind: {}") == []
    assert run.host.touches[0] == ("database", "f/shop/store", True)
    assert run.host.touches[3] == ("database", "f/shop/store", False)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("", [{"_id": 1, "a": "x"}, {"_id": 2, "a": "y"}]),
        ("last_statement_all_rows", [{"_id": 1, "a": "x"}, {"_id": 2, "a": "y"}]),
        ("last_statement_first_row", {"_id": 1, "a": "x"}),
        ("last_statement_all_rows_scalar", [1, 2]),
        ("last_statement_first_row_scalar", 1),
        ("all_statements_all_rows", [[], [{"_id": 1, "a": "x"}, {"_id": 2, "a": "y"}]]),
        ("all_statements_first_row", [None, {"_id": 1, "a": "x"}]),
        ("all_statements_all_rows_scalar", [[], [1, 2]]),
        ("all_statements_first_row_scalar", [None, 1]),
    ],
)
async def test_result_collection(run: Runs, mode: str, expected: Any) -> None:
    await run(HERE + "collection: c\ninsert: [{_id: 1, a: x}, {_id: 2, a: y}]")
    option = f"# result_collection={mode}\n" if mode else ""
    assert await run(HERE + option + "collection: c\nfind: {_id: 9}\n---\ncollection: c\nfind: {}") == expected


async def test_every_type_is_stored_and_read_back_as_it_was_given(run: Runs) -> None:
    content = HERE + "# v (object)\ncollection: types\ninsert: {_id: 1, v: {$arg: v}}"
    await run(content, {"v": EVERY_TYPE})
    canonical = await run(HERE + "# extended_json=canonical\ncollection: types\nfindOne: {}")
    assert canonical["v"] == EVERY_TYPE
    relaxed = await run(HERE + "collection: types\nfindOne: {}")
    assert relaxed["v"]["long"] == 5
    assert relaxed["v"]["beyond"] == EVERY_TYPE["beyond"]
    assert relaxed["v"]["date"] == {"$date": "2024-01-02T03:04:05.678Z"}
    await run(HERE + "# v (object)\ncollection: types\nupdate: {filter: {_id: 1}, update: {v: {$arg: v}}}", relaxed)
    again = await run(HERE + "collection: types\nfindOne: {}")
    assert again["v"] == relaxed["v"]


FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, where the stand-in ends."""


def is_kept(value: Tree) -> bool:
    """Whether the stand-in keeps it as it is: it is written in Python, with the driver's own types."""
    if isinstance(value, Typed):
        is_date = value.kind == 0x09
        return not has_deprecated(value) and (not is_date or FIRST_MS <= unpack("<q", value.payload)[0] <= LAST_MS)
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(is_kept, children))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=TREES.map(lambda tree: {name: value for name, value in tree.items() if is_kept(value)}))
async def test_any_document_comes_back(run: Runs, tree: dict[str, Tree]) -> None:
    given_as = json.loads(to_json(to_bson(tree), is_canonical=True))
    found = await run(
        HERE + "# v (object)\n# extended_json=canonical\ncollection: any\ndelete: {filter: {}, multi: true}\n---\n"
        "collection: any\ninsert: {_id: 1, v: {$arg: v}}\n---\ncollection: any\nfindOne: {_id: 1}",
        {"v": given_as},
    )
    assert found["v"] == given_as


async def test_arguments_come_from_defaults_and_the_database_from_an_argument(run: Runs, resource: Resource) -> None:
    content = "# least (int) = 20\n# name (string) = null\ncollection: users\nfind: {age: {$gte: {$arg: least}}}"
    await filled(run)
    assert len(await run(content, {"database": resource()})) == 3
    assert len(await run(content, {"database": "$res:f/shop/store", "least": 40})) == 1
    port = resource()["servers"][0]["port"]
    url = f"mongodb://127.0.0.1:{port}/{resource()['db']}?directConnection=true"
    assert len(await run(content, {"database": url, "unknown": 1})) == 3
    assert len(await run(content, {"database": {"url": url}, "least": 40})) == 1
    with pytest.raises(BadRequest, match="Missing database argument"):
        await run(content)
    with pytest.raises(InterpolationFailed):
        await run("# database f/not/there\ncollection: a\nfind: {}")
    with pytest.raises(BadRequest, match=r"Argument id \(int\) is missing"):
        await run(HERE + "# id (int)\ncollection: users\nfind: {_id: {$arg: id}}")


async def test_operators_in_arguments_find_nothing_where_values_are_compared(run: Runs) -> None:
    await run(HERE + "collection: users\ninsert: {name: ada, password: secret}")
    login = (
        HERE
        + "# name (any)\n# password (any)\ncollection: users\nfind: {name: {$arg: name}, password: {$arg: password}}"
    )
    for attempt in (
        {"$ne": None},
        {"$gt": ""},
        {"$regex": ".*"},
        {"$regularExpression": {"pattern": ".", "options": ""}},
    ):
        assert await run(login, {"name": "ada", "password": attempt}) == []
    assert len(await run(login, {"name": "ada", "password": "secret"})) == 1
    expression = HERE + "# p (string)\ncollection: users\naggregate: [{$match: {$expr: {$eq: [$password, {$arg: p}]}}}]"
    assert await run(expression, {"p": "$password"}) == []
    assert len(await run(expression, {"p": "secret"})) == 1


async def test_transaction_is_all_or_nothing(run: Runs) -> None:
    await run(HERE + "collection: a\ninsert: {_id: 1}")
    both = HERE + "# transaction\ncollection: a\ninsert: {_id: 2}\n---\ncollection: a\ninsert: {_id: %d}"
    with pytest.raises(QueryFailed, match=r"^Line 7, write 1 of 1: .*duplicate key"):
        await run(both % 1)
    assert await run(HERE + "collection: a\ncount: {}") == 1
    await run(both % 3)
    assert await run(HERE + "collection: a\ncount: {}") == 3
    seen = HERE + "# transaction\n# result_collection=all_statements_all_rows\ncollection: a\ninsert: {_id: 4}\n---\n"
    assert len((await run(seen + "collection: a\nfind: {}"))[1]) == 4


async def test_object_of_a_transaction_is_there_only_once_it_is_committed(
    run: Runs, mongo_server: DocumentServer
) -> None:
    content = "# transaction\n# s3 prefix=out\ncollection: a\ninsert: {_id: 1}\n---\ncollection: a\nfind: {}"
    await run(HERE + "collection: a\ninsert: {_id: 0}")
    with fault_proxy(("127.0.0.1", mongo_server.port)) as proxy:
        run.host.resources["f/far/store"] = {
            **run.host.resources["f/shop/store"], "retryWrites": False,
            "servers": [{"host": proxy.host, "port": proxy.port}],
        }  # fmt: skip
        proxy.faults.cut_after = b"commitTransaction"
        with pytest.raises((ConnectionFailed, QueryFailed)):  # whether it was committed is not known
            await run(f"# database f/far/store\n{content}", job_id="1", timeout_s=2.0)
        assert proxy.cuts >= 1
    assert run.host.objects == {}
    await run(HERE + "collection: a\ndelete: {filter: {_id: 1}}")
    assert await run(HERE + content, job_id="2") == {"s3": "out/2.json"}
    assert run.host.objects["out/2.json"].splitlines()[-1] == b'{"_id":1}'


async def test_transaction_that_is_canceled_leaves_nothing(run: Runs, mongo_server: DocumentServer) -> None:
    await run(HERE + "collection: a\ninsert: {_id: 1}")
    with fault_proxy(("127.0.0.1", mongo_server.port)) as proxy:
        run.host.resources["f/slow/store"] = {
            **run.host.resources["f/shop/store"], "servers": [{"host": proxy.host, "port": proxy.port}],
        }  # fmt: skip
        content = (
            "# database f/slow/store\n# transaction\ncollection: a\ninsert: {_id: 2}\n---\ncollection: a\nfind: {}"
        )
        await run("# database f/slow/store\ncollection: a\nfind: {}")
        proxy.faults.cut_after = b"killSessions"
        proxy.faults.delay_s = 0.3
        task = asyncio.create_task(run(content))
        await asyncio.sleep(0.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert proxy.cuts == 1, "the server was not told to end what the session runs"
    assert await run(HERE + "collection: a\ncount: {}") == 1


async def test_rows_are_streamed_as_tables(run: Runs) -> None:
    dates = "{$date: 2024-02-29T12:00:00Z}"
    insert = (
        f"insert: [{{_id: 1, at: {dates}, tags: [a, 1]}}, {{_id: 2, name: 'x, y', price: {{$numberDecimal: '1.50'}}}}]"
    )
    await run(HERE + f"collection: mixed\n{insert}")
    find = "collection: mixed\nfind: {}\nsort: {_id: 1}"
    assert await run(HERE + f"# s3 prefix=t format=csv\n{find}", job_id="1") == {"s3": "t/1.csv"}
    assert run.host.objects["t/1.csv"].decode() == (
        "_id,at,tags,name,price\r\n"
        '1,2024-02-29 12:00:00 UTC,"[""a"",1]",,\r\n'
        '2,,,"x, y",1.50\r\n'
    )  # fmt: skip
    assert await run(HERE + f"# s3 prefix=t format=parquet\n{find}", job_id="2") == {"s3": "t/2.parquet"}
    table = pq.read_table(io.BytesIO(run.host.objects["t/2.parquet"]))
    assert table.to_pydict() == {
        "_id": [1, 2], "at": [datetime(2024, 2, 29, 12, tzinfo=UTC), None], "tags": ['["a",1]', None],
        "name": [None, "x, y"], "price": [None, "1.50"],
    }  # fmt: skip
    await filled(run, 1100)
    await run(HERE + "collection: users\nupdate: {filter: {_id: 1050}, update: {$set: {late: 1}}}")
    with pytest.raises(QueryFailed, match="has the field 'late', which none of the first 1000 has"):
        await run(HERE + "# s3 prefix=t format=csv\ncollection: users\nfind: {}\nsort: {_id: 1}", job_id="3")
    assert "t/3.csv" not in run.host.objects


async def test_rows_are_streamed_to_an_object_as_json_lines(run: Runs) -> None:
    await filled(run, 1200)
    stream = "# s3 prefix=exports storage=lake\ncollection: users\nfind: {}\nsort: {_id: 1}\nbatchSize: 100"
    pointer = await run(HERE + stream, job_id="0190-job")
    assert pointer == {"s3": "exports/0190-job.json", "storage": "lake"}
    lines = run.host.objects["exports/0190-job.json"].splitlines()
    assert [json.loads(line)["_id"] for line in lines] == list(range(1200))
    usual = await run(HERE + "# s3\ncollection: users\nfind: {_id: 1}", job_id="0190-job")
    assert usual == {"s3": "wmill_datalake/f/team/script/0190-job/0190-job.json"}
    preview = await run(HERE + "# s3\ncollection: users\nfind: {_id: 1}", job_id="0190-job", path="")
    assert preview == {"s3": "wmill_datalake/u/alice/0190-job/0190-job.json"}
    copied = HERE + "# rows (s3object)\ncollection: copies\ninsert: {$arg: rows}"
    told = await run(copied, {"rows": pointer})
    assert told["insertedCount"] == 1200
    assert "insertedIds" not in told
    with pytest.raises(InvalidScript, match="leave out result_collection"):
        await run(HERE + "# s3\n# result_collection=last_statement_first_row\ncollection: users\nfind: {}")
    with pytest.raises(InvalidScript, match="streams documents, and insert gives none"):
        await run(HERE + "# s3\ncollection: users\ninsert: {}")


async def test_connection_that_is_lost_in_the_middle_of_a_stream_leaves_no_object(
    run: Runs, mongo_server: DocumentServer
) -> None:
    await filled(run, 500, size=4000)
    with fault_proxy(("127.0.0.1", mongo_server.port)) as proxy:
        run.host.resources["f/far/store"] = {
            **run.host.resources["f/shop/store"], "servers": [{"host": proxy.host, "port": proxy.port}],
        }  # fmt: skip
        proxy.faults.cut_after = b"getMore"
        with pytest.raises(ConnectionFailed, match="was lost"):
            await run("# database f/far/store\n# s3\ncollection: users\nfind: {}\nbatchSize: 100")
        assert proxy.cuts >= 1
    assert run.host.objects == {}


async def test_result_that_is_too_large_is_an_error_that_names_the_way_out(run: Runs) -> None:
    await filled(run, 200, size=100)
    content = HERE + "collection: users\nfind: {}"
    with pytest.raises(TooLarge, match=r"more than 1000 bytes\. Begin the script with `# s3`"):
        await run(content, max_result_bytes=1000)
    with pytest.raises(TooLarge, match="more than 150 rows"):
        await run(content, max_rows=150)
    assert len(await run(content, max_rows=200)) == 200


async def test_the_servers_own_words_come_with_the_line_of_the_script(run: Runs) -> None:
    await run(HERE + "collection: users\ninsert: {_id: 1}")
    with pytest.raises(QueryFailed, match=r"^Line 3: .*\$nope.* \(MongoDB error 40324"):
        await run(HERE + "\ncollection: users\naggregate: [{$nope: 1}]")
    with pytest.raises(QueryFailed, match=r"^Line 5, write 2 of 3: E11000 .* 1 documents were changed by the others\."):
        await run(HERE + "collection: users\ninsert:\n- {_id: 2}\n- {_id: 1}\n- {_id: 3}")
    with pytest.raises(QueryFailed, match="2 documents were changed"):
        await run(HERE + "collection: users\nordered: false\ninsert: [{_id: 4}, {_id: 1}, {_id: 5}]")
    with pytest.raises(QueryFailed, match=r"^Line 2: .*no such c(omman|m)d|^Line 2: .*nonsense"):
        await run(HERE + "command: {nonsense: 1}")
    with pytest.raises(BadRequest, match="'lsid' of a command is set by the driver"):
        await run(HERE + "command: {ping: 1, lsid: {}}")
    with pytest.raises(BadRequest, match="No database is named"):
        await run("collection: a\nfind: {}", {"database": {**run.host.resources["f/shop/store"], "db": ""}})


async def test_slow_operation_is_ended_by_the_server(run: Runs) -> None:
    await run(HERE + "collection: a\ninsert: {_id: 1}")
    block = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 5000}
    await run(
        HERE + "# data (query)\nadmin: true\n"
        "command: {configureFailPoint: failCommand, mode: {times: 1}, data: {$arg: data}}",
        {"data": block},
    )
    with pytest.raises(QueryFailed, match="took longer than allowed"):
        await run(HERE + "collection: a\nfind: {}", timeout_s=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"servers": [{"host": "127.0.0.1", "port": 1}]}, "Cannot connect to 127.0.0.1:1.*Is the server running"),
        ({"servers": [{"host": "unknown.invalid"}]}, "unknown.invalid.*Look at the host"),
        ({"servers": [{"host": "unknown.invalid"}], "srv": True, "directConnection": False}, "unknown.invalid"),
        ({"tls": True}, "Cannot connect to 127.0.0.1"),
        (
            {"credential": {"username": "bob", "password": "hunter2-secret", "db": "admin"}},
            "refuses the login.*username",
        ),
        (
            {"credential": {"username": "bob", "password": "hunter2-secret", "db": "a", "mechanism": "SCRAM-SHA-256"}},
            "refuses the login",
        ),
    ],
)
async def test_database_that_cannot_be_reached_is_told_with_what_to_mend_and_without_secrets(
    run: Runs, resource: Resource, changes: dict[str, Any], message: str
) -> None:
    patience = {"serverSelectionTimeoutMS": 500, "connectTimeoutMS": 400}
    run.host.resources["f/far/store"] = {**resource(), **patience, **changes}
    with pytest.raises(ConnectionFailed, match=message) as failed:
        await run("# database f/far/store\ncollection: a\nfind: {}")
    assert "hunter2" not in str(failed.value)
    with pytest.raises(Conflict) as told:
        await connection_tests.tester_of("mongodb", EVERYWHERE).test({**resource(), **patience, **changes})
    assert "hunter2" not in str(told.value)


async def test_connection_test_says_what_answered(resource: Resource) -> None:
    assert (await connection_tests.tester_of("mongodb", EVERYWHERE).test(resource())).startswith("MongoDB ")
    with pytest.raises(Conflict, match="servers"):
        await connection_tests.tester_of("mongodb", EVERYWHERE).test({"db": "a"})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"servers": []}, "servers"),
        ({"servers": [{"host": "a/b"}]}, r"servers\[0\].host"),
        ({"servers": [{"host": "a?tlsInsecure=true"}]}, r"servers\[0\].host"),
        ({"servers": [{"host": "%2Ftmp%2Fx.sock"}]}, r"servers\[0\].host"),
        ({"servers": [{"host": "a", "port": 70000}]}, r"servers\[0\].port"),
        ({"tls": "yes"}, "tls"),
        ({"credential": "x"}, "credential"),
        ({"credential": {"username": "a", "password": 5}}, "password"),
        ({"credential": {"username": "a", "mechanism": "GSSAPI"}}, "mechanism"),
        ({"credential": {"mechanism": "MONGODB-AWS"}}, "MONGODB-AWS needs the key"),
        ({"tlsCAFile": "/etc/passwd"}, "'tlsCAFile', which is not taken"),
        ({"authMechanismProperties": "ENVIRONMENT:azure"}, "not taken"),
        ({"directConnection": 5}, "directConnection"),
        ({"maxPoolSize": "many"}, "maxPoolSize"),
        ({"url": "postgres://a/b"}, "not a connection URL of mongodb"),
        ({"url": "mongodb://h/d?tlsCertificateKeyFile=/etc/shadow"}, "not taken"),
    ],
)
async def test_wrong_resource_is_refused_by_the_name_of_its_field(
    run: Runs, fields: dict[str, Any], message: str
) -> None:
    value = {**run.host.resources["f/shop/store"], **fields}
    with pytest.raises(BadRequest, match=message):
        await run("collection: a\nfind: {}", {"database": value})


async def test_connections_are_kept_for_one_identity_and_closed_when_idle(
    runner: MongoRunner, resource: Resource
) -> None:
    alice = Runs("mongodb", runner, QueryHost({"f/shop/store": resource()}))
    bob = Runs("mongodb", runner, QueryHost({"f/shop/store": resource()}, identity="main/u/bob"))
    for runs in (alice, alice, bob):
        await runs(HERE + "collection: a\nfind: {}")
    assert await runner.close_idle(1000) == 2
    assert await runner.close_idle(0) == 0
    await alice(HERE + "collection: a\nfind: {}")
    assert await runner.close_idle(1000) == 1


async def test_addresses_that_are_closed_are_not_connected_to(resource: Resource) -> None:
    """Neither those of the resource, nor those that a server gives as its peers."""
    runner = MongoRunner(Egress(Reach.PUBLIC))
    runs = Runs("mongodb", runner, QueryHost({"f/shop/store": resource()}))
    try:
        with pytest.raises(AddressClosed, match=r"127\.0\.0\.1 is not connected to"):
            await runs(HERE + "collection: a\nfind: {}")
        with reaching(Egress(Reach.PUBLIC)), pytest.raises(OSError, match="is not connected to"):
            await pool_shared._async_create_connection(("127.0.0.1", 1), PoolOptions())
    finally:
        await runner.close()


async def test_connect_that_is_canceled_leaves_no_socket() -> None:
    """The driver cancels its monitors while they connect, and keeps the frames in its errors."""
    with socket.socket() as full, ExitStack() as held:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # the third is not answered any more
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        before = set(OPEN.iterdir())
        connecting = asyncio.create_task(pool_shared._async_create_connection(full.getsockname(), PoolOptions()))
        while set(OPEN.iterdir()) == before:
            await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError) as canceled:  # which holds the frames
            await connecting
        assert set(OPEN.iterdir()) == before, canceled


async def test_script_that_only_reads_counts_as_reading(run: Runs) -> None:
    await run(HERE + "# read_only\ncollection: a\nfind: {}")
    assert run.host.touches == [("database", "f/shop/store", False)]
