"""Identity tokens: what they say of whom, and who verifies them; storages that are reached by them, without a key."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import BASE_URL, JOB_SECRET, Api
from tests.api.id_tokens import Keys, published_keys, verified
from tests.contracts.objects.http_server import answering
from tests.object_servers import ObjectServers
from tidemill.db.queries import inline
from tidemill.engine import job_token
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import TidemillError
from tidemill.model.object_address import Address
from tidemill.server.objects.way import subject_of
from tidemill.stores.objects import open_store

ROLE: Final = "arn:aws:iam::000000000000:role/tidemill"
ISSUER: Final = f"{BASE_URL}/api/oidc/"


async def made(client: httpx.AsyncClient, audience: str = "sts.amazonaws.com", **query: Any) -> str:
    answer = await client.post(f"{W}/oidc/token/{audience}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


async def said(api: Api, client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    token = await made(client, **query)
    return verified(token, await published_keys(api.anonymous))


async def working(api: Api, job_id: UUID) -> httpx.AsyncClient:
    """The job, which a worker has begun with, calling with its token."""
    job = await Worker(api).start(job_id)
    return await api.client(job_token.issue(JOB_SECRET, job.id, job.attempt))


async def test_a_person_is_told_by_the_address_and_nothing_that_runs(api: Api) -> None:
    before = int(time.time())
    claims = await said(api, api.developer, expires_in=90)
    assert (claims["iss"], claims["aud"]) == (ISSUER, "sts.amazonaws.com")
    assert claims["sub"] == "dev@x.org::::::main"
    assert (claims["email"], claims["username"], claims["workspace"]) == ("dev@x.org", "dev", "main")
    assert (claims["path"], claims["flow_path"], claims["job_id"]) == ("", "", "")
    assert claims["groups"] == ["all"]
    assert before <= claims["iat"] <= before + 30
    assert claims["exp"] - claims["iat"] == 90


async def test_a_job_is_told_by_the_path_of_its_script(api: Api) -> None:
    await deploy(api.developer, "u/dev/hello")
    job_id = await run(api.developer, "u/dev/hello")
    claims = await said(api, await working(api, job_id))
    assert claims["sub"] == "dev@x.org::u/dev/hello::::main"
    assert (claims["path"], claims["job_id"]) == ("u/dev/hello", str(job_id))
    assert claims["exp"] - claims["iat"] == 3600


async def test_a_preview_cannot_borrow_a_path(api: Api) -> None:
    """Who runs a source may give it any path: nothing vouches for it."""
    body = {"language": "python3", "content": "def main(): ...", "path": "f/prod/deploy"}
    answer = await api.developer.post(f"{W}/jobs/run/preview", json=body)
    assert answer.status_code == 201, answer.text
    claims = await said(api, await working(api, UUID(answer.text)))
    assert (claims["sub"], claims["path"]) == ("dev@x.org::::::main", "")


async def test_only_a_step_has_the_path_of_a_flow(api: Api) -> None:
    """A run may name any job as its parent that who starts it may see."""
    value = {"modules": [{"id": "a", "value": {"type": "identity"}}]}
    body = {"path": "u/dev/trusted", "summary": "", "value": value}
    assert (await api.developer.post(f"{W}/flows/create", json=body)).status_code == 201
    flow = (await api.developer.post(f"{W}/jobs/run/f/u/dev/trusted", json={})).text
    await deploy(api.developer)
    job_id = await run(api.developer, parent_job=flow, root_job=flow)
    client = await working(api, job_id)
    claims = await said(api, client)
    assert (claims["path"], claims["flow_path"]) == ("u/dev/hello", "")
    step = inline("update job set flow_step_id = 'a' where id = :id")
    await api.parts.database.single.execute(step, id=job_id)
    assert (await said(api, client))["flow_path"] == "u/dev/trusted"


async def test_each_token_is_of_its_own_and_of_one_key(api: Api) -> None:
    tokens = [await made(api.developer, "https://auth.example.org/a?b=c#d".replace("#", "%23")) for _ in range(2)]
    keys = await published_keys(api.anonymous)
    assert len(keys) == 1
    first, second = (verified(token, keys) for token in tokens)
    assert first["jti"] != second["jti"]
    head, claims, signature = tokens[0].split(".")
    with pytest.raises(InvalidSignature):
        verified(f"{head}.{tokens[1].split('.')[1]}.{signature}", keys)
    assert claims


async def test_no_key_is_there_before_the_first_token(api: Api) -> None:
    assert await published_keys(api.anonymous) == {}
    await made(api.operator)
    assert len(await published_keys(api.anonymous)) == 1


@pytest.mark.parametrize("query", [{"expires_in": 0}, {"expires_in": 48 * 3600 + 1}, {"expires_in": "nan"}])
async def test_a_term_has_bounds(api: Api, query: dict[str, Any]) -> None:
    answer = await api.developer.post(f"{W}/oidc/token/a", params=query)
    assert answer.status_code in {400, 422}


async def test_tokens_are_audited_and_not_for_read_only_tokens(api: Api) -> None:
    await made(api.developer, "some.audience")
    (record, *_) = (await api.admin.get(f"{W}/audit/list")).json()
    assert (record["operation"], record["resource"], record["username"]) == ("oidc.token", "some.audience", "dev")
    reader = await api.client(await api.token("dev@x.org", read_only=True))
    assert (await reader.post(f"{W}/oidc/token/a")).status_code == 403


async def aws_storage(api: Api, bucket: dict[str, object], sts: str) -> None:
    """A storage `lake` of the workspace, which is reached by a role."""
    value = {
        "bucket": bucket["bucket"],
        "region": "us-east-1",
        "roleArn": ROLE,
        "endPoint": bucket["endPoint"],
        "pathStyle": True,
        "useSSL": False,
        "stsEndPoint": sts,
    }
    body = {"path": "u/ada/lake", "value": value, "resource_type": "s3_aws_oidc"}
    assert (await api.admin.post(f"{W}/resources/create", json=body)).is_success
    lake = {"type": "S3AwsOidc", "s3_resource_path": "$res:u/ada/lake"}
    body = {"large_file_storage": {"secondary_storage": {"lake": lake}}}
    answer = await api.admin.post(f"{W}/workspaces/edit_large_file_storage_config", json=body)
    assert answer.is_success, answer.text
    api.parts.objects._opener.real.add(bucket["bucket"])  # type: ignore[attr-defined]


async def test_a_storage_is_reached_by_a_role_that_trusts_our_tokens(api: Api, object_servers: ObjectServers) -> None:
    """The service where the role is taken on verifies the token by our published keys, and looks at its subject."""
    await made(api.admin)
    keys = await published_keys(api.anonymous)
    subjects: list[str] = []

    def sts(_: bytes, content: bytes) -> tuple[int, bytes]:
        return take_on(parse_qs(content.decode()), keys, subjects)

    bucket = object_servers.get("ministack").new_bucket()
    async with answering(sts) as origin:
        await aws_storage(api, bucket, origin)
        at = {"file_key": "u/ada/a", "storage": "lake"}
        answer = await api.admin.post(f"{W}/job_helpers/upload_s3_file", params=at, content=b"by role")
        assert answer.status_code == 200, answer.text
        assert (await api.admin.get(f"{W}/job_helpers/download_s3_file", params=at)).content == b"by role"
        assert subjects == ["storage::main::lake"]
        by_resource = {"file_key": "u/ada/a", "s3_resource_path": "u/ada/lake"}
        answer = await api.admin.get(f"{W}/job_helpers/download_s3_file", params=by_resource)
        assert answer.status_code != 200  # the role trusts the storage, not whoever wrote a resource
        assert subjects == ["storage::main::lake", "resource::main::u/ada/lake"]


async def test_a_connection_by_a_role_is_tried_as_its_resource(api: Api, object_servers: ObjectServers) -> None:
    await made(api.admin)
    keys = await published_keys(api.anonymous)
    trusted = "resource::main::u/ada/lake"

    def sts(_: bytes, content: bytes) -> tuple[int, bytes]:
        return take_on(parse_qs(content.decode()), keys, [], trusted=trusted)

    async with answering(sts) as origin:
        await aws_storage(api, object_servers.get("ministack").new_bucket(), origin)
        tried = (await api.admin.post(f"{W}/resources/test/u/ada/lake")).json()
        assert tried["success"], tried
        assert tried["message"].startswith("Objects can be listed, written, read and deleted.")
        trusted = "storage::main::lake"
        await api.parts.objects._stores.close()
        tried = (await api.admin.post(f"{W}/resources/test/u/ada/lake")).json()
        assert not tried["success"]
        assert "It asked as 'resource::main::u/ada/lake'" in tried["message"]
        assert (await api.operator.post(f"{W}/resources/test/u/ada/lake")).status_code == 403
    unsaved = {"resource_type": "s3_aws_oidc", "value": {}}
    answer = await api.admin.post(f"{W}/resources/test_value", json=unsaved)
    assert answer.status_code == 501
    assert "save it" in answer.text


def take_on(
    form: dict[str, list[str]], keys: Keys, subjects: list[str], *, trusted: str = "storage::main::lake"
) -> tuple[int, bytes]:
    claims = verified(form["WebIdentityToken"][0], keys)
    subjects.append(claims["sub"])
    if (claims["iss"], claims["sub"]) != (ISSUER, trusted) or claims["aud"] == "sts.amazonaws.com":
        refusal = "<Error><Code>AccessDenied</Code><Message>Not trusted</Message></Error>"
        return 403, f"<ErrorResponse>{refusal}</ErrorResponse>".encode()
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    keys_of_role = "<AccessKeyId>test</AccessKeyId><SecretAccessKey>test</SecretAccessKey><SessionToken/>"
    return 200, f"<R><Credentials>{keys_of_role}<Expiration>{end}</Expiration></Credentials></R>".encode()


async def test_a_container_is_reached_by_an_identity_that_trusts_our_tokens(api: Api) -> None:
    assertions: list[str] = []

    def login(_: bytes, content: bytes) -> tuple[int, bytes]:
        form = parse_qs(content.decode())
        assertions.append(form["client_assertion"][0])
        assert (form["client_id"], form["grant_type"]) == (["the-client"], ["client_credentials"])
        return 200, json.dumps({"access_token": "bearer", "expires_in": 3600}).encode()

    async with answering(login) as authority, answering(lambda head, _: (403, b"")) as blobs:
        value = {
            "accountName": "account",
            "containerName": "container",
            "endPoint": blobs,
            "tenantId": "the-tenant",
            "clientId": "the-client",
            "loginEndPoint": authority,
        }
        prove = api.parts.issuer.prove_as("storage::main::lake")
        store = open_store("azure_instance", value, egress=EVERYWHERE, prove=prove)
        with pytest.raises(TidemillError):
            await store.head("k")
        await store.close()
    claims = verified(assertions[0], await published_keys(api.anonymous))
    assert (claims["sub"], claims["aud"]) == ("storage::main::lake", "api://AzureADTokenExchange")
    assert claims["exp"] - claims["iat"] == 600


def test_subjects_of_storages_are_never_those_of_people() -> None:
    """Theirs begin with an e-mail address."""
    assert subject_of("main", Address()) == "storage::main::_default_"
    assert subject_of("main", Address("lake")) == "storage::main::lake"
    assert subject_of("main", Address(resource="u/a/b")) == "resource::main::u/a/b"
