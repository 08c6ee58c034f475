"""What a step needs of a large value is read from the object store, and the rest of it is not."""

import hashlib
import json
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tests.flow_workers import Member, deploy, reads, result_of, script, start_flow, worker_parts
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.queue import ClaimedJob
from tidemill.stores.objects.content import BucketContent
from tidemill.stores.objects.memory import MemoryStore
from tidemill.stores.objects.port import Reading
from tidemill.worker.context import WorkerParts

ROW = b'{"id": %d, "name": "row number %d of many", "price": 12345678901234567890.25, "noise": "%064x"}'
ROWS = 600_000
EXPRESSIONS = {
    "results.a.rows[599998].id": b"599998",
    "results.a.rows[300000].price": b"12345678901234567890.25",
    "results.a.count": b"17",
    "results['a'].rows.length": b"600000",
    "previous_result.rows[0].name": b'"row number 0 of many"',
    "results.a.rows[599998].id + results.a.count": b"600015",
    "results.a.rows[results.a.rows.length - 1].name.length": b"25",
    "results.a.rows[999999]?.id ?? 'none'": b'"none"',
    "'rows' in results.a && results.a.absent === undefined": b"true",
}


class CountingStore(MemoryStore):
    """Knows how many bytes were read of it, and how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bytes = 0

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        reading = await super().get(key, start=start, end=end, etag=etag)
        return replace(reading, body=self._counted(reading.body))

    async def _counted(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in body:
            self.read_bytes += len(piece)
            yield piece


@pytest.fixture(scope="module")
def large() -> bytes:
    """About a hundred megabytes."""
    rows = b", ".join(ROW % (number, number, number * 0x9E3779B97F4A7C15 % 2**256) for number in range(ROWS))
    return b'{"rows": [' + rows + b'], "count": 17}'


async def args_of(parts: WorkerParts, job: ClaimedJob) -> bytes:
    return await parts.values.fetch(job.args, job.args_object) or b""


async def test_a_field_of_a_large_result_is_read_alone(database: Database, tmp_path: Path, large: bytes) -> None:
    assert len(large) > 90_000_000
    store = CountingStore()
    branches = [{"modules": [reads(f"s{number}", each)]} for number, each in enumerate(EXPRESSIONS)]
    value = {"modules": [script("a"), {"id": "b", "value": {"type": "branchall", "branches": branches}}]}
    async with worker_parts(database, tmp_path, content=BucketContent(store)) as parts:
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        await member.end(await member.claim(), large)
        tracemalloc.start()
        for expression, expected in EXPRESSIONS.items():
            read_before = store.read_bytes
            job = await member.claim()
            assert await args_of(parts, job) == b'{"seen":%s}' % expected, expression
            await member.end(job)
            assert store.read_bytes - read_before < 500_000, expression
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 30_000_000
        assert 0 < store.read_bytes < 1_000_000
        assert (await result_of(database, flow) or ("",))[0] == "success"


async def test_a_large_result_is_in_memory_once_on_its_way_to_the_next_step(database: Database, tmp_path: Path) -> None:
    raw = b'"' + b"x" * 40_000_000 + b'"'
    value = {"modules": [script("a"), reads("b", "results.a"), reads("c", "results.b.seen")]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        job = await member.claim()
        tracemalloc.start()
        await member.end(job, raw)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 1.2 * len(raw)
        job = await member.claim()
        assert await args_of(parts, job) == b'{"seen":%s}' % raw
        await member.end(job, await args_of(parts, job))
        job = await member.claim()
        assert await args_of(parts, job) == b'{"seen":%s}' % raw
        await member.end(job)
        assert (await result_of(database, flow) or ("",))[0] == "success"


async def test_a_large_value_is_handed_on_by_pieces(database: Database, tmp_path: Path, large: bytes) -> None:
    async with worker_parts(database, tmp_path) as parts:
        kept = await parts.values.keep(large, what="The value")
        assert kept.digest is not None
        seen = hashlib.sha256()
        tracemalloc.start()
        pieces, size = await parts.values.pieces(kept.digest)
        async for piece in pieces:
            seen.update(piece)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (size, seen.digest()) == (len(large), hashlib.sha256(large).digest())
    assert most < 20_000_000


async def test_what_is_wanted_as_a_whole_is_whole(database: Database, tmp_path: Path) -> None:
    rows = [{"id": number, "text": "x" * 50} for number in range(40_000)]
    raw = json.dumps({"rows": rows, "name": "n"}).encode()
    steps = {
        "results.a.rows.filter((row) => row.id > 39997).map((row) => row.id)": [39998, 39999],
        "results.a.rows": rows,
        "results.a": {"rows": rows, "name": "n"},
        "Object.keys(results.a)": ["rows", "name"],
        "results.a.rows.missing": None,
    }
    branches = [{"modules": [reads(f"s{number}", each)]} for number, each in enumerate(steps)]
    value = {"modules": [script("a"), {"id": "b", "value": {"type": "branchall", "branches": branches}}]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        await start_flow(database, value, {})
        await member.end(await member.claim(), raw)
        for expected in steps.values():
            job = await member.claim()
            assert json.loads(await args_of(parts, job)) == {"seen": expected}
            await member.end(job)


@pytest.mark.parametrize("expression", ["results.a.gone.x", "results.a.rows[3].x.y", "results.a.none.x + 1"])
async def test_what_is_missing_is_told_as_of_a_small_value(database: Database, tmp_path: Path, expression: str) -> None:
    told = []
    for count in (10, 40_000):
        raw = json.dumps({"rows": [{"id": n, "text": "x" * 50} for n in range(count)], "none": None}).encode()
        async with worker_parts(database, tmp_path) as parts:
            member = Member(f"of {count}", parts)
            flow = await start_flow(database, {"modules": [script("a"), reads("b", expression)]}, {})
            await member.end(await member.claim(), raw)
            status, result = await result_of(database, flow) or ("", {})
        assert status == "failure"
        assert isinstance(result, dict)
        told.append(result["error"]["message"])
    assert told[0] == told[1]


async def test_a_loop_over_many_items_reads_each_of_them_about_once(database: Database, tmp_path: Path) -> None:
    store, count = CountingStore(), 20
    items = [{"id": number, "noise": hashlib.shake_256(b"%d" % number).hexdigest(64_000)} for number in range(count)]
    loop = {
        "id": "loop",
        "value": {
            "type": "forloopflow",
            "iterator": {"type": "javascript", "expr": "results.a.items"},
            "modules": [reads("each", "flow_input.iter.value.id")],
        },
    }
    async with worker_parts(database, tmp_path, content=BucketContent(store), inline_value_bytes="1000") as parts:
        member = Member("one", parts)
        flow = await start_flow(database, {"modules": [script("a"), loop]}, {})
        await member.end(await member.claim(), json.dumps({"items": items}).encode())
        held = sum(len(json.dumps(each)) for each in items)
        read_first = store.read_bytes
        for number in range(count):
            job = await member.claim()
            assert await args_of(parts, job) == b'{"seen":%d}' % number
            await member.end(job)
        assert (await result_of(database, flow) or ("",))[0] == "success"
    assert store.read_bytes - read_first < 3 * held


async def test_an_iteration_takes_what_it_is_for_and_leaves_the_rest_of_the_input(
    database: Database, tmp_path: Path
) -> None:
    inputs = {"items": [{"id": number} for number in range(6)], "rest": "x" * 2_000_000, "name": "n"}
    expressions = {"seen": "flow_input.iter.value.id", "name": "flow_input.name", "at": "flow_input.iter.index"}
    transforms = {name: {"type": "javascript", "expr": each} for name, each in expressions.items()}
    each = {**script("each")["value"], "input_transforms": transforms}  # type: ignore[dict-item]
    iterator = {"type": "javascript", "expr": "flow_input.items"}
    value = {"type": "forloopflow", "iterator": iterator, "modules": [{"id": "each", "value": each}]}
    async with worker_parts(database, tmp_path, inline_value_bytes="4000000") as parts:
        member = Member("one", parts)
        await start_flow(database, {"modules": [{"id": "loop", "value": value}]}, inputs)
        for number in range(6):
            job = await member.claim()
            assert json.loads(await args_of(parts, job)) == {"seen": number, "name": "n", "at": number}
            tracemalloc.start()
            await member.end(job)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < 1_000_000


async def test_parts_of_gathered_results_are_read_alone(database: Database, tmp_path: Path) -> None:
    store = CountingStore()
    iterator = {"type": "static", "value": [1, 2, 3]}
    loop = {"id": "a", "value": {"type": "forloopflow", "iterator": iterator, "modules": [script("each")]}}
    steps = {
        "results.a[2].rows[5].n": b"205",
        "results.a.length + results.a[0].rows[7].n": b"10",
        "results.a[3]": b"null",
        "results.a['9'.repeat(5000)] ?? results.a['\u0662'] ?? 'no index'": b'"no index"',
    }
    branches = [{"modules": [reads(f"s{number}", each)]} for number, each in enumerate(steps)]
    value = {"modules": [loop, {"id": "b", "value": {"type": "branchall", "branches": branches}}]}
    async with worker_parts(database, tmp_path, content=BucketContent(store)) as parts:
        member = Member("one", parts)
        await start_flow(database, value, {})
        for each in range(3):
            rows = [
                {"n": number + 100 * each, "noise": f"{number * 0x9E3779B97F4A7C15:x}" * 3} for number in range(50_000)
            ]
            await member.end(await member.claim(), json.dumps({"rows": rows}).encode())
        for expected in steps.values():
            job = await member.claim()
            assert await args_of(parts, job) == b'{"seen":%s}' % expected
            await member.end(job)
    assert store.read_bytes < 500_000


@pytest.mark.parametrize("parts_are", ["null", "'\\xc1'", "'\\x9400'", "parts"])
async def test_a_value_whose_index_does_not_fit_is_read_whole(
    database: Database, tmp_path: Path, parts_are: str
) -> None:
    raw = json.dumps({"rows": [{"id": n, "text": "x" * 50} for n in range(40_000)]}).encode()
    value = {"modules": [script("a"), reads("b", "results.a.rows[7].id"), reads("c", "results.a.rows[8].id + 1")]}
    async with worker_parts(database, tmp_path) as parts:
        member = Member("one", parts)
        await start_flow(database, value, {})
        await member.end(await member.claim(), raw)
        (stored,) = (each for each in (tmp_path / "objects").rglob("*.zst"))
        if parts_are == "parts":  # as it was kept before there were blocks
            stored.write_bytes(zstandard.ZstdCompressor().compress(raw))
        await database.single.execute(inline(f"update instance_object set parts = {parts_are}"))
    async with worker_parts(database, tmp_path) as parts:
        member = Member("other", parts)
        await member.end(await member.claim())
        job = await member.claim()
        assert await args_of(parts, job) == b'{"seen":9}'


async def test_some_bytes_of_a_large_value_are_read_alone(database: Database, tmp_path: Path) -> None:
    store = CountingStore()
    raw = b'"' + b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(100_000)) + b'"'
    async with worker_parts(database, tmp_path, content=BucketContent(store)) as parts:
        kept = await parts.values.keep(raw, what="A text")
        for start, end, expected in (
            (0, 5, raw[:5]),
            (-7, None, raw[-7:]),
            (3_000_000, 3_000_009, raw[3_000_000:][:9]),
        ):
            assert await parts.values.stretch(None, kept.digest, start, end) == (expected, len(raw))
    assert store.read_bytes < 500_000


async def test_parts_of_a_large_input_are_read_alone(database: Database, tmp_path: Path) -> None:
    store = CountingStore()
    rows = [{"id": number, "noise": hashlib.sha256(b"%d" % number).hexdigest()} for number in range(40_000)]
    steps = {
        "flow_input.big.rows[39000].id": 39_000,
        "flow_input.iter.value + flow_input.big.count + flow_input.small": 7 + 17 + 1,
        "[flow_input.iter.index, flow_input.big.rows.length]": [0, 40_000],
        "previous_result.big.rows[5].id + flow_input.iter.value": 12,
        "Object.keys(flow_input)": ["big", "small", "iter"],
        "flow_input.absent": None,
    }
    inside = [reads(f"s{number}", each) for number, each in enumerate(steps)]
    branches = [{"modules": [each]} for each in inside]
    iterator = {"type": "static", "value": [7]}
    both = {"id": "b", "value": {"type": "branchall", "branches": branches}}
    below = {"modules": [{"id": "l", "value": {"type": "forloopflow", "iterator": iterator, "modules": [both]}}]}
    inputs = {
        "big": {"type": "javascript", "expr": "results.a"},
        "small": {"type": "static", "value": 1},
    }
    value = {
        "modules": [
            script("a"),
            {"id": "f", "value": {"type": "flow", "path": "u/ann/below", "input_transforms": inputs}},
        ]
    }
    async with worker_parts(database, tmp_path, content=BucketContent(store)) as parts:
        await deploy(database, {"u/ann/below": below})
        member = Member("one", parts)
        flow = await start_flow(database, value, {})
        await member.end(await member.claim(), json.dumps({"rows": rows, "count": 17}).encode())
        read: list[int] = []
        for expression, expected in steps.items():
            job = await member.claim()
            read.append(store.read_bytes)
            assert json.loads(await args_of(parts, job)) == {"seen": expected}, expression
            await member.end(job)
        assert read[3] - read[0] < 600_000 < read[4] - read[3]
        assert (await result_of(database, flow) or ("",))[0] == "success"
