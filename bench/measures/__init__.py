"""What is measured: one module each. `MEASURES` is the order in which they run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bench.figures import Figure
from bench.instance import Instance
from bench.measures import (
    beside,
    cold,
    databases,
    enqueue,
    flows,
    idle,
    inline,
    latency,
    mariadb,
    memory,
    noop,
    objects,
    objects_local,
    server_start,
    start,
    warm,
)


@dataclass(frozen=True)
class Measure:
    """`run(instance, quick)` measures on an instance that nothing else uses."""

    doc: str
    run: Callable[[Instance, bool], Awaitable[list[Figure]]]


MEASURES: Final = {
    "noop": Measure("no-op jobs a second with 1 and 2 workers", noop.measure),
    "enqueue": Measure("jobs taken in a second, by HTTP and in bulk", enqueue.measure),
    "cold": Measure("isolated Python jobs a second, a new interpreter each", cold.measure),
    "warm": Measure("isolated Python jobs a second, a process each from a parked interpreter", warm.measure),
    "flows": Measure("flows against bare loops; wide loops, large results, sleeping flows", flows.measure),
    "latency": Measure("from the request to the result on an idle system", latency.measure),
    "beside": Measure("the same beside what hangs and prints", beside.measure),
    "idle": Measure("transactions a second with nothing to do", idle.measure),
    "memory": Measure("memory of server and worker at rest", memory.measure),
    "objects": Measure("objects through the S3 endpoint, against the server behind it", objects.measure),
    "objects_local": Measure("objects in a local folder: put, get, list", objects_local.measure),
    "inline": Measure("queries while the request waits, against psycopg alone", inline.measure),
    "databases": Measure("a table to Parquet, and files into one, against clients without Tidemill", databases.measure),
    "mariadb": Measure("a table of MariaDB to Parquet, and CSV into one, against other clients", mariadb.measure),
    "server_start": Measure("start of `tidemill server`, against the framework alone", server_start.measure),
    "start": Measure("start of `tidemill up`, first and second", start.measure),
}
