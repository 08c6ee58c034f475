"""Tables and collections to files and back: nothing lost on the way, all of a file or nothing, the bad line named."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, ask, put_resource
from tests.database_servers import DatabaseServers, MariaDb, Postgres, start_embedded

SETUP = """
drop schema if exists files cascade; create schema files; set search_path to files;
create table kept (id int primary key, big numeric, t text default 'unset', at timestamptz, tags text[], note jsonb,
  ok boolean, b bytea);
insert into kept values (1, 12345678901234567890.10, 'a,"b"' || chr(10) || 'c', '2024-01-02 03:04:05.000006+00',
  array['x', null, ''], '{"n": 1.10}', true, '\\x00ff'), (2, 'NaN', '', 'infinity', '{}', '"text"', false, ''),
  (3, null, null, null, null, null, null, null);
create table copy (like kept including all);
create table odd (n bigint not null check (n < 100), word text);
"""
COMPARED = "select count(*) from (table kept except table copy) x"


@pytest.fixture
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture
def sql(postgres: Postgres) -> Callable[[str], list[Any]]:
    def run(text: str) -> list[Any]:
        with postgres.connect() as connection:
            connection.execute("set search_path to files")
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
async def client(api: Api, postgres: Postgres) -> httpx.AsyncClient:
    with postgres.connect() as connection:
        connection.execute(SETUP.encode())
    return await put_resource(api, "postgresql", postgres.resource)


async def exported(client: httpx.AsyncClient, form: str, **body: Any) -> httpx.Response:
    answer = await client.post(
        f"{W}/databases/export",
        json={"resource": PATH, "schema": "files", "table": "kept", "format": form, **body},
    )
    assert answer.is_success, answer.text
    return answer


async def imported(client: httpx.AsyncClient, content: bytes, *, status: int = 200, **query: Any) -> Any:
    given = {"resource": PATH, "schema": "files", "table": "copy", **query}
    answer = await client.post(f"{W}/databases/import_file", params=given, content=content)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.text


async def test_tables_come_back_as_they_were(client: httpx.AsyncClient, sql: Callable[[str], list[Any]]) -> None:
    for form in ("csv", "json"):
        file = await exported(client, form)
        assert "kept" in file.headers["content-disposition"]
        assert (await imported(client, file.content, format=form, dry_run=True)) == {"rows": 3, "applied": False}
        assert sql("select count(*) from copy") == [(0,)]
        assert (await imported(client, file.content, format=form)) == {"rows": 3, "applied": True}
        assert sql(COMPARED) == [(0,)], form
        sql("truncate copy")
    some = await exported(
        client,
        "csv",
        filters=[{"column": "id", "operator": "<", "value": 3}],
        sort=[{"column": "id", "descending": True}],
    )
    assert some.text.splitlines()[1].startswith("2,")


async def test_objects_of_storage_are_written_and_read(
    client: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    sql("update kept set at = null, b = null where id <= 2")
    to = {"s3": "windmill_uploads/kept.parquet"}
    assert (await exported(client, "parquet", to=to)).json() == {"object": to}
    read = {"schema": "files", "table": "copy", "format": "parquet", "from": to}
    assert (await ask(client, "import", **read))["rows"] == 3
    assert sql(COMPARED) == [(0,)]
    assert "not Parquet" in await imported(client, b"id\n1\n", format="parquet", status=400)


async def test_bad_row_is_named_with_its_line_and_nothing_stays(
    client: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    good = b"n,word\n" + b"".join(b"%d,w\n" % (n % 100) for n in range(2000))
    odd: dict[str, Any] = {"table": "odd"}
    told = await imported(client, good + b"100,x\n", status=422, **odd)
    assert told.startswith("Line 2002:")
    assert ("odd_n_check" in told, "Nothing was imported" in told) == (True, True)
    told = await imported(client, good + b"many,x\n", status=400, **odd)
    assert (told.startswith("Line 2002:"), "n" in told.split(":")[1]) == (True, True)
    assert "Line 2002" in await imported(client, good + b"1,x,y\n", status=400, **odd)
    assert "no column 'wrong'" in await imported(client, b"n,wrong\n1,2\n", status=400, **odd)
    assert sql("select count(*) from odd") == [(0,)]
    assert (await imported(client, good, **odd))["rows"] == 2000
    assert sql("select count(*) from odd") == [(2000,)]


async def test_texts_that_mean_something_to_copy_arrive_as_they_are(
    client: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    """Also types of the database's own, which are written together with those that every Postgres has."""
    sql("create type files.mood as enum ('calm', 'a\\b'); create type files.pair as (n int, t text)")
    sql("create table special (id int primary key, t text, mood mood, pairs pair[], words text[])")
    texts = ["\\N", "\\.", "tab\there", "line\nbreak\r", "back\\slash", "", "\b\v\f", "null", "ä\u2028"]
    rows = [
        {"id": number, "t": text, "mood": "a\\b", "pairs": [{"n": number, "t": text}], "words": [text, None]}
        for number, text in enumerate(texts)
    ]
    content = "".join(json.dumps(row) + "\n" for row in [*rows, {"id": 99, "t": None, "mood": None}]).encode()
    await imported(client, content, format="json", table="special")
    found = sql("select id, t, mood::text, (pairs[1]).t, words from special where id < 99 order by id")
    assert found == [(number, text, "a\\b", text, [text, None]) for number, text in enumerate(texts)]
    assert sql("select t, mood from special where id = 99") == [(None, None)]
    told = await imported(
        client, b'{"id": 1000, "t": "x"}\n{"id": 1001, "t": "\\u0000"}\n', format="json", table="special", status=400
    )
    assert (told.startswith("Line 2:"), "NUL" in told) == (True, True)


async def test_columns_are_mapped_and_those_that_are_missing_get_their_defaults(
    client: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    mapping = json.dumps({"key": "id", "words": "t"})
    await imported(client, b"key,words,more\n7,hi,x\n", columns=mapping)
    await imported(client, b'{"id": 8}\n{"id": 9, "t": null}\n', format="json")
    assert sql("select id, t from copy order by id") == [(7, "hi"), (8, "unset"), (9, None)]
    assert "mapping" in await imported(client, b"other\n1\n", columns=mapping, status=400)


async def test_mariadb_takes_all_of_a_file_or_nothing(api: Api, database_servers: DatabaseServers) -> None:
    mariadb = database_servers.get("mariadb", MariaDb)
    client = await put_resource(api, "mysql", mariadb.resource)
    where: dict[str, Any] = {"schema": "main", "table": "taken"}
    columns = [{"name": "id", "type": "int", "nullable": False}, {"name": "t", "type": "varchar(5)"}]
    await ask(
        client, "define", steps=[{"kind": "create_table", **where, "names": ["id"], "columns": columns}], dry_run=False
    )
    told = await imported(client, b"id,t\n1,a\n2,b\n1,c\n", status=422, **where)
    assert (told.startswith("Line 4:"), "Duplicate" in told) == (True, True)
    assert (await ask(client, "rows", **where))["rows"] == []
    many = b"id,t\n" + b"".join(b"%d,%d\n" % (number, number % 7) for number in range(3000))
    assert "Line 3002" in await imported(client, many + b"2999,x\n", status=422, **where)
    assert "Line 3002" in await imported(client, many + b"3000,longer\n", status=422, **where)
    assert "Line 3002" in await imported(client, many + b"some,x\n", status=400, **where)
    assert (await imported(client, many, dry_run=True, **where))["rows"] == 3000
    await imported(client, 'id,t\n1,\n2,""\n3,"ä,"\n'.encode(), **where)
    assert (await ask(client, "rows", **where))["rows"] == [[1, None], [2, ""], [3, "ä,"]]
    await ask(client, "define", steps=[{"kind": "drop_table", **where}], dry_run=False)


async def test_files_in_storages_need_the_scopes_of_storages(api: Api, client: httpx.AsyncClient) -> None:
    table = {"resource": PATH, "schema": "files", "table": "kept"}
    for what, body, scope in (
        ("export", {"to": {"s3": "u/dev/kept.csv"}}, "job_helpers:write"),
        ("import", {"from": {"s3": "u/dev/kept.csv"}, "dry_run": True}, "job_helpers:read"),
    ):
        narrow = await api.client(await api.token("dev@x.org", scopes=["resources:read"]))
        told = await narrow.post(f"{W}/databases/{what}", json={**table, **body})
        assert (told.status_code, scope in told.text) == (403, True), told.text
        wide = await api.client(await api.token("dev@x.org", scopes=["resources:read", scope]))
        assert (await wide.post(f"{W}/databases/{what}", json={**table, **body})).status_code != 403
    streamed = await narrow.post(f"{W}/databases/export", json=table)
    assert streamed.is_success, streamed.text
