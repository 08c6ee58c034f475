"""Leases over HTTP: one holder at a time, and a number that only ever grows."""

import asyncio

import httpx
import pytest

from tests.api.conftest import Api

W = "/api/w/main/leases"
PATH = "u/dev/nightly"


async def acquire(client: httpx.AsyncClient, path: str = PATH, holder: str = "me", ttl_s: float = 60) -> httpx.Response:
    return await client.post(f"{W}/acquire/{path}", json={"holder": holder, "ttl_s": ttl_s})


async def expire(api: Api) -> None:
    async with api.parts.database.system() as tx:
        await tx._connection.execute(b"update lease set expires_at = now() - interval '1 second'")


async def test_one_holder_at_a_time_and_the_other_is_told_who(api: Api) -> None:
    got = await acquire(api.developer, holder="first")
    assert got.status_code == 200
    held = await acquire(api.developer, holder="second")
    assert (held.status_code, held.headers["x-tidemill-error"]) == (409, "lease_held")
    assert (held.json()["holder"], held.json()["expires_at"]) == ("first", got.json()["expires_at"])
    seen = (await api.developer.get(f"{W}/get/{PATH}")).json()
    assert (seen["holder"], seen["fence"], seen["is_held"]) == ("first", got.json()["fence"], True)


async def test_the_number_grows_after_release_and_after_expiry(api: Api) -> None:
    fences = []
    for end in ("release", "expire", "release"):
        fences.append((await acquire(api.developer)).json()["fence"])
        if end == "expire":
            await expire(api)
        else:
            answer = await api.developer.post(f"{W}/release/{PATH}", json={"fence": fences[-1]})
            assert (answer.status_code, answer.json()["is_held"]) == (200, False)
    fences.append((await acquire(api.developer)).json()["fence"])
    assert fences == sorted(set(fences))


async def test_only_the_holder_renews_and_releases_and_only_in_time(api: Api) -> None:
    fence = (await acquire(api.developer)).json()["fence"]
    renewed = await api.developer.post(f"{W}/renew/{PATH}", json={"fence": fence, "ttl_s": 600})
    assert renewed.status_code == 200
    assert renewed.json()["expires_at"] > (await acquire(api.developer, "u/dev/other")).json()["expires_at"]
    for route in ("renew", "release"):
        answer = await api.developer.post(f"{W}/{route}/{PATH}", json={"fence": fence - 1})
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "lease_lost")
    await expire(api)
    for route in ("renew", "release"):
        assert (await api.developer.post(f"{W}/{route}/{PATH}", json={"fence": fence})).status_code == 409
    assert (await api.developer.get(f"{W}/get/{PATH}")).json()["is_held"] is False


async def test_of_many_that_ask_at_once_one_gets_it(api: Api) -> None:
    answers = await asyncio.gather(*(acquire(api.developer, holder=str(number)) for number in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    fence = next(answer.json()["fence"] for answer in answers if answer.status_code == 200)
    await expire(api)
    answers = await asyncio.gather(*(acquire(api.developer, holder=str(number)) for number in range(10)))
    (winner,) = [answer.json()["fence"] for answer in answers if answer.status_code == 200]
    assert winner > fence


async def test_a_lease_wants_the_right_to_write_there(api: Api) -> None:
    for path, status in (("u/ada/x", 404), ("nowhere", 400)):
        assert (await acquire(api.developer, path)).status_code == status
        assert (await api.developer.get(f"{W}/get/{path}")).status_code == status
    body = {"path": "u/ada/r", "value": 1, "resource_type": "any"}
    await api.admin.post("/api/w/main/resources/create", json=body)
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/r", json={"owner": "u/dev", "write": False})
    assert (await acquire(api.developer, "u/ada/r")).status_code == 403
    assert (await api.developer.get(f"{W}/get/u/ada/r")).status_code == 404
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/r", json={"owner": "u/dev", "write": True})
    assert (await acquire(api.developer, "u/ada/r")).status_code == 200
    assert (await api.developer.get(f"{W}/get/u/dev/never")).status_code == 404


async def test_a_job_that_lost_its_attempt_gets_no_lease(api: Api) -> None:
    job = await api.job("dev")
    assert (await acquire(job)).status_code == 200
    async with api.parts.database.system() as tx:
        await tx._connection.execute(b"update job_queue set attempt = attempt + 1")
    answer = await acquire(job, "u/dev/other")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "lease_lost")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl_s": 0},
        {"ttl_s": -1},
        {"ttl_s": 1e9},
        {"ttl_s": "x"},
        {"holder": ""},
        {"holder": "x" * 201},
        {"holder": "\u0000"},
        {"holder": 1},
    ],
)
async def test_bad_input_is_refused(api: Api, wrong: dict[str, object]) -> None:
    answer = await api.developer.post(f"{W}/acquire/{PATH}", json={"holder": "me", "ttl_s": 1} | wrong)
    assert answer.status_code == 400
    for fence in (None, -1, 2**63, "1"):
        assert (await api.developer.post(f"{W}/renew/{PATH}", json={"fence": fence})).status_code == 400
