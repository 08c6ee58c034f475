"""Writers that compare and set, and readers beside them, over HTTP: every history can be put into one order.

And the same with writers that do not say which version they saw: that the checker finds out.
"""

import asyncio
import time

import httpx

from tests.api.conftest import Api
from tests.linearizability import Operation, is_linearizable

W = "/api/w/main/resources"
PATH = "u/dev/state"
WRITERS, READERS, ROUNDS = 20, 20, 2


class Recorder:
    """Sends requests and keeps what was asked and answered, when."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.history: list[Operation] = []
        self.lost = 0

    async def read(self) -> tuple[list[int], str]:
        called = time.perf_counter()
        answer = await self.client.get(f"{W}/get_value/{PATH}")
        value = answer.json()
        self.history.append(Operation(kind="read", value=tuple(value), called=called, returned=time.perf_counter()))
        return value, answer.headers["etag"]

    async def swap(self, old: list[int], new: list[int], *, etag: str | None) -> bool:
        """Replace `old` by `new`, only if it is still the version `etag` where that is given."""
        called = time.perf_counter()
        headers = {"If-Match": etag} if etag else {}
        answer = await self.client.post(f"{W}/update_value/{PATH}", json={"value": new}, headers=headers)
        assert answer.status_code in {200, 409}
        ok = answer.status_code == 200
        self.lost += not ok
        self.history.append(
            Operation(
                kind="swap", value=tuple(new), expected=tuple(old), ok=ok, called=called, returned=time.perf_counter()
            )
        )
        return ok


async def write(recorder: Recorder, number: int, *, careful: bool, start: asyncio.Barrier) -> None:
    """Append `number` to the list, again and again until it was taken; all writers begin from the same value."""
    for each in range(ROUNDS):
        value, etag = await recorder.read()
        if each == 0:
            await start.wait()
        while not await recorder.swap(value, [*value, number], etag=etag if careful else None):
            value, etag = await recorder.read()


async def history_of(api: Api, *, careful: bool) -> Recorder:
    body = {"path": PATH, "value": [], "resource_type": "state"}
    assert (await api.developer.post(f"{W}/create", json=body)).status_code == 201
    recorder = Recorder(api.developer)
    start = asyncio.Barrier(WRITERS)
    writers = [write(recorder, number, careful=careful, start=start) for number in range(WRITERS)]
    await asyncio.gather(*writers, *(recorder.read() for _ in range(READERS)))
    return recorder


async def test_compare_and_set_is_linearizable_and_loses_nothing(api: Api) -> None:
    recorder = await history_of(api, careful=True)
    assert is_linearizable(recorder.history, initial=())
    assert recorder.lost > 0
    final, _ = await recorder.read()
    assert sorted(final) == sorted(list(range(WRITERS)) * ROUNDS)


async def test_writers_that_do_not_compare_lose_updates_and_are_found_out(api: Api) -> None:
    recorder = await history_of(api, careful=False)
    assert not is_linearizable(recorder.history, initial=())
    final, _ = await recorder.read()
    assert len(final) < WRITERS * ROUNDS


async def test_increments_in_jobs_are_exact_when_their_lease_is_taken_away(api: Api) -> None:
    body = {"path": PATH, "value": [], "resource_type": "state"}
    assert (await api.developer.post(f"{W}/create", json=body)).status_code == 201
    recorder = Recorder(api.developer)
    jobs = [await api.job("dev") for _ in range(5)]
    async with api.parts.database.system() as tx:
        await tx._connection.execute(
            b"update job_queue set attempt = 2 where id = (select max(id::text)::uuid from job_queue)"
        )

    async def append(job: httpx.AsyncClient, number: int) -> int:
        while True:
            value, etag = await recorder.read()
            answer = await job.post(
                f"{W}/update_value/{PATH}", json={"value": [*value, number]}, headers={"If-Match": etag}
            )
            if answer.status_code == 200 or answer.headers["x-tidemill-error"] == "lease_lost":
                return answer.status_code

    statuses = await asyncio.gather(*(append(job, number) for number, job in enumerate(jobs)))
    assert sorted(statuses) == [200, 200, 200, 200, 409]
    final, _ = await recorder.read()
    assert sorted(final) == [0, 1, 2, 3]
