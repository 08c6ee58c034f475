"""References in resources under the reader's rights, and what a worker learns of the secrets that a job read."""

import json
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import JOB_SECRET, Api, audited
from tidemill.db import identity, references
from tidemill.engine import job_token
from tidemill.model.errors import InterpolationFailed
from tidemill.model.identity import Principal

V = "/api/w/main/variables"
R = "/api/w/main/resources"


async def variable(client: httpx.AsyncClient, path: str, value: str, *, secret: bool = False) -> None:
    body = {"path": path, "value": value, "is_secret": secret, "description": ""}
    assert (await client.post(f"{V}/create", json=body)).status_code == 201


async def resource(client: httpx.AsyncClient, path: str, value: object, *, kind: str = "any") -> None:
    body = {"path": path, "value": value, "resource_type": kind}
    assert (await client.post(f"{R}/create", json=body)).status_code == 201


async def whole(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.get(f"{R}/get_value_interpolated/{path}")


def job_of(client: httpx.AsyncClient) -> UUID:
    token = job_token.read(JOB_SECRET, client.headers["authorization"].removeprefix("Bearer "))
    assert token is not None
    return token.job_id


async def secrets_of(api: Api, job: httpx.AsyncClient, after: int = 0) -> tuple[list[bytes], int]:
    return await references.secrets_read_by_job(api.parts.database, api.parts.keyring, job_of(job), "main", after)


async def principal(api: Api, username: str) -> Principal:
    return await identity.principal_by_name(api.parts.database, f"{username}@x.org", "main")


async def test_references_are_replaced_through_several_levels(api: Api) -> None:
    await variable(api.developer, "u/dev/password", 'p"w\n', secret=True)
    await variable(api.developer, "u/dev/host", "db.local")
    await resource(api.developer, "u/dev/inner", {"password": "$var:u/dev/password", "n": 1})
    await resource(api.developer, "u/dev/outer", ["$res:u/dev/inner", {"h": "$var:u/dev/host"}, "see $var:u/dev/host"])
    answer = await whole(api.developer, "u/dev/outer")
    assert answer.json() == [{"password": 'p"w\n', "n": 1}, {"h": "db.local"}, "see $var:u/dev/host"]
    assert (await api.developer.get(f"{R}/get_value/u/dev/outer")).json()[0] == "$res:u/dev/inner"
    assert [each["resource"] for each in await audited(api, "variables.decrypt_secret")] == ["u/dev/password"]


async def test_a_circle_is_refused_and_named(api: Api) -> None:
    await resource(api.developer, "u/dev/a", {"x": "$res:u/dev/b"})
    await resource(api.developer, "u/dev/b", ["$res:u/dev/a"])
    answer = await whole(api.developer, "u/dev/a")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "interpolation_failed")
    assert "$res:u/dev/b -> $res:u/dev/a -> $res:u/dev/b" in answer.text


@pytest.mark.parametrize("target", ["$var:u/dev/nothing", "$res:u/dev/nothing", "$var:no path", "$var:", "$res:a\0b"])
async def test_a_target_that_is_not_there_is_named(api: Api, target: str) -> None:
    await resource(api.developer, "u/dev/r", {"x": target})
    answer = await whole(api.developer, "u/dev/r")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "interpolation_failed")
    assert target.partition(":")[2] in answer.text


async def test_rights_are_the_readers_and_hidden_looks_as_missing(api: Api) -> None:
    await variable(api.admin, "u/ada/secret", "x", secret=True)
    await resource(api.admin, "u/ada/open", {"a": "$var:u/ada/secret"})
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/open", json={"owner": "u/dev"})
    assert (await whole(api.admin, "u/ada/open")).json() == {"a": "x"}
    hidden = await whole(api.developer, "u/ada/open")
    assert hidden.status_code == 400
    await api.admin.delete(f"{V}/delete/u/ada/secret")
    missing = await whole(api.developer, "u/ada/open")
    assert missing.text == hidden.text
    assert len(await audited(api, "variables.decrypt_secret")) == 1


async def test_numbers_and_order_stay_as_they_are(api: Api) -> None:
    await variable(api.developer, "u/dev/v", "x")
    raw = '{"path":"u/dev/r","resource_type":"any","value":{"z": 1.10, "a": "$var:u/dev/v", "n": 1e400000}}'
    await api.developer.post(f"{R}/create", content=raw)
    assert (await whole(api.developer, "u/dev/r")).text == '{"z": 1.10, "a": "x", "n": 1e400000}'


async def test_a_secret_that_looks_like_a_reference_is_not_followed(api: Api) -> None:
    await variable(api.developer, "u/dev/v", "$res:u/dev/other", secret=True)
    await resource(api.developer, "u/dev/r", "$var:u/dev/v")
    assert (await whole(api.developer, "u/dev/r")).json() == "$res:u/dev/other"


async def test_what_would_unfold_to_a_giant_is_refused(api: Api) -> None:
    await resource(api.developer, "u/dev/r0", "x" * 1000)
    for level in range(1, 8):
        await resource(api.developer, f"u/dev/r{level}", [f"$res:u/dev/r{level - 1}"] * 10)
    answer = await whole(api.developer, "u/dev/r7")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (413, "too_large")


async def test_what_is_too_far_away_is_refused(api: Api) -> None:
    await resource(api.developer, "u/dev/r0", 1)
    for level in range(1, 30):
        await resource(api.developer, f"u/dev/r{level}", f"$res:u/dev/r{level - 1}")
    assert (await whole(api.developer, "u/dev/r15")).json() == 1
    assert (await whole(api.developer, "u/dev/r29")).status_code == 400


async def test_arguments_give_their_value_and_the_secrets_in_it(api: Api) -> None:
    await variable(api.developer, "u/dev/s", "first-secret", secret=True)
    await resource(api.developer, "u/dev/pg", {"password": "in-clear", "user": "$var:u/dev/s"}, kind="postgresql")
    raw = b'{"db": "$res:u/dev/pg", "n": 1.10}'
    caller = await principal(api, "dev")
    resolved, secrets = await references.resolve(api.parts.database, api.parts.keyring, caller, raw)
    assert json.loads(resolved) == {"db": {"password": "in-clear", "user": "first-secret"}, "n": 1.1}
    assert sorted(secrets) == [b"first-secret", b"in-clear"]
    assert await references.resolve(api.parts.database, api.parts.keyring, caller, b"[1.10]") == (b"[1.10]", [])
    with pytest.raises(InterpolationFailed):
        await references.resolve(api.parts.database, api.parts.keyring, await principal(api, "op"), b'["$var:u/dev/s"]')


async def test_a_worker_learns_each_secret_that_its_job_read(api: Api) -> None:
    job = await api.job("dev")
    assert await secrets_of(api, job) == ([], 0)
    await variable(api.developer, "u/dev/a", "secret-a", secret=True)
    await variable(api.developer, "u/dev/open", "no secret")
    await resource(api.developer, "u/dev/r", {"x": "$var:u/dev/a"})
    await resource(api.developer, "u/dev/pg", {"password": "secret-pg", "host": "h"}, kind="postgresql")
    for route in (f"{V}/get_value/u/dev/a", f"{V}/get_value/u/dev/open"):
        assert (await job.get(route)).status_code == 200
    found, after = await secrets_of(api, job)
    assert found == [b"secret-a"]
    assert await secrets_of(api, job, after) == ([], after)
    await job.get(f"{R}/get_value/u/dev/pg")
    found, later = await secrets_of(api, job, after)
    assert found == [b"secret-pg"]
    await whole(job, "u/dev/r")
    assert (await secrets_of(api, job, later))[0] == [b"secret-a"]
    other = await api.job("dev")
    assert await secrets_of(api, other) == ([], 0)


async def test_a_worker_learns_what_the_job_saw_even_if_it_changed_since(api: Api) -> None:
    job = await api.job("dev")
    await variable(api.developer, "u/dev/a", "first", secret=True)
    await variable(api.developer, "u/dev/b", "moving", secret=True)
    await resource(api.developer, "u/dev/pg", {"password": "old-password"}, kind="postgresql")
    for route in (f"{V}/get_value/u/dev/a", f"{V}/get/u/dev/b", f"{R}/get/u/dev/pg"):
        await job.get(route)
    await api.developer.post(f"{V}/update/u/dev/a", json={"value": "second"})
    await api.developer.post(f"{V}/update/u/dev/b", json={"path": "u/dev/c"})
    await api.developer.delete(f"{R}/delete/u/dev/pg")
    found, _ = await secrets_of(api, job)
    assert sorted(found) == [b"first", b"moving", b"old-password"]


async def test_a_job_that_lost_its_lease_writes_nothing(api: Api) -> None:
    job = await api.job("dev")
    await resource(api.developer, "u/dev/r", 1)
    assert (await job.post(f"{R}/update_value/u/dev/r", json={"value": 2})).status_code == 200
    async with api.parts.database.system() as tx:
        await tx._connection.execute(b"update job_queue set attempt = attempt + 1")
    for method, route in [("POST", f"{R}/update_value/u/dev/r"), ("DELETE", f"{R}/delete/u/dev/r")]:
        answer = await job.request(method, route, json={"value": 3})
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "lease_lost")
    assert (await api.developer.get(f"{R}/get_value/u/dev/r")).json() == 2


async def test_an_operators_job_reads_what_its_person_may_not(api: Api) -> None:
    await variable(api.developer, "u/dev/a", "x", secret=True)
    await api.developer.post("/api/w/main/acls/add/variable/u/dev/a", json={"owner": "u/op"})
    assert (await api.operator.get(f"{V}/get_value/u/dev/a")).status_code == 403
    job = await api.job("op")
    assert (await job.get(f"{V}/get_value/u/dev/a")).json() == "x"
