"""Names that are stored, of tables and columns, are only ever names: in the explorer, in results, in files."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow.parquet as pq
import pymysql
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, ask, put_resource
from tests.database_servers import DatabaseServers, MariaDb, Postgres, start_embedded

NAMES = [
    "select", "a;b", "a'b", 'a"b', "a`b", "a\\b", "100%", "%s", "%(x)s", "%%t%%", ":x", "$1", "?", "@x", "{x:Int8}",
    "a--b", "/* c */", "a\nb", "a.b", " lead", "ärger €", "x" * 63, "1 or 1=1",
    "'; drop table kept; --", "null", "Select",
]  # fmt: skip
SCHEMA = {"postgresql": 'na"m;e%s', "mysql": "na`m;e%s"}


@pytest.fixture(params=["postgresql", "mysql"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(language: str, database_servers: DatabaseServers) -> Iterator[Callable[[str], Any]]:
    """Runs a statement behind the explorer's back."""
    if language == "postgresql":
        with server(language, database_servers).connect() as connection:
            yield lambda text: connection.execute(text.encode())
        return
    value = server(language, database_servers).resource
    with pymysql.connect(
        host=value["host"], port=value["port"], user=value["user"], password=value["password"], autocommit=True
    ) as other:
        yield lambda text: other.cursor().execute(text)


def server(language: str, servers: DatabaseServers) -> Any:
    if language == "postgresql":
        found: Postgres = servers.get("postgres-embedded", start_embedded)
        return found
    return servers.get("mariadb", MariaDb)


def quoted(language: str, name: str) -> str:
    sign = '"' if language == "postgresql" else "`"
    return sign + name.replace(sign, sign * 2) + sign


@pytest.fixture
async def named(
    api: Api, language: str, run: Callable[[str], Any], database_servers: DatabaseServers
) -> httpx.AsyncClient:
    """A developer with a schema in which each name is that of a table and, in the table `all`, of a column."""
    schema = quoted(language, SCHEMA[language])
    run(f"drop {'schema' if language == 'postgresql' else 'database'} if exists {schema}" + (
        " cascade" if language == "postgresql" else ""
    ))  # fmt: skip
    run(f"create {'schema' if language == 'postgresql' else 'database'} {schema}")
    columns = ", ".join(f"{quoted(language, name)} int" for name in distinct(language))
    run(f"create table {schema}.{quoted(language, 'all')} (id int primary key, {columns})")
    for name in distinct(language):
        run(f"create table {schema}.{quoted(language, name)} (id int primary key)")
    return await put_resource(api, language, server(language, database_servers).resource)


def distinct(language: str) -> list[str]:
    """MariaDB's names of columns are the same in capitals."""
    return NAMES if language == "postgresql" else [name for name in NAMES if name not in {"Select", " lead"}]


async def test_the_explorer_finds_and_changes_what_is_called_so(named: httpx.AsyncClient, language: str) -> None:
    schema, names = SCHEMA[language], distinct(language)
    found = await ask(named, "tables")
    listed = {each["name"] for each in found["tables"] if each["schema"] == schema}
    assert listed == {*names, "all"}
    table = await ask(named, "table", schema=schema, table="all")
    assert [each["name"] for each in table["columns"]] == ["id", *names]
    values = {name: number for number, name in enumerate(names)}
    added = [{"table": "all", "values": {"id": 1, **values}}]
    added += [{"table": name, "values": {"id": value}} for name, value in values.items()]
    await ask(named, "change", changes=[{"kind": "insert", "schema": schema, **each} for each in added])
    every: dict[str, Any] = {
        "filters": [{"column": name, "operator": "=", "value": value} for name, value in values.items()],
        "sort": [{"column": name, "descending": True} for name in names],
    }
    page = await ask(named, "rows", schema=schema, table="all", **every)
    assert page["rows"] == [[1, *values.values()]]
    for name in ("'; drop table kept; --", 'a"b', "a`b", "a\nb"):
        assert (await ask(named, "rows", schema=schema, table=name))["rows"] == [[values[name]]], name


async def test_results_and_files_have_the_names(
    named: httpx.AsyncClient, language: str, run: Callable[[str], Any]
) -> None:
    names = distinct(language)
    table = f"{quoted(language, SCHEMA[language])}.{quoted(language, 'all')}"
    run(f"insert into {table} values ({', '.join(str(number) for number in range(len(names) + 1))})")

    async def result(head: str) -> Any:
        body = {"language": language, "content": f"-- database {PATH}\n{head}select * from {table}"}
        answer = await named.post(f"{W}/jobs/run_inline/preview", json=body)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content)

    async def stored(form: str) -> bytes:
        query = {"file_key": (await result(f"-- s3 format={form}\n"))["s3"]}
        return (await named.get(f"{W}/job_helpers/download_s3_file", params=query)).content

    wanted = dict(zip(["id", *names], range(len(names) + 1), strict=True))
    assert await result("") == [wanted]
    assert json.loads(await stored("json")) == wanted
    header, row = csv.reader(io.StringIO((await stored("csv")).decode(), newline=""))
    assert dict(zip(header, map(int, row), strict=True)) == wanted
    assert pq.read_table(io.BytesIO(await stored("parquet"))).to_pylist() == [wanted]
