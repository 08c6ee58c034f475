"""Access keys of members, and the S3 credentials of tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Api, OneRootKey, audited
from tests.api.s3.conftest import BUCKET, S3, refusal, run, s3
from tidemill.db.keys import check_secrets
from tidemill.db.queries import inline
from tidemill.db.rotation import rotate_workspace_key
from tidemill.model.identity import Role
from tidemill.server.s3.credentials import S3Credentials

__all__ = ["s3"]

W = "/api/w/main"


async def make(client: Any, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"{W}/access_keys/create", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def keys(made: dict[str, Any]) -> S3Credentials:
    return S3Credentials(made["access_key"], made["secret_key"])


async def test_a_key_acts_for_the_member_who_made_it(s3: S3) -> None:
    made = await make(s3.api.developer, label="ci")
    assert made["access_key"].startswith("TMK")
    assert made["endpoint"] == "http://tidemill.test/api/w/main/s3_proxy"
    client = s3.client(keys(made))
    await run(client.put_object, Bucket=BUCKET, Key="u/dev/k", Body=b"x")
    assert await refusal(client.put_object, Bucket=BUCKET, Key="u/ada/k", Body=b"x") == (403, "AccessDenied")
    (listed,) = (await s3.api.developer.get(f"{W}/access_keys/list")).json()
    assert (listed["access_key"], listed["owner"], listed["label"]) == (made["access_key"], "dev", "ci")
    assert listed["last_used_at"] is not None
    assert "secret" not in str(listed)
    assert made["secret_key"] not in str(await audited(s3.api, "access_keys.create"))


async def test_a_revoked_key_is_refused_at_once(s3: S3) -> None:
    made = await make(s3.api.developer)
    client = s3.client(keys(made))
    await run(client.list_buckets)
    at = f"{W}/access_keys/delete/{made['access_key']}"
    assert (await s3.api.operator.delete(at)).status_code == 404
    assert (await s3.api.outsider.delete(at)).status_code == 404
    assert (await s3.api.developer.delete(at)).status_code == 200
    assert await refusal(client.list_buckets) == (403, "InvalidAccessKeyId")
    assert [each["resource"] for each in await audited(s3.api, "access_keys.delete")] == [made["access_key"]]


async def test_admins_see_and_revoke_the_keys_of_all(api: Api) -> None:
    made = await make(api.developer)
    assert (await api.admin.get(f"{W}/access_keys/list")).json() == []
    everybody = await api.admin.get(f"{W}/access_keys/list", params={"all_members": True})
    assert [each["owner"] for each in everybody.json()] == ["dev"]
    assert (await api.operator.get(f"{W}/access_keys/list", params={"all_members": True})).json() == []
    assert (await api.admin.delete(f"{W}/access_keys/delete/{made['access_key']}")).status_code == 200


async def test_a_key_ends_with_its_time_its_member_and_its_disabling(s3: S3) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert (await s3.api.developer.post(f"{W}/access_keys/create", json={"expiration": past})).status_code == 400
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    client = s3.client(keys(await make(s3.api.developer, expiration=later)))
    await run(client.list_buckets)
    for disabled, told in ((True, (403, "AccessDenied")), (False, None)):
        assert (await s3.api.admin.post(f"{W}/users/update/dev", json={"disabled": disabled})).status_code == 200
        assert told is None or await refusal(client.list_buckets) == told
    await s3.api.parts.database.single.execute(inline("update access_key set expires_at = now()"))
    assert await refusal(client.list_buckets) == (403, "InvalidAccessKeyId")
    assert (await s3.api.admin.delete(f"{W}/users/delete/dev")).status_code == 200
    assert await s3.api.parts.database.single.fetch_all(inline("select id from access_key")) == []


async def test_a_key_reaches_no_further_than_what_made_it(s3: S3) -> None:
    api = s3.api
    reads = await api.client(await api.token("dev@x.org", scopes=["job_helpers:write"]))
    assert (await reads.post(f"{W}/access_keys/create", json={"scopes": ["job_helpers:read"]})).status_code == 403
    made = await make(reads)
    client = s3.client(keys(made))
    await run(client.put_object, Bucket=BUCKET, Key="u/dev/k", Body=b"x")
    assert await refusal(client.get_object, Bucket=BUCKET, Key="u/dev/k") == (403, "AccessDenied")
    until = datetime.now(UTC) + timedelta(hours=1)
    short = await api.client(await api.token("dev@x.org", expires_at=until))
    await make(short, label="as long as the token")
    listed = (await api.developer.get(f"{W}/access_keys/list")).json()[0]
    assert datetime.fromisoformat(listed["expiration"]) == until
    only_reads = s3.client(keys(await make(api.developer, read_only=True)))
    assert await refusal(only_reads.put_object, Bucket=BUCKET, Key="u/dev/k", Body=b"x") == (403, "AccessDenied")
    assert (await run(only_reads.get_object, Bucket=BUCKET, Key="u/dev/k"))["ContentLength"] == 1


async def test_who_makes_no_keys(api: Api) -> None:
    assert (await (await api.job("dev")).post(f"{W}/access_keys/create", json={})).status_code == 403
    answer = await api.superadmin.post(f"{W}/access_keys/create", json={})
    assert (answer.status_code, "of members" in answer.text) == (400, True)
    session = await api.client()
    await api.superadmin.post("/api/users/set_password_of/dev@x.org", json={"password": "a-long-enough-password"})
    login = {"email": "dev@x.org", "password": "a-long-enough-password"}
    assert (await session.post("/api/auth/login", json=login)).status_code == 200
    denied = await session.post(f"{W}/s3_credentials", headers={"X-Tidemill-CSRF": "1"})
    assert (denied.status_code, "session" in denied.text) == (403, True)


async def test_tokens_and_jobs_have_credentials(s3: S3) -> None:
    for caller in (s3.api.developer, await s3.api.job("dev")):
        made = (await caller.post(f"{W}/s3_credentials")).json()
        assert (made["bucket"], made["port_endpoint"]) == (BUCKET, None)
        await run(s3.client(keys(made)).put_object, Bucket=BUCKET, Key="u/dev/k", Body=b"x")
        assert (await run(s3.client(keys(made), url=s3.proxy).get_object, Bucket=BUCKET, Key="u/dev/k"))[
            "ContentLength"
        ] == 1


async def test_secrets_are_sealed_and_go_along_when_keys_are_rotated(s3: S3) -> None:
    parts = s3.api.parts
    made = await make(s3.api.developer)
    row = await parts.database.single.fetch_one(inline("select sealed from access_key"))
    assert made["secret_key"].encode() not in row["sealed"]
    await rotate_workspace_key(parts.database, OneRootKey(), workspace="main", grace_s=0)
    assert (await check_secrets(parts.database, OneRootKey())).failed == []
    assert (await parts.database.single.fetch_one(inline("select key_id from access_key")))["key_id"] == 2
    await run(s3.client(keys(made)).list_buckets)
    await parts.database.single.execute(inline("update access_key set id = 'TMKMOVED'"))
    report = await check_secrets(parts.database, OneRootKey())
    assert report.failed == ["main access key TMKMOVED"]


async def test_two_tokens_never_share_a_secret(s3: S3) -> None:
    made = [await s3.credentials("dev"), await s3.credentials("dev"), await s3.credentials("dev", workspace="other")]
    assert len({each.secret_key for each in made}) == 3
    mixed = S3Credentials(made[0].access_key, made[1].secret_key)
    assert await refusal(s3.client(mixed).list_buckets) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.DEVELOPER])
async def test_every_member_may_have_one(api: Api, role: Role) -> None:
    await make(await api.person("new", role))
