"""Containers of Azure beyond the suite: what errors say, identities, signed addresses, large objects, our corner."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from tests.contracts.objects.bytes_of import MIB, all_keys, body, broken_body, md5, noise, put, read
from tests.contracts.objects.http_server import answering
from tests.contracts.objects.wrong_settings import every_call
from tests.object_servers import ObjectServers
from tests.processes import free_port
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import (
    InvalidKey,
    PreconditionFailed,
    StorageDenied,
    StorageMisconfigured,
    TidemillError,
    Unavailable,
    Unsupported,
)
from tidemill.stores.objects.azure.config import AzureConfig, Identity
from tidemill.stores.objects.azure.store import AzureStore
from tidemill.stores.objects.azure.tokens import Tokens
from tidemill.stores.objects.port import CREATE, Attributes
from tidemill.stores.objects.remote.identity import by_file, nobody
from tidemill.stores.renewed import utc_now

WRONG_KEY = "d3Jvbmc="


@pytest.fixture
def value(object_servers: ObjectServers) -> dict[str, object]:
    return object_servers.get("azurite").new_bucket()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., AzureStore]]:
    stores: list[AzureStore] = []

    def open_one(value: dict[str, object], **changes: object) -> AzureStore:
        stores.append(AzureStore.open({**value, **changes}, egress=EVERYWHERE))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    ("changes", "kind", "advice"),
    [
        ({"accessKey": WRONG_KEY}, StorageDenied, "check accountName and accessKey"),
        ({"containerName": "not-there"}, StorageMisconfigured, "make it, or mend containerName"),
    ],
    ids=["key", "container"],
)
async def test_what_is_set_wrongly_is_named_by_every_call(
    value: dict[str, object], opened, changes: dict[str, object], kind: type[Exception], advice: str
) -> None:
    for error in await every_call(opened(value, **changes)):
        assert isinstance(error, kind)
        assert advice in str(error)
        assert WRONG_KEY not in str(error)


async def test_a_server_that_is_away_is_named(value: dict[str, object], opened) -> None:
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} refuses"):
        await opened(value, endPoint=f"http://127.0.0.1:{port}").head("a")


@pytest.mark.parametrize(
    ("changes", "origin", "root"),
    [
        ({}, "https://acc.blob.core.windows.net", "/data"),
        ({"endPoint": "blob.core.chinacloudapi.cn"}, "https://acc.blob.core.chinacloudapi.cn", "/data"),
        ({"endPoint": "https://acc.z1.blob.storage.azure.net"}, "https://acc.z1.blob.storage.azure.net", "/data"),
        ({"endPoint": "http://127.0.0.1:10000"}, "http://127.0.0.1:10000", "/acc/data"),
        ({"endPoint": "http://azurite:10000/acc/"}, "http://azurite:10000", "/acc/data"),
    ],
)
def test_an_endpoint_is_that_of_the_account(changes: dict[str, object], origin: str, root: str) -> None:
    config = AzureConfig.of({"accountName": "acc", "containerName": "data", "accessKey": WRONG_KEY, **changes})
    assert (config.origin, config.root) == (origin, root)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"accountName": "A/b"}, "accountName"),
        ({"containerName": "../x"}, "containerName"),
        ({"accessKey": "not base64!"}, "accessKey"),
        ({"accessKey": ""}, "credentials"),
        ({"accessKey": "", "clientSecret": "x"}, "tenantId"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(StorageMisconfigured, match=field):
        AzureConfig.of({"accountName": "acc", "containerName": "data", "accessKey": WRONG_KEY, **changes})


async def test_a_signed_address_reads_for_a_while(value: dict[str, object], opened) -> None:
    store = opened(value)
    await put(store, "Größe/a b+c%2F.txt", b"signed")
    async with httpx.AsyncClient() as client:
        address = await store.sign("GET", "Größe/a b+c%2F.txt", expires_s=60)
        assert (await client.get(address)).content == b"signed"
        assert (await client.get(address.replace("a%20b", "a%20c"))).status_code == 403
    with pytest.raises(Unsupported):
        await store.sign("PUT", "a", expires_s=60)


async def test_a_shared_access_signature_is_enough(value: dict[str, object], opened) -> None:
    full = opened(value)
    await put(full, "a", b"1")
    signed = (await full.sign("GET", "a", expires_s=60)).partition("?")[2]
    limited = opened(value, accessKey="", sasToken=f"?{signed}")
    assert await read(limited, "a") == b"1"
    with pytest.raises(StorageDenied):
        await put(limited, "a")


@pytest.mark.parametrize("told", [True, False])
async def test_large_objects_are_whole_and_put_on_a_condition(value: dict[str, object], opened, told: bool) -> None:
    store = opened(value)
    content = noise(20 * MIB)
    size = len(content) if told else None
    attributes = Attributes(content_type="text/csv", metadata={"owner": "ann", "x-y": "1"})
    info = await store.put("a", body(content), size_bytes=size, attributes=attributes, condition=CREATE)
    found = await store.head("a")
    assert (found.size_bytes, found.etag, found.attributes) == (len(content), info.etag, attributes)
    with pytest.raises(PreconditionFailed):
        await store.put("a", body(content[::-1]), size_bytes=size, condition=CREATE)
    with pytest.raises(ConnectionResetError):
        await store.put("a", broken_body(content[::-1]), size_bytes=size and size + 1)
    assert md5(await read(store, "a")) == md5(content)
    assert await everything_in(value) == ["a"]


async def everything_in(value: dict[str, object]) -> list[str]:
    """All keys of the container, also those in our corner."""
    store = AzureStore.open({**value, "prefix": ""}, egress=EVERYWHERE)
    answer = await store._client.call("GET", None, what="list", query=[("restype", "container"), ("comp", "list")])
    await store.close()
    return [part.partition(b"</Name>")[0].decode() for part in answer.body.split(b"<Name>")[1:]]


async def test_our_corner_is_not_seen_nor_reached(value: dict[str, object], opened) -> None:
    store = opened(value)
    upload = await store.start_upload("a")
    await store.put_part("a", upload, 1, body(b"x"))
    assert await all_keys(store) == []
    assert await store.scan_folder("") == []
    for key in await everything_in(value):
        with pytest.raises(InvalidKey):
            await store.head(key)
    await store.abort_upload("a", upload)
    assert await everything_in(value) == []


async def test_a_prefix_is_a_container_of_its_own(value: dict[str, object], opened) -> None:
    whole, below = opened(value), opened(value, prefix="team a")
    await put(below, "b/1", b"one")
    await put(whole, "c", b"two")
    assert await all_keys(below) == ["b/1"]
    assert await all_keys(whole) == ["c", "team a/b/1"]
    await below.copy("b/1", "d", attributes=Attributes(content_type="text/plain"))
    assert await read(whole, "team a/d") == b"one"


async def test_an_identity_trades_what_proves_it_for_a_token(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("aaa.bbb.ccc\n")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    asked: list[dict[str, list[str]]] = []

    def answer(head: bytes, content: bytes) -> tuple[int, bytes]:
        asked.append(parse_qs(content.decode()))
        return 200, json.dumps({"access_token": f"token-{len(asked)}", "expires_in": 3600}).encode()

    async with answering(answer) as origin:
        by_token = Identity(tenant="t", client="c", login=origin)
        async with Tokens(by_token, by_file(token_file), now=lambda: now) as tokens:
            assert [await tokens.get(), await tokens.get()] == ["token-1", "token-1"]
            now += timedelta(minutes=56)
            assert await tokens.get() == "token-2"
        by_secret = Identity(tenant="t", client="c", secret="s", login=origin)
        async with Tokens(by_secret, nobody, now=lambda: now) as tokens:
            assert await tokens.get() == "token-3"
    assert asked[0]["client_assertion"] == ["aaa.bbb.ccc"]
    assert asked[2]["client_secret"] == ["s"]


async def test_only_a_token_is_sent_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PASSWORD=hush")
    identity = Identity(tenant="t", client="c", login="http://127.0.0.1:1")
    async with Tokens(identity, by_file(secret), now=utc_now) as tokens:
        with pytest.raises(StorageMisconfigured, match="holds no token"):
            await tokens.get()


async def test_an_identity_that_is_refused_is_named() -> None:
    refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret. Trace ID: 1"}
    async with (
        answering(lambda head, content: (401, json.dumps(refusal).encode())) as origin,
        Tokens(Identity(tenant="t", client="c", secret="hush", login=origin), nobody, now=utc_now) as tokens,
    ):
        with pytest.raises(TidemillError, match="AADSTS7000215") as raised:
            await tokens.get()
    assert isinstance(raised.value, StorageDenied)
    assert "hush" not in str(raised.value)
