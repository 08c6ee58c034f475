"""Buckets of Google beyond the suite: what errors say, service accounts, signed addresses, large objects."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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
    StorageFull,
    StorageMisconfigured,
    TidemillError,
    Unavailable,
    Unsupported,
)
from tidemill.stores.objects.gcs.config import GcsConfig
from tidemill.stores.objects.gcs.errors import error_of
from tidemill.stores.objects.gcs.store import GcsStore
from tidemill.stores.objects.port import CREATE, Attributes, Condition
from tidemill.stores.objects.remote.http import Answer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def account(key: RSAPrivateKey, token_uri: str = "https://oauth2.googleapis.com/token") -> dict[str, object]:
    """What Google gives as a key file."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "client_email": "mill@project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": pem,
        "token_uri": token_uri,
    }


@pytest.fixture
def value(object_servers: ObjectServers) -> dict[str, object]:
    return object_servers.get("fake-gcs").new_bucket()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., GcsStore]]:
    stores: list[GcsStore] = []

    def open_one(value: dict[str, object], **changes: object) -> GcsStore:
        stores.append(GcsStore(GcsConfig.of({**value, **changes}), now=lambda: NOW))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


async def test_a_bucket_that_is_missing_is_named_by_every_call(value: dict[str, object], opened) -> None:
    for error in await every_call(opened(value, bucket="not-there")):
        assert isinstance(error, StorageMisconfigured)
        assert "There is no bucket 'not-there'" in str(error)


async def test_a_server_that_is_away_is_named(value: dict[str, object], opened) -> None:
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} refuses"):
        await opened(value, endPoint=f"http://127.0.0.1:{port}").head("a")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bucket": "Not A Name"}, "name of a bucket"),
        ({"serviceAccountKey": None}, "serviceAccountKey"),
        ({"serviceAccountKey": "{"}, "serviceAccountKey is not JSON"),
        ({"serviceAccountKey": {"type": "authorized_user", "private_key": "x"}}, "service account"),
        ({"serviceAccountKey": {"client_email": "a", "private_key": ""}}, "private_key"),
        (
            {"serviceAccountKey": {"client_email": "a", "private_key": "x", "token_uri": "http://169.254.169.254/"}},
            "token_uri",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(StorageMisconfigured, match=field):
        GcsConfig.of({"bucket": "data", **changes})


def test_a_key_that_is_none_is_named(key: RSAPrivateKey) -> None:
    with pytest.raises(StorageMisconfigured, match="PEM"):
        GcsStore.open({"bucket": "data", "serviceAccountKey": {**account(key), "private_key": "x"}}, egress=EVERYWHERE)


def test_a_key_file_may_be_a_text_and_is_not_shown(key: RSAPrivateKey) -> None:
    config = GcsConfig.of({"bucket": "data", "serviceAccountKey": json.dumps(account(key))})
    assert config.origin == "https://storage.googleapis.com"
    assert "PRIVATE KEY" not in repr(config)


async def test_requests_carry_the_token_of_the_account(value: dict[str, object], opened, key: RSAPrivateKey) -> None:
    assertions: list[str] = []

    def answer(head: bytes, content: bytes) -> tuple[int, bytes]:
        if head.startswith(b"POST /token"):
            assertions.append(parse_qs(content.decode())["assertion"][0])
            return 200, b'{"access_token": "tok", "expires_in": 3599}'
        assert b"\r\nauthorization: bearer tok\r\n" in head.lower()
        return 200, b'{"items": []}'

    async with answering(answer) as origin:
        store = opened(value, endPoint=origin, serviceAccountKey=account(key, f"{origin}/token"))
        assert await store.scan("") == []
        assert await store.scan("") == []
        await store.close()
    (assertion,) = assertions
    signed, _, signature = assertion.rpartition(".")
    key.public_key().verify(unbase64(signature), signed.encode(), PKCS1v15(), SHA256())
    header, claims = (json.loads(unbase64(part)) for part in signed.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert claims["iss"] == "mill@project.iam.gserviceaccount.com"
    assert claims["exp"] - claims["iat"] == timedelta(hours=1).total_seconds()


async def test_an_account_that_is_refused_is_named(value: dict[str, object], opened, key: RSAPrivateKey) -> None:
    refusal = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
    async with answering(lambda head, content: (400, refusal)) as origin:
        store = opened(value, endPoint=origin, serviceAccountKey=account(key, f"{origin}/token"))
        with pytest.raises(StorageDenied, match="make a new key"):
            await store.scan("")


async def test_a_signed_address_is_what_google_checks(value: dict[str, object], opened, key: RSAPrivateKey) -> None:
    store = opened({"bucket": "data", "serviceAccountKey": account(key)})
    address = urlsplit(await store.sign("GET", "Größe/a b+c", expires_s=60))
    query, _, signature = address.query.partition("&X-Goog-Signature=")
    host = "storage.googleapis.com"
    canonical = f"GET\n{address.path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n20260102T030405Z\n20260102/auto/storage/goog4_request\n{digest}"
    key.public_key().verify(bytes.fromhex(signature), text.encode(), PKCS1v15(), SHA256())
    assert (address.netloc, address.path) == (host, "/data/Gr%C3%B6%C3%9Fe%2Fa%20b%2Bc")
    assert parse_qs(query)["X-Goog-Expires"] == ["60"]
    with pytest.raises(Unsupported):
        await opened(value).sign("GET", "a", expires_s=60)


@pytest.mark.parametrize("told", [True, False])
async def test_large_objects_are_whole(value: dict[str, object], opened, told: bool) -> None:
    store = opened(value)
    content = noise(20 * MIB + 7)
    size = len(content) if told else None
    attributes = Attributes(content_type="text/csv", metadata={"owner": "ann"})
    info = await store.put("a", body(content), size_bytes=size, attributes=attributes)
    found = await store.head("a")
    assert (found.size_bytes, found.etag, found.attributes) == (len(content), info.etag, attributes)
    with pytest.raises(ConnectionResetError):
        await store.put("a", broken_body(content[::-1]), size_bytes=size and size + 1)
    assert md5(await read(store, "a")) == md5(content)


async def test_conditions_are_told_by_generation(value: dict[str, object], opened) -> None:
    """Also where fake-gcs-server ignores them: for sessions, copies and compositions."""
    lines: list[str] = []
    told = {"name": "a", "size": "1", "updated": "2026-01-01T00:00:00Z", "generation": "7", "md5Hash": "AAAA"}
    note = {"key": "a", "attributes": {}}

    def answer(head: bytes, piece: bytes) -> tuple[int, bytes] | tuple[int, bytes, bytes]:
        lines.append(head.partition(b"\r\n")[0].decode())
        whole = {**told, **note, "resource": told, "done": True}
        return 200, b"" if head.startswith(b"HEAD") else json.dumps(whole).encode(), b"x-guploader-uploadid: one\r\n"

    async with answering(answer) as origin:
        store = opened(value, endPoint=origin)
        for condition, generation in ((CREATE, "0"), (Condition(etag="7"), "7")):
            for act in (
                store.put("a", body(b"x"), condition=condition),
                store.put("a", body(noise(9 * MIB)), condition=condition),
                store.copy("b", "a", condition=condition),
                store.complete_upload(
                    "a", "0" * 32, [await store.put_part("a", "0" * 32, 1, body(b"x"))], condition=condition
                ),
            ):
                lines.clear()
                await act
                (asked,) = [line for line in lines if "ifGenerationMatch" in line]
                assert parse_qs(urlsplit(asked.split()[1]).query)["ifGenerationMatch"] == [generation]
        with pytest.raises(PreconditionFailed):
            await store.put("a", body(b"x"), condition=Condition(etag=md5(b"no generation")))
        await store.close()


async def test_a_session_goes_on_where_the_server_says(value: dict[str, object], opened) -> None:
    """Google may keep less of a piece than it was sent, and says how much."""
    content = noise(9 * MIB)
    kept = bytearray()

    def answer(head: bytes, piece: bytes) -> tuple[int, bytes] | tuple[int, bytes, bytes]:
        if head.startswith(b"POST"):
            return 200, b"", b"x-guploader-uploadid: one\r\n"
        span = head.lower().partition(b"content-range: bytes ")[2].partition(b"\r\n")[0]
        start, _, total = span.replace(b"/", b"-").split(b"-")
        assert int(start) == len(kept)
        kept.extend(piece if total != b"*" else piece[: 256 * 1024 * 10])
        if len(kept) == 9 * MIB:
            told = {"name": "a", "size": "1", "updated": "2026-01-01T00:00:00Z", "generation": "1"}
            return 200, json.dumps(told).encode()
        return 308, b"", b"range: bytes=0-%d\r\n" % (len(kept) - 1)

    async with answering(answer) as origin:
        await put(opened(value, endPoint=origin), "a", content)
    assert md5(bytes(kept)) == md5(content)


async def test_more_parts_than_one_composition_takes(value: dict[str, object], opened) -> None:
    store = opened(value)
    upload = await store.start_upload("a", attributes=Attributes(content_type="text/csv"))
    parts = [await store.put_part("a", upload, number, body(b"%d," % number)) for number in range(1, 71)]
    await store.complete_upload("a", upload, parts, attributes=Attributes(content_type="text/csv"))
    assert await read(store, "a") == b"".join(b"%d," % number for number in range(1, 71))
    assert await everything_in(store) == ["a"]


async def everything_in(store: GcsStore) -> list[str]:
    """All keys of the bucket, also those in our corner."""
    return [item["name"] for item in (await store._client.list_page([])).get("items", [])]


async def test_our_corner_is_not_seen_nor_reached(value: dict[str, object], opened) -> None:
    store = opened(value)
    upload = await store.start_upload("a")
    await store.put_part("a", upload, 1, body(b"x"))
    assert await all_keys(store) == []
    assert await store.scan_folder("") == []
    for hidden in await everything_in(store):
        with pytest.raises(InvalidKey):
            await store.head(hidden)
    await store.abort_upload("a", upload)
    assert await everything_in(store) == []


async def test_a_prefix_is_a_bucket_of_its_own(value: dict[str, object], opened) -> None:
    whole, below = opened(value), opened(value, prefix="team a")
    await put(below, "b/1", b"one")
    await put(whole, "c", b"two")
    assert await all_keys(below) == ["b/1"]
    assert await all_keys(whole) == ["c", "team a/b/1"]
    await below.copy("b/1", "d", attributes=Attributes(content_type="text/plain"))
    assert await read(whole, "team a/d") == b"one"


@pytest.mark.parametrize(
    ("status", "reason", "kind", "advice"),
    [
        (401, "authError", StorageDenied, "check serviceAccountKey"),
        (403, "forbidden", StorageDenied, "Storage Object Admin"),
        (403, "accountDisabled", StorageDenied, "billing"),
        (403, "quotaExceeded", StorageFull, "quota"),
        (429, "rateLimitExceeded", Unavailable, "rateLimitExceeded"),
        (503, "backendError", Unavailable, "backendError"),
    ],
)
def test_an_error_says_what_to_do(status: int, reason: str, kind: type[TidemillError], advice: str) -> None:
    told = {"error": {"code": status, "message": "Because.", "errors": [{"reason": reason}]}}
    config = GcsConfig.of({"bucket": "data", "endPoint": "http://localhost"})
    error = error_of(Answer(status, {}, json.dumps(told).encode()), config, "read the object 'a'")
    assert type(error) is kind
    assert advice in str(error)


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_delete_on_a_condition_names_the_generation() -> None:
    heads: list[bytes] = []

    def answer(head: bytes, _: bytes) -> tuple[int, bytes]:
        heads.append(head)
        return 412, b"{}"

    async with answering(answer) as origin:
        store = GcsStore.open({"bucket": "data", "endPoint": origin}, egress=EVERYWHERE)
        for etag in ("7", "no-generation"):
            with pytest.raises(PreconditionFailed):
                await store.delete("a", etag=etag)
        await store.close()
    assert len(heads) == 1
    assert b"ifGenerationMatch=7" in heads[0]
