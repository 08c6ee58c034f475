"""Stores that are reached by an identity: what proves it, what is lent for it, and that it is renewed in time."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import pytest

from tests.contracts.objects.bytes_of import put, read
from tests.contracts.objects.http_server import answering
from tests.object_servers import ObjectServers
from tidemill.engine.egress import EVERYWHERE
from tidemill.engine.sigv4 import Keys
from tidemill.model.errors import StorageDenied, StorageMisconfigured, TidemillError, Unavailable
from tidemill.settings import Settings
from tidemill.stores.objects import open_store
from tidemill.stores.objects.azure.machine import Lender as AzureLender
from tidemill.stores.objects.azure.machine import LentTokens as AzureTokens
from tidemill.stores.objects.gcs.machine import LentTokens
from tidemill.stores.objects.remote.fields import endpoint
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.credentials import AssumedRole, audience_of
from tidemill.stores.objects.s3.machine import Lender, LentKeys
from tidemill.stores.renewed import Renewed
from tidemill.wiring.instance_bucket import open_bucket

ROLE: Final = "arn:aws:iam::000000000000:role/tidemill"
TOKEN: Final = "aaa.bbb.ccc"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


async def prove(audience: str) -> str:
    return f"for.{audience.replace('.', '_').replace(':', '-')}.sig"


def time_of(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def lent(end: datetime, key: str = "key") -> bytes:
    """Keys as both metadata services of Amazon tell them."""
    told = {"AccessKeyId": key, "SecretAccessKey": "secret", "Token": "t", "Expiration": time_of(end)}
    return json.dumps(told).encode()


async def test_what_ends_is_renewed_before_and_fetched_once_for_all(clock: Clock) -> None:
    fetched: list[datetime] = []

    async def fetch() -> tuple[int, datetime]:
        fetched.append(clock.now)
        await asyncio.sleep(0)
        return len(fetched), clock.now + timedelta(hours=1)

    renewed = Renewed(fetch, now=clock)
    assert set(await asyncio.gather(*(renewed.get() for _ in range(20)))) == {1}
    clock.now += timedelta(minutes=54)
    assert await renewed.get() == 1
    clock.now += timedelta(minutes=2)
    assert await renewed.get() == 2


async def test_what_lives_shortly_is_not_fetched_each_time(clock: Clock) -> None:
    fetched = 0

    async def fetch() -> tuple[int, datetime]:
        nonlocal fetched
        fetched += 1
        return fetched, clock.now + timedelta(minutes=2)

    renewed = Renewed(fetch, now=clock)
    assert [await renewed.get(), await renewed.get()] == [1, 1]
    clock.now += timedelta(seconds=91)
    assert await renewed.get() == 2


async def test_the_old_serves_to_its_end_while_there_is_no_new_one(clock: Clock) -> None:
    is_there = True

    async def fetch() -> tuple[str, datetime]:
        if not is_there:
            raise Unavailable("not now")
        return "kept", clock.now + timedelta(hours=1)

    renewed = Renewed(fetch, now=clock)
    await renewed.get()
    is_there = False
    clock.now += timedelta(minutes=58)
    assert await renewed.get() == "kept"
    clock.now += timedelta(minutes=2)
    with pytest.raises(Unavailable):
        await renewed.get()


async def test_a_role_is_taken_on_with_a_fresh_token_for_each_term(clock: Clock) -> None:
    forms: list[dict[str, list[str]]] = []

    def answer(head: bytes, content: bytes) -> tuple[int, bytes]:
        assert head.startswith(b"POST / ")
        forms.append(parse_qs(content.decode()))
        credentials = (
            f"<AccessKeyId>key-{len(forms)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{time_of(clock.now + timedelta(hours=1))}</Expiration>"
        )
        return 200, f"<R><AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult></R>".encode()

    async with answering(answer) as origin:
        config = S3Config.of_role({"bucket": "bucket", "roleArn": ROLE, "stsEndPoint": origin})
        role = AssumedRole(config, prove, now=clock, egress=EVERYWHERE)
        assert [await role.keys(), await role.keys()] == [Keys("key-1", "s", "t")] * 2
        clock.now += timedelta(minutes=56)
        assert await role.keys() == Keys("key-2", "s", "t")
        await role.close()
    assert [form["Action"] for form in forms] == [["AssumeRoleWithWebIdentity"]] * 2
    assert forms[0]["WebIdentityToken"] == [await prove(origin.removeprefix("http://"))]
    assert forms[0]["RoleArn"] == [ROLE]


async def test_a_role_that_is_refused_says_what_must_name_what() -> None:
    refusal = b"<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no</Message></Error></ErrorResponse>"
    async with answering(lambda head, content: (400, refusal)) as origin:
        value = {"bucket": "bucket", "roleArn": ROLE, "stsEndPoint": origin}
        store = open_store("s3_aws_oidc", value, egress=EVERYWHERE, prove=prove)
        with pytest.raises(StorageDenied, match=r"InvalidIdentityToken.*trust policy.*subject"):
            await store.head("k")
        await store.close()


@pytest.mark.parametrize(
    ("sts", "audience"),
    [
        ("sts.eu-central-1.amazonaws.com", "sts.amazonaws.com"),
        ("https://sts.cn-north-1.amazonaws.com.cn", "sts.amazonaws.com"),
        ("http://sts.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"),
        ("sts.amazonaws.com.evil.example", "sts.amazonaws.com.evil.example"),
        ("evilamazonaws.com", "evilamazonaws.com"),
        ("minio.example:9000", "minio.example:9000"),
    ],
)
def test_only_amazon_gets_tokens_for_amazon(sts: str, audience: str) -> None:
    assert audience_of(endpoint(sts, tls=True)) == audience


async def test_keys_of_a_machine_are_lent_and_renewed(clock: Clock) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, _: bytes) -> tuple[int, bytes]:
        line, _, headers = head.partition(b"\r\n")
        asked.append(line.removesuffix(b" HTTP/1.1"))
        if line.startswith(b"PUT"):
            return 200, b"session"
        if b"x-aws-ec2-metadata-token: session" not in headers.lower():
            return 401, b""
        if line.endswith(b"/security-credentials/ HTTP/1.1"):
            return 200, b"the-role\n"
        return 200, lent(clock.now + timedelta(hours=6), f"key-{len(asked)}")

    async with answering(answer) as origin:
        keys = LentKeys(Lender.of({"metadataEndPoint": origin}), now=clock)
        assert [await keys.keys(), await keys.keys()] == [Keys("key-3", "secret", "t")] * 2
        clock.now += timedelta(hours=5, minutes=56)
        assert await keys.keys() == Keys("key-6", "secret", "t")
        await keys.close()
    credentials = b"GET /latest/meta-data/iam/security-credentials/"
    assert asked[:3] == [b"PUT /latest/api/token", credentials, credentials + b"the-role"]


async def test_keys_of_a_container_are_lent_for_what_its_file_holds(clock: Clock, token_file: Path) -> None:
    def answer(head: bytes, _: bytes) -> tuple[int, bytes]:
        if f"authorization: {TOKEN}".encode() not in head.lower() or not head.startswith(b"GET /v2/it "):
            return 403, b""
        return 200, lent(clock.now + timedelta(hours=1))

    async with answering(answer) as origin:
        for file, works in ((str(token_file), True), ("", False)):
            keys = LentKeys(Lender(url=f"{origin}/v2/it", token_file=file), now=clock)
            if works:
                assert await keys.keys() == Keys("key", "secret", "t")
            else:
                with pytest.raises(StorageDenied, match="answers 403"):
                    await keys.keys()
            await keys.close()


@pytest.mark.parametrize(("status", "content", "error"), [(503, b"", Unavailable), (200, b"{}", StorageMisconfigured)])
@pytest.mark.parametrize("lender", ["amazon", "google", "azure"])
async def test_a_machine_that_lends_nothing_says_so(
    clock: Clock, lender: str, status: int, content: bytes, error: type[TidemillError]
) -> None:
    async with answering(lambda head, _: (status, content)) as origin:
        if lender != "amazon":
            azure = AzureTokens(AzureLender(machines=origin), now=clock)
            tokens = LentTokens(origin, now=clock) if lender == "google" else azure
            with pytest.raises(error, match="127"):
                await tokens.get()
            await tokens.close()
        else:
            keys = LentKeys(Lender(url=origin), now=clock)
            with pytest.raises(error, match="127"):
                await keys.keys()
            await keys.close()


async def test_the_instance_reaches_its_bucket_by_a_role(
    object_servers: ObjectServers, tmp_path: Path, token_file: Path
) -> None:
    """ministack is both S3 and the service where the role is taken on."""
    server = object_servers.get("ministack")
    settings = Settings(
        objects_url=f"s3://{server.new_bucket()['bucket']}/prefix",
        aws_endpoint_url=server.endpoint,
        aws_endpoint_url_sts=server.endpoint,
        aws_role_arn=ROLE,
        aws_web_identity_token_file=token_file,
    )
    await assert_it_works(settings)
    token_file.write_text("root:x:0:0")
    store = open_bucket(settings)
    with pytest.raises(StorageMisconfigured, match="holds no token"):
        await store.head("k")
    await store.close()


async def test_the_instance_reaches_its_bucket_by_what_the_machine_lends(object_servers: ObjectServers) -> None:
    amazon, google = object_servers.get("ministack"), object_servers.get("fake-gcs")
    end = datetime.now(UTC) + timedelta(hours=1)
    sent: list[bytes] = []

    def answer(head: bytes, _: bytes) -> tuple[int, bytes]:
        sent.append(head)
        return 200, lent(end) if b" /aws " in head else json.dumps({"access_token": "t", "expires_in": 60}).encode()

    async with answering(answer) as origin:
        await assert_it_works(
            Settings(
                objects_url=f"s3://{amazon.new_bucket()['bucket']}",
                aws_endpoint_url=amazon.endpoint,
                objects_identity="machine",
                aws_container_credentials_url=f"{origin}/aws",
            )
        )
        await assert_it_works(
            Settings(
                objects_url=f"gs://{google.new_bucket()['bucket']}",
                google_storage_url=google.endpoint,
                objects_identity="machine",
                google_metadata_host=origin.removeprefix("http://"),
            )
        )
    assert b"metadata-flavor: google" in sent[-1].lower()


@pytest.mark.parametrize("is_container", [False, True])
async def test_the_instance_reaches_its_container_by_a_managed_identity(*, is_container: bool) -> None:
    asked: list[bytes] = []

    def lends(head: bytes, _: bytes) -> tuple[int, bytes]:
        asked.append(head)
        wanted = b"x-identity-header: shown" if is_container else b"metadata: true"
        told = {"access_token": "lent-1", "expires_on": str(int(datetime.now(UTC).timestamp()) + 3600)}
        return (200, json.dumps(told).encode()) if wanted in head.lower() else (400, b"")

    def blobs(head: bytes, _: bytes) -> tuple[int, bytes]:
        return (404 if b"authorization: bearer lent-1" in head.lower() else 401), b""

    async with answering(lends) as lender, answering(blobs) as origin:
        settings = Settings(
            objects_url="az://container",
            objects_identity="machine",
            azure_account="account",
            azure_endpoint_url=origin,
            azure_client_id="" if is_container else "the-client",
            azure_metadata_url=lender,
            azure_identity_endpoint=f"{lender}/msi/token" if is_container else "",
            azure_identity_header="shown" if is_container else "",
        )
        store = open_bucket(settings)
        with pytest.raises(TidemillError) as raised:
            await store.head("k")
        await store.close()
    assert not isinstance(raised.value, StorageDenied)
    resource = b"resource=https%3A%2F%2Fstorage.azure.com%2F"
    assert asked[0].split(b" ")[1] == (
        b"/msi/token?api-version=2019-08-01&" + resource
        if is_container
        else b"/metadata/identity/oauth2/token?api-version=2018-02-01&" + resource + b"&client_id=the-client"
    )


async def test_the_instance_reaches_its_container_by_a_federated_token(token_file: Path) -> None:
    forms: list[dict[str, list[str]]] = []

    def login(head: bytes, content: bytes) -> tuple[int, bytes]:
        assert head.startswith(b"POST /the-tenant/oauth2/v2.0/token ")
        forms.append(parse_qs(content.decode()))
        return 200, json.dumps({"access_token": "bearer-1", "expires_in": 3600}).encode()

    def blobs(head: bytes, _: bytes) -> tuple[int, bytes]:
        return (404 if b"authorization: bearer bearer-1" in head.lower() else 401), b""

    async with answering(login) as authority, answering(blobs) as origin:
        settings = Settings(
            objects_url="az://container",
            azure_account="account",
            azure_endpoint_url=origin,
            azure_tenant_id="the-tenant",
            azure_client_id="the-client",
            azure_federated_token_file=token_file,
            azure_authority_host=authority,
        )
        store = open_bucket(settings)
        with pytest.raises(TidemillError) as raised:
            await store.head("k")
        await store.close()
    assert not isinstance(raised.value, StorageDenied)
    assert forms[0]["client_assertion"] == [TOKEN]
    assert forms[0]["client_id"] == ["the-client"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("s3_aws_oidc", {"bucket": "bucket", "roleArn": ROLE}),
        ("azure_blob", {"accountName": "account", "containerName": "container", "tenantId": "t", "clientId": "c"}),
        ("azure_workload_identity", {"accountName": "acc", "containerName": "con", "tenantId": "t", "clientId": "c"}),
    ],
)
async def test_a_resource_alone_has_no_identity(kind: str, value: dict[str, object], token_file: Path) -> None:
    """Neither a file nor a token that it names is believed."""
    named = {"federatedTokenFile": str(token_file), "identityToken": TOKEN}
    store = open_store(kind, value | named, egress=EVERYWHERE)
    with pytest.raises(StorageMisconfigured, match="Nothing proves to"):
        await store.head("k")
    await store.close()


async def assert_it_works(settings: Settings) -> None:
    store = open_bucket(settings, "place")
    await put(store, "k", b"content")
    assert await read(store, "k") == b"content"
    await store.close()
