"""Results that flows do without: of an earlier run that was removed, and more than can be held at once."""

from pathlib import Path
from typing import Any

import pytest

from tests.flow_workers import WORKSPACE, Member, reads, result_of, script, start_flow, worker_parts
from tidemill.db import prune
from tidemill.db.pool import Database
from tidemill.server.flow_restart import At, again_of
from tidemill.worker.flows import known


def loop(name: str, items: list[object], step: dict[str, object]) -> dict[str, object]:
    iterator = {"type": "static", "value": items}
    return {"id": name, "value": {"type": "forloopflow", "iterator": iterator, "modules": [step]}}


@pytest.mark.parametrize(
    ("second", "place"),
    [
        (reads("b", "results.a"), "step 'b'"),
        (reads("b", "results.a + 1"), "step 'b'"),
        ({"id": "b", "value": {"type": "identity"}}, ""),
        ({"id": "b", "value": {"type": "branchone", "branches": [], "default": []}}, ""),
    ],
    ids=["path", "JavaScript", "passed on", "passed on by nothing"],
)
async def test_a_result_of_a_run_that_was_removed_is_an_error(
    database: Database, tmp_path: Path, second: dict[str, Any], place: str
) -> None:
    value = {"modules": [script("a"), second]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        first = await start_flow(database, value, {})
        job = await member.claim()
        await member.end(job)
        if "input_transforms" in second["value"]:
            await member.end(await member.claim())
        again = await again_of(database.single, WORKSPACE, first, [At(step_id="b")])
        assert await prune.remove_jobs(database, days=0)
        flow = await start_flow(database, value, {}, again=again)
        await Member("other", parts).look_at_all()
        status, result = await result_of(database, flow) or ("", {})
    assert isinstance(result, dict)
    assert (status, result["error"]["name"]) == ("failure", "ResultGone")
    told = result["error"]["message"]
    assert f"The result of step 'a' (job {job.id}) is gone" in told
    assert "Start the flow anew from step 'a'" in told
    assert place in told


async def test_an_iteration_of_a_run_that_was_removed_is_an_error(database: Database, tmp_path: Path) -> None:
    value = {"modules": [loop("a", [1, 2], script("each")), reads("b", "results.a")]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        first = await start_flow(database, value, {})
        for _ in range(3):
            await member.end(await member.claim())
        again = await again_of(database.single, WORKSPACE, first, [At(step_id="b")])
        assert await prune.remove_jobs(database, days=0)
        flow = await start_flow(database, value, {}, again=again)
        await Member("other", parts).look_at_all()
        status, result = await result_of(database, flow) or ("", {})
    assert isinstance(result, dict)
    assert (status, result["error"]["name"]) == ("failure", "ResultGone")
    assert "iteration or branch 0 of step 'a'" in result["error"]["message"]


async def test_many_large_results_are_loaded_in_one_go(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MOST_LOADS", 20)
    value = {"modules": [loop("a", list(range(30)), script("each")), reads("b", "results.a.map((row) => row.length)")]}
    async with worker_parts(database, tmp_path, inline_value_bytes="100") as parts:
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        for number in range(30):
            await member.end(await member.claim(), b'"%s"' % (b"x" * (200 + number)))
        other = Member("other", parts)
        job = await other.claim()
        raw = await parts.values.fetch(job.args, job.args_object)
        assert raw == b'{"seen":[%s]}' % b",".join(b"%d" % (200 + number) for number in range(30))
        await other.end(job)
        assert await result_of(database, flow) == ("success", "b")


async def test_results_that_are_too_large_together_fail_the_step_that_wants_them(
    database: Database, tmp_path: Path
) -> None:
    value = {"modules": [loop("a", [1, 2], script("each")), reads("b", "results.a")]}
    async with worker_parts(database, tmp_path, max_value_bytes="100000", inline_value_bytes="1000") as parts:
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        for _ in range(2):
            await member.end(await member.claim(), b'"%s"' % (b"x" * 60_000))
        status, result = await result_of(database, flow) or ("", {})
    assert isinstance(result, dict)
    assert status == "failure"
    assert "step 'b'" in result["error"]["message"]
    assert "TIDEMILL_MAX_VALUE_BYTES" in result["error"]["message"]


async def test_a_step_that_asks_for_more_than_can_be_loaded_fails(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MOST_LOADS", 5)
    wants = f"[{', '.join(f'results.s{number}.x' for number in range(10))}]"
    value = {"modules": [*(script(f"s{number}") for number in range(10)), reads("b", wants)]}
    async with worker_parts(database, tmp_path) as parts:
        one = Member("one", parts)
        flow = await start_flow(database, value, {})
        for _ in range(9):
            await one.end(await one.claim(), b'{"x": 1}')
        other = Member("other", parts)  # which remembers none of their results
        await other.end(await other.claim(), b'{"x": 1}')
        status, result = await result_of(database, flow) or ("", {})
    assert isinstance(result, dict)
    assert status == "failure"
    assert "step 'b'" in result["error"]["message"]
    assert "more than 5 values" in result["error"]["message"]
