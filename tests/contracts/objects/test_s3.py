"""Buckets of S3 beyond the suite: what errors say, prefixes, signed addresses, large objects, broken connections."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contracts.objects.bytes_of import MIB, all_keys, body, broken_body, content_of, md5, noise, put, read
from tests.contracts.objects.http_server import answering
from tests.contracts.objects.wrong_settings import every_call
from tests.object_servers import ObjectServer, ObjectServers
from tests.processes import free_port
from tests.reliability.fault_proxy import FaultProxy
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import (
    BadRequest,
    NotFound,
    PreconditionFailed,
    StorageDenied,
    StorageMisconfigured,
    TidemillError,
    Unavailable,
    Unsupported,
)
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import CREATE, Attributes, Condition, ObjectStore, Told
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.store import S3Store

Open = Callable[..., S3Store]


@pytest.fixture(params=["ceph", "ministack"])
def server(request: pytest.FixtureRequest, object_servers: ObjectServers) -> ObjectServer:
    return object_servers.get(request.param)


@pytest.fixture
def ceph(object_servers: ObjectServers) -> ObjectServer:
    return object_servers.get("ceph")


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens a store on the value of a resource, with fields of it changed; closes it in the end."""
    stores: list[S3Store] = []

    def open_one(value: dict[str, object], *, options: dict[str, Any] | None = None, **changes: object) -> S3Store:
        stores.append(S3Store(S3Config.of({**value, **changes}), **(options or {})))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    ("changes", "kind", "advice"),
    [
        ({"secretKey": "a-wrong-secret"}, StorageDenied, "check secretKey"),
        ({"accessKey": "an-unknown-key"}, StorageDenied, "check accessKey"),
        ({"bucket": "not-there-at-all"}, StorageMisconfigured, "make it, or mend bucket"),
        ({"accessKey": "", "secretKey": ""}, StorageDenied, "AccessDenied"),
    ],
    ids=["secret", "key", "bucket", "anonymous"],
)
async def test_what_is_set_wrongly_is_named_by_every_call(
    ceph: ObjectServer, opened: Open, changes: dict[str, object], kind: type[Exception], advice: str
) -> None:
    store = opened(ceph.new_bucket(), **changes)
    for error in await every_call(store):
        assert isinstance(error, kind)
        assert advice in str(error)
        assert "a-wrong-secret" not in str(error)
        assert "an-unknown-key" not in str(error)
    failed = {key: type(error) for key, error in (await deleted(store)).items()}
    assert failed == {"a": kind, "b": kind}


async def deleted(store: ObjectStore) -> dict[str, Exception]:
    """What `delete_many` says of two keys, one by one or of all at once."""
    try:
        return dict(await store.delete_many(["a", "b"]))
    except TidemillError as error:
        return dict.fromkeys("ab", error)


async def test_a_clock_that_is_wrong_is_named(ceph: ObjectServer, opened: Open) -> None:
    store = opened(ceph.new_bucket(), options={"now": lambda: datetime.now(UTC) + timedelta(hours=1)})
    for error in await every_call(store):
        assert isinstance(error, StorageMisconfigured | StorageDenied)
    with pytest.raises(StorageMisconfigured, match="NTP"):
        await store.scan("")


async def test_a_server_that_is_away_is_named(opened: Open) -> None:
    port = free_port()
    value = {"bucket": "some-bucket", "endPoint": f"http://127.0.0.1:{port}", "accessKey": "a", "secretKey": "secret"}
    for error in await every_call(opened(value)):
        assert isinstance(error, Unavailable)
        assert f"127.0.0.1:{port} refuses connections" in str(error)
    nowhere = {**value, "endPoint": "s3.no-such-host.invalid", "pathStyle": True}
    with pytest.raises(Unavailable, match="no host of the name"):
        await opened(nowhere).head("a")


async def test_tls_to_a_server_without_it_is_named(ceph: ObjectServer, opened: Open) -> None:
    value = ceph.new_bucket()
    endpoint = str(value["endPoint"]).replace("http:", "https:")
    with pytest.raises(StorageMisconfigured, match="useSSL"):
        await opened(value, endPoint=endpoint).head("a")


async def test_a_prefix_is_a_bucket_of_its_own(server: ObjectServer, opened: Open) -> None:
    value = server.new_bucket()
    whole, below, beside = opened(value), opened(value, prefix="/team a/"), opened(value, prefix="team a2")
    for store in (whole, below, beside):
        await put(store, "a/1", b"one")
        await put(store, "b", b"two")
    assert await all_keys(below) == ["a/1", "b"]
    assert await all_keys(whole) == ["a/1", "b", "team a/a/1", "team a/b", "team a2/a/1", "team a2/b"]
    assert [entry.prefix for entry in (await below.scan_folder("", limit=1))] == ["a/"]  # type: ignore[union-attr]
    assert [entry.key for entry in (await below.scan_folder("", after="a/"))] == ["b"]  # type: ignore[union-attr]
    await below.copy("b", "c")
    assert await read(whole, "team a/c") == b"two"
    assert await below.delete_many(["a/1", "c"]) == {}
    assert await all_keys(below) == ["b"]
    assert await all_keys(beside) == ["a/1", "b"]


async def test_a_signed_address_reads_and_writes_without_keys(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket(), prefix="p")
    key = "Größe/a b+c%2F.txt"
    await put(store, key, b"signed")
    async with httpx.AsyncClient() as client:
        address = await store.sign("GET", key, expires_s=60)
        assert (await client.get(address)).content == b"signed"
        assert (await client.get(address.replace(".txt?", ".txt2?"))).status_code in (403, 404)
        address = await store.sign("PUT", "new", expires_s=10**9)
        assert (await client.put(address, content=b"by address")).status_code == 200
    assert await read(store, "new") == b"by address"


@pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 40 * MIB])
@pytest.mark.parametrize("told", [True, False])
async def test_large_objects_are_whole(server: ObjectServer, opened: Open, size: int, told: bool) -> None:
    store = opened(server.new_bucket())
    content = noise(size)
    pieces = [content[place : place + 300_000] for place in range(0, size, 300_000)]
    attributes = Attributes(content_type="text/csv", metadata={"owner": "ann"})
    info = await store.put("a", body(*pieces), size_bytes=size if told else None, attributes=attributes)
    found = await store.head("a")
    assert (found.size_bytes, found.etag, found.attributes) == (size, info.etag, attributes)
    assert md5(await read(store, "a")) == md5(content)


@pytest.mark.parametrize("told", [True, False])
async def test_large_objects_are_put_on_a_condition(server: ObjectServer, opened: Open, told: bool) -> None:
    store = opened(server.new_bucket())
    content = noise(20 * MIB)
    size = len(content) if told else None
    first = await store.put("a", body(content), size_bytes=size, condition=CREATE)
    for condition in (CREATE, Condition(etag="0" * 32)):
        with pytest.raises(PreconditionFailed):
            await store.put("a", body(content[::-1]), size_bytes=size, condition=condition)
    assert md5(await read(store, "a")) == md5(content)
    await store.put("a", body(content[::-1]), size_bytes=size, condition=Condition(etag=first.etag))
    assert md5(await read(store, "a")) == md5(content[::-1])
    assert await all_keys(store) == ["a"]


async def test_a_large_put_that_fails_leaves_no_parts(server: ObjectServer, opened: Open) -> None:
    value = server.new_bucket()
    store = opened(value)
    with pytest.raises(ConnectionResetError):
        await store.put("a", broken_body(noise(20 * MIB)))
    with pytest.raises(BadRequest):
        await store.put("a", body(noise(20 * MIB)), size_bytes=20 * MIB + 1)
    assert await all_keys(store) == []
    assert await uploads_of(store) == b""


async def uploads_of(store: S3Store) -> bytes:
    """The part of ListMultipartUploads that tells of some."""
    answer = await store._client.call("GET", None, what="list uploads", query=[("uploads", "")])
    return answer.body.partition(b"<Upload>")[2]


async def test_what_is_too_large_for_one_copy_is_copied_in_parts(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket(), options={"max_copy_bytes": 5 * MIB})
    content = noise(12 * MIB)
    await put(store, "a", content, attributes=Attributes(content_type="text/csv"))
    same = await store.copy("a", "b")
    other = await store.copy("a", "c", attributes=Attributes(content_type="text/plain"))
    assert md5(await read(store, "b")) == md5(await read(store, "c")) == md5(content)
    for info, kind in ((same, "text/csv"), (other, "text/plain")):
        found = await store.head(info.key)
        assert (found.etag, found.attributes) == (info.etag, Attributes(content_type=kind))


async def test_a_copy_on_a_condition_is_decided_by_the_server(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket())
    await put(store, "a", b"one", attributes=Attributes(content_type="text/csv"))
    await store.copy("a", "b", condition=CREATE)
    with pytest.raises(PreconditionFailed):
        await store.copy("a", "b", condition=CREATE)
    found = await store.head("b")
    assert found.attributes == Attributes(content_type="text/csv")


async def test_what_no_header_carries_is_refused(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket())
    for attributes in (
        Attributes(metadata={"owner": "Jürgen"}),
        Attributes(metadata={"owner": " ann"}),
        Attributes(content_disposition="a\r\nx-amz-acl: public-read"),
    ):
        with pytest.raises(BadRequest):
            await put(store, "a", attributes=attributes)
    assert await all_keys(store) == []


@dataclass
class Promised:
    """A body that says which digest it has."""

    content: bytes
    sha256: str

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


async def test_a_digest_that_is_known_is_what_the_server_compares_with(server: ObjectServer, opened: Open) -> None:
    value = server.new_bucket()
    store = opened(value)
    content = noise(MIB)
    right = hashlib.sha256(content).hexdigest()
    await store.put("a", Promised(content, right), size_bytes=MIB)
    assert await read(store, "a") == content
    sent: list[bytes] = []

    def answer(head: bytes, _: bytes) -> tuple[int, bytes, bytes]:
        sent.append(head)
        return 200, b"", b'etag: "1"\r\n'

    async with answering(answer) as origin:
        far = opened({**value, "endPoint": origin})
        await far.put("a", Promised(content, right), size_bytes=MIB)
        upload = await far.put_part("a", "an-upload", 1, Promised(content, "0" * 64), size_bytes=MIB)
        await far.close()
    assert upload.size_bytes == MIB
    told = [head.lower().partition(b"x-amz-content-sha256: ")[2][:64].decode() for head in sent]
    assert told == [right, "0" * 64]


async def test_a_page_tells_that_more_follows(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket())
    for key in ("a", "b", "c/d"):
        await put(store, key)
    for scan in (store.scan, store.scan_folder):
        assert isinstance(await scan("", limit=2), Told)
        assert not isinstance(await scan("", limit=3), Told)


async def test_nothing_is_left_of_trying_conditions_out(server: ObjectServer, opened: Open) -> None:
    store = opened(server.new_bucket())
    learned = await store.learn()
    assert learned.style is not None
    assert store.can.conditional
    assert await all_keys(store) == []
    assert await uploads_of(store) == b""


async def test_a_server_that_ignores_conditions_is_found_out(opened: Open) -> None:
    async with answering(lambda head, content: (200, b"", b'etag: "1"\r\n')) as origin:
        store = opened({"bucket": "bucket", "endPoint": origin, "accessKey": "a", "secretKey": "b"})
        await put(store, "a")
        with pytest.raises(Unsupported, match="ignores If-Match"):
            await store.put("a", body(b"x"), condition=CREATE)
        assert not store.can.conditional
        assert not store.can.conditional_uploads
        await store.close()


@pytest.fixture
def proxy(ceph: ObjectServer) -> AsyncIterator[FaultProxy]:
    where = urlsplit(ceph.endpoint)
    assert where.hostname
    assert where.port
    started = FaultProxy((where.hostname, where.port))
    started.start()
    yield started  # type: ignore[misc]
    started.stop()


async def test_a_read_goes_on_where_its_connection_broke(ceph: ObjectServer, opened: Open, proxy: FaultProxy) -> None:
    value = ceph.new_bucket()
    content = noise(9 * MIB)
    await put(opened(value), "a", content)
    store = opened(value, endPoint=f"http://127.0.0.1:{proxy.port}")
    reading = await store.get("a", start=5)
    found = await anext(aiter(reading.body))
    await asyncio.to_thread(proxy.reset_all)
    assert md5(found + await content_of(reading)) == md5(content[5:])


async def test_a_read_does_not_go_on_with_another_version(ceph: ObjectServer, opened: Open, proxy: FaultProxy) -> None:
    value = ceph.new_bucket()
    direct = opened(value)
    await put(direct, "a", noise(9 * MIB, 1))
    reading = await opened(value, endPoint=f"http://127.0.0.1:{proxy.port}").get("a")
    await anext(aiter(reading.body))
    await put(direct, "a", noise(9 * MIB, 2))
    await asyncio.to_thread(proxy.reset_all)
    with pytest.raises(PreconditionFailed):
        await content_of(reading)


async def test_writes_are_sent_again_where_that_is_safe(ceph: ObjectServer, opened: Open, proxy: FaultProxy) -> None:
    value = ceph.new_bucket()
    store = opened(value, endPoint=f"http://127.0.0.1:{proxy.port}")
    await store.learn()
    for number in range(10):
        await asyncio.to_thread(proxy.reset_all)  # what is kept alive is found to be dead
        await put(store, f"k{number}", b"x")
    assert len(await all_keys(store)) == 10
    proxy.faults.cut_after = b"if-none-match"
    with pytest.raises(
        Unavailable
    ):  # written or not: nobody knows, and a second try would say that it is there already
        await store.put("once", body(b"x"), condition=CREATE)
    proxy.faults.cut_after = b""


async def test_a_role_is_taken_on_with_a_token(object_servers: ObjectServers) -> None:
    server = object_servers.get("ministack")
    audiences = []

    async def prove(audience: str) -> str:
        audiences.append(audience)
        return secrets.token_hex(8)

    value = server.new_bucket()
    store = open_store(
        "s3_aws_oidc",
        {
            "bucket": value["bucket"],
            "region": "us-east-1",
            "roleArn": "arn:aws:iam::000000000000:role/tidemill",
            "endPoint": server.endpoint,
            "stsEndPoint": server.endpoint,
        },
        egress=EVERYWHERE,
        prove=prove,
    )
    await put(store, "a", b"by role")
    assert await read(store, "a") == b"by role"
    with pytest.raises(NotFound):
        await store.head("b")
    await store.close()
    assert audiences == [server.endpoint.removeprefix("http://")]  # never Amazon's, which is another
