"""Bodies whose way from the bucket breaks: gone on with where it can be, and otherwise never taken for a whole one."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ResponseStreamingError

from tests.api.conftest import InMemory
from tests.api.s3.conftest import S3, listening, run
from tests.contracts.objects.bytes_of import MIB, body, content_of, md5, noise
from tests.object_servers import ObjectServers
from tests.reliability.fault_proxy import FaultProxy, fault_proxy
from tidemill.model.errors import Unavailable
from tidemill.server.s3.gateway import Gateway
from tidemill.stores.objects.port import ObjectStore
from tidemill.stores.objects.remote.download import Download
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.store import S3Store

SIZE = 40 * MIB
CONTENT = noise(SIZE)


@dataclass
class Far:
    """The storage `far`: a bucket of Ceph that the server reaches by `proxy`, and the test by `direct`."""

    s3: S3
    client: Any
    proxy: FaultProxy
    bucket: dict[str, object]
    direct: ObjectStore

    async def put(self, key: str, content: bytes = CONTENT) -> None:
        await self.direct.put(key, body(content), size_bytes=len(content))

    async def address(self, key: str) -> str:
        """Presigned."""
        url: str = await run(self.client.generate_presigned_url, "get_object", Params={"Bucket": "far", "Key": key})
        return url


@pytest.fixture
def proxy(object_servers: ObjectServers) -> Iterator[FaultProxy]:
    where = urlsplit(object_servers.get("ceph").endpoint)
    with fault_proxy((where.hostname or "", where.port or 0)) as started:
        yield started


@pytest.fixture
async def far(s3: S3, object_servers: ObjectServers, proxy: FaultProxy) -> AsyncIterator[Far]:
    api = s3.api
    bucket = object_servers.get("ceph").new_bucket()
    opener = api.parts.objects._opener
    assert isinstance(opener, InMemory)
    opener.real.add(str(bucket["bucket"]))
    value = {**bucket, "endPoint": f"http://127.0.0.1:{proxy.port}"}
    for route, settings in (
        ("resources/create", {"path": "u/ada/far", "value": value, "resource_type": "s3"}),
        (
            "workspaces/edit_large_file_storage_config",
            {
                "large_file_storage": {
                    "secondary_storage": {"far": {"type": "S3Storage", "s3_resource_path": "$res:u/ada/far"}}
                }
            },
        ),
    ):
        assert (await api.admin.post(f"/api/w/main/{route}", json=settings)).is_success
    direct = S3Store(S3Config.of(bucket))
    yield Far(s3, await s3.admin(signature_version="s3v4"), proxy, value, direct)
    await direct.close()


def connect(url: str) -> http.client.HTTPConnection:
    place = urlsplit(url)
    return http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)


def begin(connection: http.client.HTTPConnection, url: str) -> http.client.HTTPResponse:
    """The answer, of which nothing was read yet."""
    place = urlsplit(url)
    connection.request("GET", f"{place.path}?{place.query}")
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return answer


def read_on(answer: http.client.HTTPResponse) -> int:
    """How much follows, as a client reads that never compares it with what was announced."""
    return sum(len(piece) for piece in iter(lambda: answer.read(MIB), b""))


async def test_a_body_is_whole_however_often_the_bucket_breaks_off(far: Far) -> None:
    await far.put("a")
    far.proxy.faults.cut_after_bytes_down = 3 * MIB
    answer = await run(far.client.get_object, Bucket="far", Key="a")
    assert md5(await run(answer["Body"].read)) == md5(CONTENT)
    assert far.proxy.cuts >= SIZE // (4 * MIB)


async def test_a_bucket_that_is_away_for_a_moment_is_waited_for(far: Far) -> None:
    await far.put("a")
    with closing(connect(url := await far.address("a"))) as connection:
        answer = await run(begin, connection, url)
        far.proxy.faults.refuse = True
        await run(far.proxy.reset_all)
        rest = asyncio.create_task(run(read_on, answer))
        await refused(far.proxy)
        far.proxy.faults.refuse = False
        assert await rest == SIZE


async def refused(proxy: FaultProxy) -> None:
    """Returns once the proxy turned a connection away."""
    before = proxy.refusals
    async with asyncio.timeout(30):
        while proxy.refusals == before:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("door", ["port", "below the API"])
async def test_a_body_that_cannot_be_gone_on_with_ends_with_an_error(far: Far, door: str) -> None:
    """Another object lies there meanwhile. Also who reads by pieces and compares nothing must see it."""
    await far.put("a")
    url = await far.address("a")
    if door == "below the API":
        client = far.s3.client(await far.s3.credentials("ada"), url=far.s3.proxy, signature_version="s3v4")
        url = await run(client.generate_presigned_url, "get_object", Params={"Bucket": "far", "Key": "a"})
    with closing(connect(url)) as connection:
        answer = await run(begin, connection, url)
        await far.put("a", CONTENT[::-1])
        await run(far.proxy.reset_all)
        with pytest.raises(ConnectionResetError):
            await run(read_on, answer)


async def test_a_small_object_that_cannot_be_read_to_its_end_is_an_error_with_a_reason(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read before its head is sent, so there is still a place for it."""
    monkeypatch.setitem(Download.__init__.__kwdefaults__, "pauses_s", (0.0,))
    await far.put("a", noise(60_000))
    url = await far.address("a")
    far.proxy.faults.cut_after_bytes_down = 600
    with closing(connect(url)) as connection:
        place = urlsplit(url)
        connection.request("GET", f"{place.path}?{place.query}")
        answer = await run(connection.getresponse)
        told = await run(answer.read)
    assert answer.status == 503, told
    assert b"<Code>ServiceUnavailable</Code>" in told
    assert b"Storage 'far' (s3): The connection to " in told


async def test_boto3_is_told_too(far: Far) -> None:
    await far.put("a")
    answer = await run(far.client.get_object, Bucket="far", Key="a")
    await far.put("a", CONTENT[::-1])
    await run(far.proxy.reset_all)
    with pytest.raises(ResponseStreamingError):
        await run(answer["Body"].read)


async def test_a_server_that_stops_leaves_no_half_body_for_a_whole_one(far: Far) -> None:
    await far.put("a")
    async with listening(Gateway(far.s3.api.parts)) as other:
        client = far.s3.client(await far.s3.credentials("ada"), url=other, signature_version="s3v4")
        url = await run(client.generate_presigned_url, "get_object", Params={"Bucket": "far", "Key": "a"})
        connection = connect(url)
        answer = await run(begin, connection, url)
    with closing(connection), pytest.raises(ConnectionResetError):
        await run(read_on, answer)


async def test_a_client_that_closes_its_side_early_gets_no_clean_end(far: Far) -> None:
    await far.put("a")
    url = urlsplit(await far.address("a"))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"GET {url.path}?{url.query} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"200"
    writer.write_eof()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_bucket_that_stays_away_is_given_up(far: Far) -> None:
    await far.put("a")
    store = S3Store(S3Config.of(far.bucket))
    reading = await store.get("a")
    download = reading.body
    assert isinstance(download, Download)
    download._pauses_s = (0.0, 0.0)
    await anext(download)
    far.proxy.faults.refuse = True
    await run(far.proxy.reset_all)
    with pytest.raises(Unavailable, match=f"of {SIZE}"):
        await content_of(reading)
    await store.close()
