"""A table of MariaDB to Parquet, and a CSV file into one, against clients without Tidemill."""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pymysql

from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from bench.measures.databases import FULL, QUICK, Export, Sizes, exported, made, ordered
from bench.raw.queries import file_of
from bench.wire import Connection
from tests.database_servers import MariaDb
from tests.processes import Processes

RESOURCE = "u/admin/bench_mariadb"
EXPORT = Export(
    name="mariadb_export", product="MariaDB", language="mysql",
    content=f"-- database {RESOURCE}\n-- s3 format=parquet\nselect * from events", other="pymysql", by="pymysql",
)  # fmt: skip
TABLE = """
create table events engine=innodb as
select cast(seq as signed) as id, concat('event number ', seq) as name,
  cast(mod(seq, 100000) / 100 as decimal(12,2)) as amount,
  cast('2024-01-01' as datetime(6)) + interval seq second as at,
  mod(seq, 3) = 0 as is_paid, cast(seq / 7 as double) as weight
from seq_1_to_{rows}
"""


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """The database is a MariaDB of its own, with next to no memory: what is read comes from the disk's cache."""
    sizes = QUICK if quick else FULL
    with database() as mariadb:
        login = {key: mariadb.resource[key] for key in ("host", "port", "user", "password", "database")}
        with pymysql.connect(**login, autocommit=True).cursor() as cursor:  # type: ignore[arg-type]
            cursor.execute(TABLE.format(rows=sizes.rows))
            cursor.execute("create table imported like events")
        settings = {"resource_egress": "host", "job_egress_allow": f"127.0.0.1/32:{mariadb.port}"}
        baseline = await helper("mariadb", json.dumps(login))
        try:
            async with (
                instance.server(**settings),
                instance.worker(**settings) as worker,
                instance.client() as client,
            ):
                await made(client, "resources/create", path=RESOURCE, resource_type="mysql", value=mariadb.resource)
                return [
                    *await exported(client, baseline, sizes, EXPORT, pid=worker.pid),
                    await imported(client, baseline, login, sizes),
                ]
        finally:
            await baseline.close()


@contextlib.contextmanager
def database() -> Iterator[MariaDb]:
    """A MariaDB for the block."""
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    processes = Processes(folder)
    try:
        yield MariaDb(folder, processes)
    finally:
        processes.stop()
        rmtree(folder, ignore_errors=True)


async def imported(client: Connection, baseline: Helper, login: dict[str, object], sizes: Sizes) -> Figure:
    """A CSV file into a table by the explorer, every value checked against its column; and by a bare `load data`."""
    ours, theirs = [], []
    file = file_of(sizes.imported).replace(b",True,", b",1,").replace(b",False,", b",0,")
    route = f"databases/import_file?resource={RESOURCE}&schema=main&table=imported&format=csv"
    with pymysql.connect(**login, autocommit=True).cursor() as cursor:  # type: ignore[arg-type]
        for _ in range(sizes.rounds):
            theirs.append(sizes.imported / await ordered(baseline, work="import", count=sizes.imported))
            began = time.perf_counter()
            status, said = await client.post(f"/api/w/main/{route}", file)
            ours.append(sizes.imported / (time.perf_counter() - began))
            if status != 200 or json.loads(said)["rows"] != sizes.imported:
                raise RuntimeError(f"The file was not imported: {status} {said[:300]!r}")
            cursor.execute("truncate imported")
    return Figure(
        name="mariadb_import", title=f"{sizes.imported:,} rows from CSV into MariaDB", unit="rows/s", ours=ours,
        raw=theirs, against="bare `load data`",
    )  # fmt: skip
