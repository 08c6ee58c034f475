"""Taking jobs in: by HTTP from one client and from eight, and in bulk through the functions of the queue."""

import asyncio
import time
from datetime import UTC, datetime

import psycopg
from psycopg.rows import TupleRow

from bench.deployed import deploy
from bench.figures import Figure
from bench.instance import Instance
from bench.wire import Connection
from tidemill.db import intake
from tidemill.db.intake import NewJob
from tidemill.db.pool import Database, Json
from tidemill.db.values import Kept
from tidemill.model.ids import milliseconds, new_id

_INSERT = """
with input as (
  insert into job (id, workspace_id, kind, script_path, args, created_by, permissioned_as, email, tag)
  values (uuidv7(), 'main', 'noop', 'u/admin/bench', '{}', 'admin', 'u/admin', 'admin@tidemill.local', 'raw')
  returning id)
insert into job_queue (id, workspace_id, tag, run_at) select id, 'main', 'raw', now() from input
"""
_INSERT_ALL = """
with input as (
  insert into job (id, workspace_id, kind, args, created_by, permissioned_as, email, tag)
  select id, 'main', 'noop', '{}', 'admin', 'u/admin', 'admin@tidemill.local', 'raw' from unnest(%s::uuid[]) as ids (id)
  returning id)
insert into job_queue (id, workspace_id, tag, run_at) select id, 'main', 'raw', now() from input
"""
_BULK = 1000


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """No worker runs. Every accepted job is durable, with its audit record where it came by HTTP."""
    count, rounds = (100, 2) if quick else (400, 5)
    by_http: dict[int, tuple[list[float], list[float]]] = {1: ([], []), 8: ([], [])}
    bulk: tuple[list[float], list[float]] = [], []
    async with instance.server(), instance.worker(tags="dependency,python3"), instance.client() as client:
        path = await deploy(client)
    async with instance.server(), Database(instance.dsn) as database:
        for clients in by_http:
            await _http(instance, path, clients, 50)
        for _ in range(rounds):
            for clients, (ours, theirs) in by_http.items():
                theirs.append(await _inserts(instance, clients, count))
                ours.append(await _http(instance, path, clients, count))
            bulk[1].append(await _inserted(instance))
            bulk[0].append(await _through_queue(database))
    async with await instance.connect() as connection:
        await connection.execute("delete from job_queue")
    return [
        Figure(
            name=f"enqueue_http_{clients}",
            title=f"jobs taken in by HTTP, {clients} client{'s' * (clients > 1)}, with arguments checked and audited",
            unit="jobs/s",
            ours=ours,
            raw=theirs,
            against=f"an insert and commit a job, {clients} connection{'s' * (clients > 1)}",
        )
        for clients, (ours, theirs) in by_http.items()
    ] + [
        Figure(
            name="enqueue_bulk",
            title=f"jobs taken in through the queue's functions, {_BULK} a transaction",
            unit="jobs/s",
            ours=bulk[0],
            raw=bulk[1],
            against="one statement with all rows",
        )
    ]


async def _http(instance: Instance, path: str, clients: int, count: int) -> float:
    connections = [await Connection.open(instance.port, token=instance.login.token) for _ in range(clients)]

    async def send(connection: Connection) -> None:
        for _ in range(count // clients):
            status, body = await connection.post(f"/api/w/main/jobs/run/p/{path}", b'{"text":"a"}')
            if status != 201:
                raise RuntimeError(f"A job was not taken in: {status} {body[:300]!r}")

    began = time.perf_counter()
    await asyncio.gather(*map(send, connections))
    took_s = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return (count // clients) * clients / took_s


async def _inserts(instance: Instance, clients: int, count: int) -> float:
    connections = [await instance.connect() for _ in range(clients)]

    async def send(connection: psycopg.AsyncConnection[TupleRow]) -> None:
        for _ in range(count // clients):
            await connection.execute(_INSERT, prepare=True)

    began = time.perf_counter()
    await asyncio.gather(*map(send, connections))
    took_s = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return (count // clients) * clients / took_s


async def _through_queue(database: Database) -> float:
    now = milliseconds(datetime.now(UTC))
    jobs = [_new_job(now) for _ in range(_BULK)]
    began = time.perf_counter()
    async with database.transaction("main") as tx:
        await intake.take_in_all(tx, jobs)
    return _BULK / (time.perf_counter() - began)


def _new_job(now: int) -> NewJob:
    return NewJob(
        id=new_id(now),
        workspace_id="main",
        kind="noop",
        tag="bulk",
        created_by="admin",
        permissioned_as="u/admin",
        email="admin@tidemill.local",
        args=Kept(inline=Json(b"{}")),
    )


async def _inserted(instance: Instance) -> float:
    now = milliseconds(datetime.now(UTC))
    ids = [new_id(now) for _ in range(_BULK)]
    async with await instance.connect() as connection:
        began = time.perf_counter()
        await connection.execute(_INSERT_ALL, [ids])
        return _BULK / (time.perf_counter() - began)
