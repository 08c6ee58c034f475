"""A store is tried out step by step, and each step says what to mend."""

import asyncio
import socket

import pytest

from tests.contracts.objects.bytes_of import all_keys
from tests.contracts.objects.http_server import answering
from tests.object_servers import ObjectServers
from tests.processes import free_port
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import Conflict, Unsupported
from tidemill.stores import connection_tests
from tidemill.stores.objects.examination import _CONTENT, Outcome, S3Test, examine
from tidemill.stores.objects.port import ObjectStore, Remote
from tidemill.stores.objects.s3.store import S3Store

WAYS = ["connect", "encrypt what is sent"]
S3_WAYS = [*WAYS, "find the bucket in its region", "address the bucket"]
STEPS = [
    "list objects",
    "write an object",
    "read a range of it",
    "write on a condition",
    "upload in parts",
    "agree on the time",
    "read by a signed address",
    "delete it",
]


async def test_a_store_that_is_fine_passes_all_steps(store: ObjectStore) -> None:
    steps = [step async for step in examine(store)]
    lacking = set() if store.can.signed_urls else {"read by a signed address"}
    ways = S3_WAYS if isinstance(store, S3Store) else WAYS if isinstance(store, Remote) else []
    assert [step.name for step in steps] == [*ways, *(name for name in STEPS if name not in lacking)]
    assert {step.outcome for step in steps} == {Outcome.FINE}
    assert await all_keys(store) == []


async def test_what_is_left_half_way_is_removed(store: ObjectStore) -> None:
    steps = examine(store)
    async for step in steps:
        if step.name == "write an object":
            assert len(await all_keys(store)) == 1
            break
    await steps.aclose()  # type: ignore[attr-defined]
    assert await all_keys(store) == []


@pytest.mark.parametrize(
    ("server", "kind", "changes", "advice"),
    [
        ("ceph", "s3", {"secretKey": "a-wrong-secret"}, "check secretKey"),
        ("ceph", "s3", {"bucket": "not-there"}, "There is no bucket"),
        ("ceph", "s3", {"bucket": ""}, "bucket"),
        ("azurite", "azure_blob", {"accessKey": "d3Jvbmc="}, "check accountName and accessKey"),
        ("fake-gcs", "gcloud_storage", {"bucket": "not-there"}, "There is no bucket"),
    ],
)
async def test_a_test_of_a_resource_says_what_to_mend(
    object_servers: ObjectServers, server: str, kind: str, changes: dict[str, object], advice: str
) -> None:
    value = object_servers.get(server).new_bucket()
    assert "can be listed" in await connection_tests.tester_of(kind, EVERYWHERE).test(value)
    with pytest.raises(Conflict, match=advice) as raised:
        await connection_tests.tester_of(kind, EVERYWHERE).test({**value, **changes})
    assert "a-wrong-secret" not in str(raised.value)


async def test_fields_that_mean_nothing_are_told(object_servers: ObjectServers) -> None:
    value = {**object_servers.get("ceph").new_bucket(), "regoin": "eu-1", "note": "ours"}
    told = await connection_tests.tester_of("s3", EVERYWHERE).test(value)
    assert "passes it over: note, regoin." in told


async def test_what_a_server_lacks_is_told_and_no_failure() -> None:
    """Of one that takes everything and ignores conditions."""

    def answer(head: bytes, content: bytes) -> tuple[int, bytes, bytes]:
        if b"X-Amz-Signature" in head:
            return 200, _CONTENT, b""
        if b"range:" in head.lower():
            return 206, b"tries", b"content-range: bytes 9-13/51\r\n"
        listing = b"<R><UploadId>1</UploadId><ETag>1</ETag></R>"
        return 200, b"" if head.startswith(b"HEAD") else listing, b'etag: "1"\r\n'

    async with answering(answer) as origin:
        store = S3Store.open(
            {"bucket": "data", "endPoint": origin, "accessKey": "a", "secretKey": "b"}, egress=EVERYWHERE
        )
        outcomes = {step.name: step.outcome async for step in examine(store)}
        await store.close()
    assert outcomes == dict.fromkeys([*S3_WAYS, *STEPS], Outcome.FINE) | {"write on a condition": Outcome.UNSUPPORTED}


async def test_a_server_that_is_silent_does_not_hold_up_a_test() -> None:
    """It takes the connection and never says a word, as behind some firewalls."""
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        port = listening.getsockname()[1]
        value = {"bucket": "data", "endPoint": f"http://127.0.0.1:{port}", "accessKey": "a", "secretKey": "b"}
        with pytest.raises(Conflict, match="seconds"):
            await Hasty(EVERYWHERE).test(value)


class Hasty(S3Test):
    """It would wait for longer."""

    limit_s = 0.2


REGION = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-7</Region></Error>"
MOVED = b"<Error><Code>PermanentRedirect</Code><Endpoint>data.elsewhere.example</Endpoint></Error>"


async def first_failure(**value: object) -> tuple[str, Outcome, str]:
    """Of the steps on the way to the bucket; nothing comes behind one that failed."""
    store = S3Store.open({"bucket": "data", "accessKey": "a", "secretKey": "b", **value}, egress=EVERYWHERE)
    steps = [step async for step in examine(store)]
    await store.close()
    return steps[-1].name, steps[-1].outcome, steps[-1].advice


@pytest.mark.parametrize(
    ("answer", "step", "advice"),
    [
        ((400, REGION, b""), "find the bucket in its region", "set region to eu-north-7"),
        ((301, b"", b"x-amz-bucket-region: ap-1\r\n"), "find the bucket in its region", "set region to ap-1"),
        ((301, MOVED, b""), "address the bucket", "pathStyle to false"),
        ((200, b"<ListAllMyBucketsResult/>", b""), "address the bucket", "set pathStyle to true"),
    ],
)
async def test_the_way_to_the_bucket_is_tried_first(answer: tuple[int, bytes, bytes], step: str, advice: str) -> None:
    async with answering(lambda head, _: (200, b"", b"") if head.startswith(b"HEAD / ") else answer) as origin:
        name, outcome, told = await first_failure(endPoint=origin, pathStyle=True)
    assert (name, outcome) == (step, Outcome.FAILED)
    assert advice in told


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({"endPoint": "http://nowhere.invalid", "pathStyle": True}, "check endPoint"),
        ({"endPoint": "http://nowhere.invalid", "pathStyle": False}, "set pathStyle to true"),
        ({"endPoint": "http://127.0.0.1:1"}, "refuses connections"),
    ],
)
async def test_a_server_that_is_not_there_is_told_at_once(value: dict[str, object], advice: str) -> None:
    name, outcome, told = await first_failure(**value)
    assert (name, outcome) == ("connect", Outcome.FAILED)
    assert advice in told


async def test_tls_that_does_not_fit_is_told_with_the_field_to_mend() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        name, _, told = await first_failure(endPoint=f"https://127.0.0.1:{port}", useSSL=True)
    assert name == "connect"
    assert "is useSSL right?" in told


async def test_what_is_sent_in_the_clear_is_told() -> None:
    store = S3Store.open(
        {"bucket": "data", "endPoint": "http://192.0.2.1", "accessKey": "a", "secretKey": "b"}, egress=EVERYWHERE
    )
    ways = dict(store.ways())
    with pytest.raises(Unsupported, match="set useSSL"):
        await ways["encrypt what is sent"]()
    await store.close()
