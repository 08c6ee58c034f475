"""What steps of a loop pass on that run nothing: values that all iterations have, or that each makes anew."""

import json
import tracemalloc
from pathlib import Path

import pytest

from tests.db.test_flow_statements import Counting
from tests.flow_workers import Member, reads, result_of, script, start_flow, worker_parts
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.values import Values

pytestmark = pytest.mark.parametrize("postgres_kind", ["embedded"], scope="session")

IDENTITY = {"id": "i", "value": {"type": "identity"}}
MOCK = {**script("i"), "mock": {"enabled": True, "return_value": "m" * 100_000}}
ROWS = inline(
    "select count(*) as rows, coalesce(sum(octet_length(c.result::text)), 0) as bytes "
    "from job_completed c join job j using (id) where j.flow_step_id in ('i', 'l')"
)
RESULT = inline("select status, result, result_object from job_completed where id = :id")


def loop(count: int, *inside: object) -> dict[str, object]:
    items = {"type": "static", "value": list(range(count))}
    return {"id": "l", "value": {"type": "forloopflow", "iterator": items, "modules": list(inside)}}


async def outcome(database: Database, values: Values, job: object) -> tuple[str, object]:
    row = await database.single.fetch_one(RESULT, id=job)
    return row["status"], json.loads(await values.fetch(row["result"], row["result_object"]) or b"null")


@pytest.mark.parametrize("first", ["identity", "skipped", "mock"])
async def test_a_value_that_all_iterations_pass_on_is_kept_once(database: Database, tmp_path: Path, first: str) -> None:
    passes = {"identity": IDENTITY, "skipped": {**script("i"), "skip_if": {"expr": "true"}}, "mock": MOCK}[first]
    text = ("m" if first == "mock" else "x") * 100_000
    value = {"modules": [script("a"), loop(60, passes), reads("b", "results.l[59].length + results.l.length")]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        await member.end(await member.claim(), json.dumps("x" * 100_000).encode())
        job = await member.claim()
        assert job.args == b'{"seen":100060}'
        await member.end(job)
        found = await database.single.fetch_one(ROWS)
        assert (found["rows"], found["bytes"]) == (120, 0)
        assert (await result_of(database, flow) or ("",))[0] == "success"
        again = await start_flow(database, {"modules": [script("a"), loop(2, passes)]}, {})
        await member.end(await member.claim(), json.dumps("x" * 100_000).encode())
        assert await outcome(database, parts.values, again) == ("success", [text, text])


async def test_results_of_a_loop_that_all_iterations_of_the_next_pass_on_are_put_together_once(
    database: Database, tmp_path: Path
) -> None:
    each = {**script("e"), "mock": {"enabled": True, "return_value": "e" * 2_000}}
    first = {**loop(20, each), "id": "k"}
    async with worker_parts(database, tmp_path) as parts:
        flow = await start_flow(database, {"modules": [first, loop(30, IDENTITY)]}, {})
        await Member("one", parts).look_at_all()
        status, result = await outcome(database, parts.values, flow)
        found = await database.single.fetch_one(ROWS)
    assert (status, result) == ("success", [["e" * 2_000] * 20] * 30)
    assert (found["rows"], found["bytes"]) == (60, 0)


@pytest.mark.parametrize(("inline_bytes", "count"), [("262144", 300), ("1000", 60)], ids=["in rows", "objects"])
async def test_values_that_each_iteration_makes_anew_are_not_held_together(
    database: Database, tmp_path: Path, inline_bytes: str, count: int
) -> None:
    """An identity first in a loop gives the input of the flow with what the loop is at."""
    text = "x" * 200_000
    async with worker_parts(database, tmp_path, inline_value_bytes=inline_bytes) as parts:
        kept = await parts.values.keep(json.dumps({"text": text}).encode(), what="The input")
        flow = await start_flow(database, {"modules": [loop(count, IDENTITY), script("b")]}, {})
        await database.single.execute(
            inline("update job set args = :args::json, args_object = :digest where id = :id"),
            args=kept.inline,
            digest=kept.digest,
            id=flow,
        )
        member = Member("one", parts)
        tracemalloc.start()
        job = await member.claim()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert job.flow_step_id == "b"
        assert most < 60_000_000
        last = await database.single.fetch_one(
            inline(
                "select c.id from job_completed c join job j using (id) where j.flow_step_id = 'i' "
                "order by c.id desc limit 1"
            )
        )
        assert await outcome(database, parts.values, last["id"]) == (
            "success",
            {"text": text, "iter": {"index": count - 1, "value": count - 1}},
        )


@pytest.mark.parametrize(("same_worker", "statements"), [(True, 1), (False, 3)])
async def test_a_flow_that_stays_on_its_worker_is_not_left_to_whoever_looks_next(
    database_dsn: str, tmp_path: Path, same_worker: bool, statements: int
) -> None:
    async with Counting(database_dsn) as database, worker_parts(database, tmp_path) as parts:
        flow = await start_flow(
            database, {"modules": [loop(50, IDENTITY)], "same_worker": same_worker}, {"text": "x" * 200_000}
        )
        database.counted.clear()
        await Member("one", parts).look_at_all()
        assert database.counted["flow_runs.advance"] == statements
        assert (await result_of(database, flow) or ("",))[0] == "success"
