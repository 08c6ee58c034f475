"""The guide docs/guides/etl.md, as it stands there: its four scripts and its flow, on real servers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.database_servers import DatabaseServers, MariaDb, Postgres
from tests.document_servers import start_secantus
from tests.end_to_end.running import Workspace
from tests.key_servers import KeyServer, start_redis

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "etl.md").read_text()
SCRIPTS = re.findall(r"^### \d\. `(f/etl/\w+)` \((\w+)\)\n+^```\w*\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
FLOW = json.loads(re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[0])
DAY = "2024-02-29"
ORDERS = """
create table orders (id bigint primary key, article text, amount numeric(12,2), placed_at timestamptz);
insert into orders
select i, 'article ' || i % 4, i * 1.25, timestamptz '2024-02-29 00:00:00Z' + i * interval '1 hour'
from generate_series(0, 30) i
"""


@pytest.fixture(scope="module")
def redis(database_servers: DatabaseServers) -> KeyServer:
    return database_servers.get("redis", start_redis)


@pytest.fixture(scope="module")
def etl(
    reaching: Workspace, postgres: Postgres, mariadb: MariaDb, redis: KeyServer, database_servers: DatabaseServers
) -> Iterator[Workspace]:
    """The workspace with the guide's folder, resources, scripts and flow."""
    documents = database_servers.get("secantus", start_secantus)
    with postgres.connect() as connection:
        connection.execute("drop table if exists orders")
        connection.execute(ORDERS)
    articles = (
        "attach '$res:f/etl/stock' as stock (type mysql);"
        "create or replace table stock.articles (name varchar(100), country varchar(100));"
        "insert into stock.articles values ('article 0', 'Österreich'), ('article 1', 'it''s'), ('article 2', 'it''s')"
    )
    reaching.post("folders/create", {"name": "etl"})
    for path, kind, value in (
        ("f/etl/shop", "postgresql", postgres.resource),
        ("f/etl/stock", "mysql", mariadb.resource),
        ("f/etl/reports", "mongodb", documents.resource(db="reports", directConnection=True)),
        ("f/etl/counters", "redis", redis.resource()),
    ):
        reaching.post("resources/create", {"path": path, "value": value, "resource_type": kind})
    for path, language, content in SCRIPTS:
        reaching.deploy(content, path, language=language)
    reaching.post("flows/create", {"path": "f/etl/daily", "summary": "", "description": "", "value": FLOW})
    made = reaching.post("jobs/run/preview", {"content": articles, "language": "duckdb", "args": {}})
    assert reaching.ended(made)["success"]
    yield reaching
    with postgres.connect() as connection:
        connection.execute("drop table orders")


def found(etl: Workspace, content: str, language: str) -> Any:
    job = etl.post("jobs/run/preview", {"content": content, "language": language, "args": {}})
    return etl.ended(job)["result"]


def test_guide_has_a_script_for_each_database() -> None:
    assert [(path, language) for path, language, _ in SCRIPTS] == [
        ("f/etl/extract", "postgresql"),
        ("f/etl/revenue", "duckdb"),
        ("f/etl/report", "mongodb"),
        ("f/etl/count", "redis"),
    ]


def test_day_goes_from_postgres_to_reports_and_again(etl: Workspace, redis: KeyServer) -> None:
    redis.ask("FLUSHALL")
    wanted = [
        {"day": DAY, "country": "it's", "orders": 12, "revenue": 172.5},
        {"day": DAY, "country": "unknown", "orders": 6, "revenue": 97.5},
        {"day": DAY, "country": "Österreich", "orders": 6, "revenue": 75.0},
    ]
    for run in (1, 2):
        job = etl.ended(etl.post("jobs/run/f/f/etl/daily", {"day": DAY}))
        assert job["result"] == [1 if run == 1 else 0, run, {DAY: "3"}], job["result"]
        rows = found(
            etl,
            "# database f/etl/reports\ncollection: revenue\nfind: {}\nprojection: {_id: 0}\nsort: {country: 1}",
            "mongodb",
        )
        assert rows == wanted
    assert redis.ask("GET", "etl:runs") == b"2"


def test_types_of_postgres_arrive_in_the_object(etl: Workspace) -> None:
    pointer = etl.run("f/etl/extract", {"day": DAY})
    assert pointer["s3"].startswith("etl/orders/")
    assert pointer["s3"].endswith(".parquet")
    rows = etl.run("f/etl/revenue", {"day": DAY, "orders": pointer})
    assert sum(row["orders"] for row in rows) == 24
    kinds = found(
        etl, f"select typeof(amount) as a, typeof(placed_at) as p from 's3:///{pointer['s3']}' limit 1", "duckdb"
    )
    assert kinds == [{"a": "DECIMAL(12,2)", "p": "TIMESTAMP WITH TIME ZONE"}]
