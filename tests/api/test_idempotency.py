"""The same request, sent again with the same `Idempotency-Key`, makes one job (reliability A07)."""

import asyncio
import random
from uuid import UUID

import httpx

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api
from tidemill.db import idempotency
from tidemill.db.idempotency import Claim

URL = f"{W}/jobs/run/p/u/dev/hello"
WAIT = f"{W}/jobs/run_wait_result/p/u/dev/hello"


async def send(client: httpx.AsyncClient, key: str, body: object = None, url: str = URL) -> httpx.Response:
    return await client.post(url, json=body or {}, headers={"Idempotency-Key": key})


async def count(api: Api) -> int:
    return int((await api.developer.get(f"{W}/jobs/queue/count")).json()["database_length"])


async def test_a_repeat_is_answered_with_the_first_job(api: Api) -> None:
    await deploy(api.developer)
    first = await send(api.developer, "k", {"name": "a"})
    again = await send(api.developer, "k", {"name": "a"})
    assert (again.status_code, again.text) == (201, first.text)
    assert await count(api) == 1


async def test_another_request_with_the_key_is_refused(api: Api) -> None:
    await deploy(api.developer)
    await deploy(api.developer, path="u/dev/other")
    await send(api.developer, "k", {"name": "a"})
    for answer in (
        await send(api.developer, "k", {"name": "b"}),
        await send(api.developer, "k", {"name": "a"}, f"{W}/jobs/run/p/u/dev/other"),
        await send(api.developer, "k", {"name": "a"}, f"{URL}?tag=custom"),
    ):
        assert answer.status_code == 422
        assert answer.headers["x-tidemill-error"] == "idempotency_mismatch"
    assert await count(api) == 1


async def test_the_key_of_another_caller_is_another_key(api: Api) -> None:
    await deploy(api.developer)
    ids = {(await send(client, "k", {"name": "a"})).text for client in (api.developer, api.admin)}
    assert len(ids) == 2


async def test_a_key_holds_when_the_script_was_deployed_anew_meanwhile(api: Api) -> None:
    number = await deploy(api.developer)
    first = await send(api.developer, "k")
    await deploy(api.developer, content="def main(): ...\n", parent_hash=number)
    assert (await send(api.developer, "k")).text == first.text


async def test_a_key_that_is_being_worked_on_is_in_flight(api: Api) -> None:
    await deploy(api.developer)
    async with api.parts.database.transaction("main") as tx:
        await idempotency.earlier_job(tx, Claim("main", "u/dev", "k", b"another"))
        answer = await send(api.developer, "k")
        assert answer.status_code == 409
        assert answer.headers["x-tidemill-error"] == "idempotency_in_flight"
    assert (await send(api.developer, "k")).status_code == 201


async def test_a_repeat_of_a_waiting_request_waits_for_the_first_one(api: Api) -> None:
    await deploy(api.developer)
    waiting = asyncio.create_task(send(api.developer, "k", url=WAIT))
    while await count(api) == 0:
        await asyncio.sleep(0)
    in_flight = await send(api.developer, "k", url=WAIT)
    assert in_flight.status_code == 409
    (job,) = (await api.developer.get(f"{W}/jobs/queue/list")).json()
    await Worker(api).end(UUID(job["id"]), b"42")
    assert (await waiting).json() == 42
    assert (await send(api.developer, "k", url=WAIT)).json() == 42


async def test_a_request_that_was_refused_leaves_its_key_free(api: Api) -> None:
    await deploy(api.developer)
    refused = await send(api.developer, "k", url=f"{URL}?queue_limit=0")
    assert refused.status_code == 429
    assert (await send(api.developer, "k")).status_code == 201


async def test_a_key_of_no_or_too_many_characters_is_refused(api: Api) -> None:
    await deploy(api.developer)
    assert (await send(api.developer, "")).status_code == 400
    assert (await send(api.developer, "k" * 256)).status_code == 400


async def test_multipart_bodies_are_the_same_whatever_their_boundary(api: Api) -> None:
    await deploy(api.developer, content="def main(data: bytes): ...\n")
    ids = set()
    for _ in range(2):
        answer = await api.developer.post(URL, files={"data": ("f", b"x")}, headers={"Idempotency-Key": "k"})
        ids.add(answer.text)
    assert len(ids) == 1


async def test_n_keys_make_n_jobs_though_answers_get_lost(api: Api) -> None:
    await deploy(api.developer)
    chance = random.Random(7)
    ids: dict[str, set[str]] = {}

    async def send_until_answered(key: str) -> None:
        while True:
            answer = await send(api.developer, key, {"name": key})
            is_lost = chance.random() < 0.3
            if answer.status_code == 201:
                ids.setdefault(key, set()).add(answer.text)
                if not is_lost:
                    return

    keys = [f"key-{number}" for number in range(30)]
    await asyncio.gather(*(send_until_answered(key) for key in keys for _ in range(2)))
    assert all(len(found) == 1 for found in ids.values())
    assert len({*ids}) == len(keys) == await count(api)


async def test_without_a_key_each_request_makes_a_job(api: Api) -> None:
    await deploy(api.developer)
    assert await run(api.developer) != await run(api.developer)
