"""The explorer of documents on a MongoDB: collections, pages across types, changes of one document as it was seen."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pymongo
import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo.database import Database

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, all_pages, ask, put_resource
from tests.database_servers import DatabaseServers
from tests.document_servers import DocumentServer, start_secantus

MIXED: list[dict[str, Any]] = [
    {"_id": 1, "a": 1, "n": {"x": [1, 2]}},
    {"_id": 2.5, "a": 2.5, "name": "Ann"},
    {"_id": "s", "name": "anna"},
    {"_id": {"k": 1}, "a": "text", "name": "x.nn"},
    {"_id": ObjectId("6b09a02b3af655bc1901bd06"), "a": None, "dec": Decimal128("1.50")},
    {"_id": True, "a": Int64(2**60)},
    {"_id": 9, "a": float("nan")},
    {"_id": 10, "a": {"b": 1}},
    {"_id": 11, "a": 1},
]


@pytest.fixture
def server(database_servers: DatabaseServers) -> DocumentServer:
    return database_servers.get("secantus", start_secantus)


@pytest.fixture
def store(server: DocumentServer) -> Iterator[Database[dict[str, Any]]]:
    """A database of the test's own, behind the explorer's back."""
    name = f"test_{secrets.token_hex(6)}"
    with pymongo.MongoClient[dict[str, Any]]("127.0.0.1", server.port, directConnection=True) as client:
        client[name]["mixed"].insert_many(MIXED)
        client[name]["mixed"].create_index("name", unique=True, sparse=True)
        client[name]["lists"].insert_many([{"_id": n, "a": [n, 9 - n]} for n in range(4)])
        yield client[name]
        client.drop_database(name)


@pytest.fixture
async def client(api: Api, server: DocumentServer, store: Database[Any]) -> httpx.AsyncClient:
    return await put_resource(api, "mongodb", server.resource(db=store.name, directConnection=True))


async def test_collections_tell_fields_and_indexes(client: httpx.AsyncClient, store: Database[Any]) -> None:
    found = await ask(client, "tables")
    here = [each for each in found["tables"] if each["schema"] == store.name]
    assert [(each["name"], each["kind"], each["rows"]) for each in here] == [
        ("lists", "collection", 4), ("mixed", "collection", 9),
    ]  # fmt: skip
    mixed = await ask(client, "table", schema=store.name, table="mixed")
    assert mixed["key"] == ["_id"]
    assert {each["name"]: each["type"] for each in mixed["columns"]}["a"] == "number | string | object"
    assert [(each["columns"], each["is_unique"]) for each in mixed["indexes"]] == [(["_id"], True), (["name"], True)]
    assert "no collection" in await ask(client, "table", schema=store.name, table="nothing", status=404)
    assert "no collection" in await ask(client, "rows", schema=store.name, table="nothing", status=404)


async def test_every_document_is_on_one_page_whatever_its_type(client: httpx.AsyncClient, store: Database[Any]) -> None:
    sorts: list[list[Any]] = [
        [],
        [{"column": "_id", "descending": True}],
        [{"column": "a"}],
        [{"column": "a", "descending": True}],
        [{"column": "name"}, {"column": "a", "descending": True}, {"column": "_id", "descending": True}],
    ]
    for sort in sorts:
        where = {"schema": store.name, "table": "mixed", "sort": sort}
        at_once = await ask(client, "rows", **where)
        names = [each["name"] for each in at_once["columns"]]
        ids = [dict(zip(names, row, strict=True))["_id"] for row in at_once["rows"]]
        seen = [row[0] for row in await all_pages(client, limit=2, **where)]
        assert (seen, len(seen)) == (ids, len(MIXED)), sort
    lists = await ask(client, "rows", schema=store.name, table="lists", sort=[{"column": "a"}], limit=2)
    assert (lists["has_more"], lists["after"]) == (True, None)


async def test_documents_are_filtered(client: httpx.AsyncClient, store: Database[Any]) -> None:
    async def ids(**body: Any) -> list[Any]:
        found = await ask(client, "rows", schema=store.name, table="mixed", **body)
        return [row[0] for row in found["rows"]]

    assert await ids(filters=[{"column": "a", "operator": "=", "value": 1}]) == [1, 11]
    assert await ids(filters=[{"column": "name", "operator": "contains", "value": "NN"}]) == [2.5, "s", {"k": 1}]
    assert await ids(filters=[{"column": "name", "operator": "begins", "value": "x."}]) == [{"k": 1}]
    assert await ids(filters=[{"column": "a.b", "operator": ">=", "value": 1}]) == [10]
    assert await ids(query={"a": {"$type": "long"}}) == [True]
    oid = {"$oid": "6b09a02b3af655bc1901bd06"}
    assert await ids(query={"_id": oid}, filters=[{"column": "a", "operator": "is null"}]) == [oid]
    where = {"schema": store.name, "table": "mixed", "status": 400}
    assert "no name of a field" in await ask(client, "rows", sort=[{"column": "$where"}], **where)
    assert "ObjectId" in await ask(client, "rows", query={"_id": {"$oid": "x"}}, **where)
    assert "after" in await ask(client, "rows", after=[1, 2], **where)


async def test_documents_arrive_as_they_are_kept(client: httpx.AsyncClient, store: Database[Any]) -> None:
    query = {"_id": {"$oid": "6b09a02b3af655bc1901bd06"}}
    page = await ask(client, "rows", schema=store.name, table="mixed", query=query)
    assert page["documents"] == [{**query, "a": None, "dec": {"$numberDecimal": "1.50"}}]
    exact = await ask(client, "rows", schema=store.name, table="mixed", query={"_id": 1}, canonical=True)
    assert exact["documents"][0]["a"] == {"$numberInt": "1"}
    assert json.loads(page["sql"])["find"] == {"$and": [query]}


async def test_changes_hit_one_document_as_it_was_seen_or_nothing(
    client: httpx.AsyncClient, store: Database[Any]
) -> None:
    page = await ask(client, "rows", schema=store.name, table="mixed")
    versions = {json.dumps(row[0]): version for row, version in zip(page["rows"], page["versions"], strict=True)}
    table = {"schema": store.name, "table": "mixed"}

    def row(identity: Any) -> dict[str, Any]:
        return {"key": {"_id": identity}, "version": versions[json.dumps(identity)]}

    replace = {**table, "kind": "replace", "values": {"b": 1, "a": {"$numberLong": "5"}}, "row": row({"k": 1})}
    delete = {**table, "kind": "delete", "row": row("s")}
    insert = {**table, "kind": "insert", "values": {"x": {"$date": "2024-01-02T03:04:05Z"}}}
    tried = await ask(client, "change", changes=[replace, delete, insert], dry_run=True)
    assert not tried["applied"]
    assert store["mixed"].count_documents({}) == len(MIXED)
    done = await ask(client, "change", changes=[replace, delete, insert])
    assert [list(json.loads(each["sql"]))[2] for each in done["statements"]] == ["update", "delete", "insert"]
    kept = store["mixed"].find_one({"_id": {"k": 1}})
    assert list(kept or {}) == ["_id", "b", "a"]
    assert isinstance((kept or {})["a"], Int64)
    assert store["mixed"].count_documents({"_id": "s"}) == 0
    store["mixed"].update_one({"_id": 11}, {"$set": {"a": 1.0}})  # another type, and the same value
    other = {**table, "kind": "delete", "row": row(1)}
    stale = {**table, "kind": "delete", "row": row(11)}
    assert "Change 2" in await ask(client, "change", changes=[other, stale], status=409)
    assert store["mixed"].count_documents({"_id": 1}) == 1
    clash = {**table, "kind": "insert", "values": {"_id": 9}}
    assert "duplicate" in (await ask(client, "change", changes=[other, clash], status=422)).lower()
    assert store["mixed"].count_documents({"_id": 1}) == 1
    update = {**table, "kind": "update", "values": {"a": 1}, "row": row(1)}
    assert "replace" in await ask(client, "change", changes=[update], status=400)
    assert (await client.post(f"{W}/databases/change", json={"resource": PATH, "changes": []})).status_code == 400


async def test_plan_of_what_reads(client: httpx.AsyncClient, store: Database[Any]) -> None:
    content = "# least (int)\ncollection: mixed\nfind: {a: {$gte: {$arg: least}}}"
    planned = await ask(client, "explain", content=content, args={"least": 1})
    assert planned["plan"]["queryPlanner"]["namespace"] == f"{store.name}.mixed"
    delete = "collection: mixed\ndelete: {filter: {}, multi: true}"
    assert "reads" in await ask(client, "explain", content=delete, analyze=True, status=400)
    assert store["mixed"].count_documents({}) == len(MIXED)


async def test_collections_go_to_files_and_back(client: httpx.AsyncClient, store: Database[Any]) -> None:
    where = {"resource": PATH, "schema": store.name}
    file = await client.post(f"{W}/databases/export", json={**where, "table": "mixed", "format": "json"})
    asked = {**where, "table": "copy", "format": "json"}
    back = await client.post(f"{W}/databases/import_file", params=asked, content=file.content)
    assert back.json() == {"rows": len(MIXED), "applied": True}
    assert str(list(store["copy"].find().sort("_id"))) == str(list(store["mixed"].find().sort("_id")))
    clash = b'{"_id": 100}\n\n{"_id": {"$numberInt": "9"}}\n'
    told = await client.post(f"{W}/databases/import_file", params=asked, content=clash)
    assert (told.status_code, "ine 3" in told.text, "Nothing was imported" in told.text) == (422, True, True)
    assert store["copy"].count_documents({}) == len(MIXED)
    table = await client.post(f"{W}/databases/export", json={**where, "table": "mixed", "format": "csv"})
    assert (table.status_code, "JSON Lines" in table.text) == (501, True)


async def test_collections_are_defined_by_commands_that_are_shown_first(
    client: httpx.AsyncClient, store: Database[Any]
) -> None:
    where = {"schema": store.name, "table": "made"}
    schema = {"$jsonSchema": {"required": ["city"]}}
    steps = [
        {"kind": "create_table", **where, "options": {"validator": schema}},
        {"kind": "add_index", **where, "names": ["city", "n"], "unique": True},
        {"kind": "add_index", **where, "options": {"key": {"at": -1}, "expireAfterSeconds": 60}},
    ]
    shown = await ask(client, "define", steps=steps)
    assert (shown["applied"], shown["atomic"]) == (False, False)
    assert json.loads(shown["statements"][1])["command"] == {
        "createIndexes": "made",
        "indexes": [{"key": {"city": 1, "n": 1}, "name": "city_1_n_1", "unique": True}],
    }
    assert "made" not in store.list_collection_names()
    assert (await ask(client, "define", steps=steps, dry_run=False))["applied"]
    table = await ask(client, "table", **where)
    assert sorted(each["name"] for each in table["indexes"]) == ["_id_", "at_-1", "city_1_n_1"]
    assert json.loads(table["options"])["validator"] == schema
    changed = [
        {"kind": "set_validator", **where, "options": {"validator": {}}},
        {"kind": "drop_index", **where, "name": "city_1_n_1"},
        {"kind": "rename_table", **where, "to": "renamed"},
    ]
    await ask(client, "define", steps=changed, dry_run=False)
    assert sorted(store["renamed"].index_information()) == ["_id_", "at_-1"]
    gone = {"kind": "drop_table", "schema": store.name, "table": "renamed"}
    none = {"kind": "drop_index", "schema": store.name, "table": "mixed", "name": "none"}
    told = await ask(client, "define", steps=[gone, none], dry_run=False, status=422)
    assert ("Step 2" in told, "The step before it has taken effect" in told) == (True, True)
    assert "renamed" not in store.list_collection_names()


async def test_steps_that_are_none_of_a_collection_are_refused(client: httpx.AsyncClient, store: Database[Any]) -> None:
    where = {"schema": store.name, "table": "mixed"}
    refused: list[tuple[dict[str, Any], str, int]] = [
        ({"kind": "add_column", **where}, "add column", 501),
        ({"kind": "set_validator", **where, "options": {"drop": "mixed"}}, "drop", 400),
        ({"kind": "set_validator", **where, "options": [1]}, "object", 400),
        ({"kind": "drop_index", **where, "name": "*"}, "one index", 400),
        ({"kind": "add_index", **where}, "names", 400),
        ({"kind": "create_table", "schema": store.name, "table": "$cmd"}, "name", 400),
    ]
    for step, told, status in refused:
        assert told in await ask(client, "define", steps=[step], dry_run=False, status=status)
