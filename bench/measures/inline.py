"""Small queries that the server runs while the request waits, against psycopg alone and the least server of queries."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from bench.measures.databases import FULL, QUERY, QUICK, RESOURCE, database, dsn_of, made, ordered, raw, times_of
from bench.processes import cpu_s
from bench.wire import Connection
from tests.database_servers import Postgres

CLIENTS = 8
_ROUTE = "run_inline/preview"
_LANGUAGE = "postgresql"


@dataclass(frozen=True)
class Asked:
    """A server that answers queries, with a connection of each client, and its process."""

    connections: Sequence[Connection]
    pid: int

    async def by_one(self, count: int) -> list[float]:
        """Seconds of each of `count` queries, one after the other, as a script's client sends them."""
        return await times_of(self.connections[0], _ROUTE, _LANGUAGE, QUERY, count)

    async def by_all(self, count: int) -> float:
        """Seconds for `count` queries of all clients together."""
        began = time.perf_counter()
        each = count // len(self.connections)
        await asyncio.gather(*(times_of(one, _ROUTE, _LANGUAGE, QUERY, each) for one in self.connections))
        return time.perf_counter() - began


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """The database is a Postgres of its own, beside the one of the instance."""
    sizes = QUICK if quick else FULL
    with database() as postgres:
        settings = {"resource_egress": "host", "job_egress_allow": f"127.0.0.1/32:{postgres.port}"}
        async with (
            instance.server(**settings) as server,
            raw(postgres) as baseline,
            bare_server(postgres) as bare,
            AsyncExitStack() as stack,
        ):
            clients = [await stack.enter_async_context(instance.client()) for _ in range(CLIENTS)]
            await made(
                clients[0], "resources/create", path=RESOURCE, resource_type="postgresql", value=postgres.resource
            )
            ours = Asked(clients, server.pid)
            for each in (ours, bare):
                await each.by_all(40 * CLIENTS)
            await ordered(baseline, work="queries", count=20)
            return [
                *await one_by_one(ours, bare, baseline, count=sizes.queries, rounds=sizes.rounds),
                await together(ours, bare, baseline, count=sizes.queries, rounds=sizes.rounds),
            ]


async def one_by_one(ours: Asked, bare: Asked, baseline: Helper, *, count: int, rounds: int) -> list[Figure]:
    """By one client."""
    times, theirs, least, processor, of_least = [], [], [], [], []
    for _ in range(rounds):
        theirs.append(count / await ordered(baseline, work="queries", count=count))
        found, used = await _with_processor(ours, lambda: ours.by_one(count))
        times.append(found)
        processor.append(used / count * 1000)
        found, used = await _with_processor(bare, lambda: bare.by_one(count))
        least.append(count / sum(found))
        of_least.append(used / count * 1000)
    rates = [count / sum(each) for each in times]
    return [
        Figure(
            name="inline_queries", title=f"{count:,} inline queries, one by one", unit="/s", ours=rates, raw=theirs,
            against="psycopg", aim=0.25,
        ),
        Figure(
            name="inline_queries_share", title="the same", unit="/s", ours=rates, raw=least,
            against="uvicorn and psycopg alone",
        ),
        Figure(
            name="inline_latency_p50", title="inline query, p50", unit="ms",
            ours=[statistics.median(each) * 1000 for each in times], raw=[1000 / each for each in theirs],
            against="psycopg", more_is_better=False,
        ),
        Figure(
            name="inline_processor", title="processor time of the server for an inline query", unit="ms",
            ours=processor, raw=of_least, against="uvicorn and psycopg alone", more_is_better=False,
        ),
    ]  # fmt: skip


async def together(ours: Asked, bare: Asked, baseline: Helper, *, count: int, rounds: int) -> Figure:
    """By several clients at once; the baseline has a thread and a connection for each."""
    rates, theirs, least = [], [], []
    for _ in range(rounds):
        theirs.append(count / await ordered(baseline, work="threads", count=count))
        rates.append(count / await ours.by_all(count))
        least.append(count / await bare.by_all(count))
    return Figure(
        name="inline_queries_8", title=f"inline queries by {CLIENTS} clients at once", unit="/s", ours=rates,
        raw=theirs, against=f"psycopg in {CLIENTS} threads",
        note=f"uvicorn and psycopg alone, on one connection, {statistics.median(least):,.0f} /s",
    )  # fmt: skip


async def _with_processor(asked: Asked, ask: Callable[[], Awaitable[list[float]]]) -> tuple[list[float], float]:
    """What it gives, and the seconds of the server's processor that went into it."""
    before = cpu_s([asked.pid])
    found = await ask()
    return found, cpu_s([asked.pid]) - before


@asynccontextmanager
async def bare_server(postgres: Postgres) -> AsyncIterator[Asked]:
    """The least server that answers a query over HTTP: what Python's own part of it costs."""
    started = await helper("query_server", dsn_of(postgres))
    port = int(await started.hear())
    connections = [await Connection.open(port) for _ in range(CLIENTS)]
    try:
        yield Asked(connections, started.process.pid)
    finally:
        for each in connections:
            each.close()
        await started.close()
