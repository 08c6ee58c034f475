"""Large values by content, in a folder and in buckets of each kind: found by digest, listed, verified, removed."""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import zstandard

from tests.contracts.objects.bytes_of import body
from tidemill.model.content import Content
from tidemill.model.errors import ContentDamaged, NotFound, StorageMisconfigured, Unavailable
from tidemill.settings import Settings
from tidemill.wiring.contents import opened_content
from tidemill.wiring.instance_bucket import open_bucket

RAW: Final = b'{"a": "' + b"x" * 300_000 + b'"}'


def in_folder(request: pytest.FixtureRequest) -> Settings:
    return Settings(data_dir=request.getfixturevalue("tmp_path"))


def in_s3(request: pytest.FixtureRequest) -> Settings:
    bucket = request.getfixturevalue("object_servers").get("ministack").new_bucket()
    return Settings(
        objects_url=f"s3://{bucket['bucket']}/some/prefix",
        aws_endpoint_url=str(bucket["endPoint"]),
        aws_access_key_id=str(bucket["accessKey"]),
        aws_secret_access_key=str(bucket["secretKey"]),
    )


def in_azure(request: pytest.FixtureRequest) -> Settings:
    container = request.getfixturevalue("object_servers").get("azurite").new_bucket()
    return Settings(
        objects_url=f"az://{container['containerName']}/some/prefix",
        azure_account=str(container["accountName"]),
        azure_key=str(container["accessKey"]),
        azure_endpoint_url=str(container["endPoint"]),
    )


def in_google(request: pytest.FixtureRequest) -> Settings:
    bucket = request.getfixturevalue("object_servers").get("fake-gcs").new_bucket()
    return Settings(objects_url=f"gs://{bucket['bucket']}", google_storage_url=str(bucket["endPoint"]))


@pytest.fixture(params=[in_folder, in_s3, in_azure, in_google], ids=["folder", "s3", "azure", "google"])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.param(request)
    return found


@pytest.fixture
async def content(settings: Settings) -> AsyncIterator[Content]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(opened_content(settings))


async def test_what_is_put_is_found_until_it_is_removed(content: Content) -> None:
    packed = await content.pack(RAW)
    with pytest.raises(NotFound):
        await content.get(packed.digest)
    await content.put(packed)
    await content.put(packed)
    other = await content.pack(b"another")
    await content.put(other)
    assert await content.get(packed.digest) == RAW
    found = {digest: moment async for digest, moment in content.stored()}
    assert set(found) == {packed.digest, other.digest}
    assert all(abs(moment - datetime.now(UTC)) < timedelta(hours=1) for moment in found.values())
    await content.delete(packed.digest)
    await content.delete(packed.digest)
    assert [digest async for digest, _ in content.stored()] == [other.digest]


async def test_blocks_are_read_without_the_others(content: Content) -> None:
    raw = b"".join(b"%064x" % (number * 0x9E3779B97F4A7C15) for number in range(20_000))
    packed = await content.pack(raw)
    blocks = packed.blocks
    with pytest.raises(NotFound):
        await content.get_blocks(packed.digest, blocks, 0, 0)
    await content.put(packed)
    assert await content.get(packed.digest) == raw
    count, size = len(blocks.stored_bytes), blocks.block_bytes
    assert count > 5
    for first, last in ((0, 0), (2, 4), (count - 1, count - 1), (0, count - 1)):
        expected = raw[first * size : (last + 1) * size]
        assert await content.get_blocks(packed.digest, blocks, first, last) == expected


@pytest.mark.parametrize(
    "lengths", [(0,), (0, 0), (1, 300_000, 1), (131_072, 131_072), (131_071, 1, 1), (5, 131_067, 7)]
)
async def test_a_value_in_pieces_is_packed_as_if_it_were_whole(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    pieces = [bytes([65 + number]) * length for number, length in enumerate(lengths)]
    async with opened_content(Settings(data_dir=tmp_path)) as content:
        assert await content.pack(*pieces) == await content.pack(b"".join(pieces))


@pytest.mark.parametrize("in_blocks", [False, True])
async def test_a_value_is_in_memory_once_while_it_is_read(tmp_path: Path, in_blocks: bool) -> None:
    raw = hashlib.shake_256(b"seed").hexdigest(10_000_000).encode()
    async with opened_content(Settings(data_dir=tmp_path)) as content:
        packed = await content.pack(raw)
        await content.put(packed)
        tracemalloc.start()
        if in_blocks:
            read = await content.get_blocks(packed.digest, packed.blocks, 0, len(packed.blocks.stored_bytes) - 1)
        else:
            read = await content.get(packed.digest)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert read == raw
    assert most < 1.05 * len(raw)


async def test_a_value_that_is_kept_in_another_form_is_read_whole(content: Content) -> None:
    packed = await content.pack(RAW * 3)
    before = replace(packed, content=zstandard.ZstdCompressor().compress(RAW * 3))
    await content.put(before)
    assert await content.get(packed.digest) == RAW * 3
    with pytest.raises(ContentDamaged):
        await content.get_blocks(packed.digest, packed.blocks, 1, 1)
    far = replace(packed.blocks, stored_bytes=(1 << 20, 1 << 20), digests=bytes(32))
    with pytest.raises(ContentDamaged):
        await content.get_blocks(packed.digest, far, 1, 1)


async def test_a_value_with_other_bytes_is_told_of(request: pytest.FixtureRequest) -> None:
    settings = in_s3(request)
    async with opened_content(settings) as content:
        packed = await content.pack(RAW)
        other = await content.pack(b"another")
        store = open_bucket(settings)
        await store.put(f"values/{packed.digest[:2]}/{packed.digest}.zst", body(other.content))
        await store.close()
        with pytest.raises(ContentDamaged):
            await content.get(packed.digest)


async def test_a_bucket_that_refuses_makes_values_wait() -> None:
    settings = Settings(
        objects_url="s3://bucket",
        aws_endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    async with opened_content(settings) as content:
        packed = await content.pack(RAW)
        with pytest.raises(Unavailable):
            await content.put(packed)
        with pytest.raises(Unavailable):
            await content.get(packed.digest)


async def test_a_bucket_that_nothing_opens_is_told_at_once() -> None:
    with pytest.raises(StorageMisconfigured, match="AWS_ACCESS_KEY_ID"):
        async with opened_content(Settings(objects_url="s3://bucket")):
            pass
