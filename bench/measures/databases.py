"""Scripts that query a database as jobs: a table to Parquet, files into one, against clients without Tidemill."""

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from psycopg.conninfo import make_conninfo

from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from bench.processes import peak_mib
from bench.raw.queries import file_of
from bench.wire import Connection
from tests.database_servers import Postgres, start_embedded
from tests.processes import Processes, forget_peak

RESOURCE = "u/admin/bench_db"
QUERY = f"-- database {RESOURCE}\n-- $1 n (bigint)\nselect $1::bigint + 1 as n, 'row' as name"
EXPORT = f"-- database {RESOURCE}\n-- s3 format=parquet\nselect * from {{table}}"
DUCKDB = "-- $n (bigint)\nselect $n + 1 as n, 'row' as name"
TABLE = """
create unlogged table {table} as
select i as id, 'event number ' || i as name, ((i % 100000) / 100.0)::numeric(12,2) as amount,
  timestamp '2024-01-01' + i * interval '1 second' as at, i % 3 = 0 as is_paid, i / 7.0::float8 as weight
from generate_series(1::bigint, {rows}) i
"""


@dataclass(frozen=True)
class Sizes:
    """How much each round moves."""

    queries: int
    rows: int
    many_rows: int
    imported: int
    rounds: int


FULL, QUICK = Sizes(10_000, 1_000_000, 5_000_000, 100_000, 3), Sizes(500, 50_000, 200_000, 20_000, 1)


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """The database is a Postgres of its own, beside the one of the instance."""
    sizes = QUICK if quick else FULL
    with database() as postgres:
        with postgres.connect() as connection:
            for table, rows in (("events", sizes.rows), ("many_events", sizes.many_rows)):
                connection.execute(TABLE.format(table=table, rows=rows).encode())
                connection.execute(f"vacuum analyze {table}".encode())
        settings = {"resource_egress": "host", "job_egress_allow": f"127.0.0.1/32:{postgres.port}"}
        async with (
            instance.server(**settings),
            instance.worker(**settings) as worker,
            instance.client() as client,
            raw(postgres) as baseline,
        ):
            await made(client, "resources/create", path=RESOURCE, resource_type="postgresql", value=postgres.resource)
            return [
                *await exported(client, baseline, sizes, FROM_POSTGRES, pid=worker.pid),
                await imported(client, baseline, postgres, sizes),
                await streamed(client, sizes, pid=worker.pid),
                await small_duckdb(client, sizes),
            ]


@contextlib.contextmanager
def database() -> Iterator[Postgres]:
    """A Postgres on TCP for the block."""
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    processes = Processes(folder)
    try:
        yield start_embedded(folder, processes)
    finally:
        processes.stop()
        rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def raw(postgres: Postgres) -> AsyncIterator[Helper]:
    """The client without Tidemill, in a process of its own."""
    started = await helper("queries", dsn_of(postgres))
    try:
        yield started
    finally:
        await started.close()


def dsn_of(postgres: Postgres) -> str:
    """For clients without Tidemill."""
    login = {"user": "postgres", "password": postgres.password, "dbname": "postgres"}
    return make_conninfo(host="127.0.0.1", port=postgres.port, **login)


@dataclass(frozen=True)
class Export:
    """A script that streams `events` as Parquet. `other`: the work of the baseline, beside DuckDB; `by`: its name."""

    name: str
    product: str
    language: str
    content: str
    other: str
    by: str
    aim: float | None = None


async def exported(client: Connection, baseline: Helper, sizes: Sizes, export: Export, *, pid: int) -> list[Figure]:
    """A table to Parquet: by a script into workspace storage, and by two others into a file."""
    taken: dict[str, list[float]] = {"ours": [], export.other: [], "duckdb": []}
    memory = []
    for _ in range(sizes.rounds):
        for work in (export.other, "duckdb"):
            taken[work].append(await ordered(baseline, work=work))
        forget_peak(pid)
        taken["ours"] += await times_of(client, "run_wait_result/preview", export.language, export.content, 1)
        memory.append(peak_mib(pid))
    fastest = list(map(min, taken[export.other], taken["duckdb"]))
    return [
        Figure(
            name=export.name, title=f"{sizes.rows:,} rows from {export.product} to Parquet", unit="s",
            ours=taken["ours"], raw=fastest, against=f"the faster of {export.by} with pyarrow and DuckDB",
            more_is_better=False, aim=export.aim,
            note=", ".join(f"{work} {statistics.median(taken[work]):.2f} s" for work in (export.other, "duckdb")),
        ),
        Figure(
            name=f"{export.name}_memory", title="most memory of the worker meanwhile", unit="MiB", ours=memory,
            more_is_better=False, aim=300,
        ),
    ]  # fmt: skip


FROM_POSTGRES = Export(
    name="export", product="Postgres", language="postgresql", content=EXPORT.format(table="events"), other="copy",
    by="`copy`", aim=1.5,
)  # fmt: skip


async def imported(client: Connection, baseline: Helper, postgres: Postgres, sizes: Sizes) -> Figure:
    """A CSV file into a table by the explorer, every value checked against its column; and by a bare `copy`."""
    ours, theirs = [], []
    file = file_of(sizes.imported)
    route = f"databases/import_file?resource={RESOURCE}&schema=public&table=imported&format=csv"
    with postgres.connect() as connection:
        connection.execute("create table imported (like events)")
    for _ in range(sizes.rounds):
        theirs.append(sizes.imported / await ordered(baseline, work="import", count=sizes.imported))
        began = time.perf_counter()
        status, said = await client.post(f"/api/w/main/{route}", file)
        ours.append(sizes.imported / (time.perf_counter() - began))
        if status != 200 or json.loads(said)["rows"] != sizes.imported:
            raise RuntimeError(f"The file was not imported: {status} {said[:300]!r}")
    return Figure(
        name="import", title=f"{sizes.imported:,} rows from CSV into Postgres", unit="rows/s", ours=ours, raw=theirs,
        against="bare `copy`",
    )  # fmt: skip


async def streamed(client: Connection, sizes: Sizes, *, pid: int) -> Figure:
    """The worker's memory while more rows go through it than it may hold."""
    forget_peak(pid)
    await times_of(
        client,
        "run_wait_result/preview",
        "postgresql",
        EXPORT.format(table="many_events").replace("parquet", "json"),
        1,
    )
    return Figure(
        name="stream_memory", title=f"most memory of the worker while {sizes.many_rows:,} rows are streamed as JSON",
        unit="MiB", ours=[peak_mib(pid)], more_is_better=False, aim=300,
    )  # fmt: skip


async def small_duckdb(client: Connection, sizes: Sizes) -> Figure:
    """A DuckDB script that does next to nothing, in its sandbox."""
    count = max(20, sizes.queries // 100)
    await times_of(client, "run_wait_result/preview", "duckdb", DUCKDB, 10)
    times = [await times_of(client, "run_wait_result/preview", "duckdb", DUCKDB, count) for _ in range(sizes.rounds)]
    return Figure(
        name="duckdb_latency_p50", title="small DuckDB script as a job, p50", unit="ms",
        ours=[statistics.median(each) * 1000 for each in times], more_is_better=False,
    )  # fmt: skip


async def times_of(client: Connection, route: str, language: str, content: str, count: int) -> list[float]:
    """Seconds of each of `count` requests that run a script and wait for its result."""
    times = []
    for number in range(count):
        body = json.dumps({"language": language, "content": content, "args": {"n": number}}).encode()
        began = time.perf_counter()
        status, answer = await client.post(f"/api/w/main/jobs/{route}", body)
        times.append(time.perf_counter() - began)
        if status != 200 or ("row" in content and json.loads(answer) != [{"n": number + 1, "name": "row"}]):
            raise RuntimeError(f"The script did not give its result: {status} {answer[:300]!r}")
    return times


async def made(client: Connection, route: str, **body: Any) -> None:
    status, said = await client.post(f"/api/w/main/{route}", json.dumps(body).encode())
    assert status in {200, 201}, said


async def ordered(baseline: Helper, **order: object) -> float:
    """Seconds that it took."""
    baseline.go(json.dumps(order))
    return float(await asyncio.wait_for(baseline.hear(), 600))
