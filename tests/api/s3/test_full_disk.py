"""A16 over HTTP: a storage whose disk is full says so at every door, keeps nothing of it, and recovers by itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import InMemory
from tests.api.s3.conftest import BUCKET, S3, refusal, run
from tests.contracts.objects.bytes_of import noise
from tests.small_disk import small_disk, used_bytes
from tidemill.model.object_address import DEFAULT
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

MIB = 1024 * 1024
TOO_MUCH = noise(12 * MIB, 7)
H, U = "/api/w/main/job_helpers", "/api/w/main/object_uploads"


class Full:
    """The default storage, on a disk of 16 MiB with an object of 8 MiB; and what it takes to write more."""

    def __init__(self, s3: S3, client: Any, store: LocalStore, disk: Path) -> None:
        self.s3, self.client, self.store, self.disk = s3, client, store, disk

    async def by_api(self) -> tuple[int, str]:
        return await self._answered("POST", f"{H}/upload_s3_file", {"file_key": "new"}, TOO_MUCH)

    async def by_api_without_a_length(self) -> tuple[int, str]:
        async def pieces() -> AsyncIterator[bytes]:
            for place in range(0, len(TOO_MUCH), MIB):
                yield TOO_MUCH[place : place + MIB]

        return await self._answered("POST", f"{H}/upload_s3_file", {"file_key": "new"}, pieces())

    async def by_a_part_of_a_browser(self) -> tuple[int, str]:
        started = await self.s3.api.admin.post(f"{U}/start", params={"file_key": "new"})
        upload = started.json()["id"]
        said = await self._answered("PUT", f"{U}/part/{upload}/1", {"file_key": "new"}, TOO_MUCH)
        assert (await self.s3.api.admin.get(f"{U}/parts/{upload}", params={"file_key": "new"})).json() == []
        assert (await self.s3.api.admin.delete(f"{U}/abort/{upload}", params={"file_key": "new"})).is_success
        return said

    async def over_an_object(self) -> tuple[int, str]:
        return await self._answered("POST", f"{H}/upload_s3_file", {"file_key": "old"}, TOO_MUCH)

    async def by_the_gateway(self) -> tuple[int, str]:
        return await refusal(self.client.put_object, Bucket=BUCKET, Key="new", Body=TOO_MUCH)

    async def by_a_part_of_the_gateway(self) -> tuple[int, str]:
        place = {"Bucket": BUCKET, "Key": "new"}
        upload = (await run(self.client.create_multipart_upload, **place))["UploadId"]
        place["UploadId"] = upload
        said = await refusal(self.client.upload_part, **place, PartNumber=1, Body=TOO_MUCH)
        assert "Parts" not in await run(self.client.list_parts, **place)
        await run(self.client.abort_multipart_upload, **place)
        return said

    async def by_a_copy_from_elsewhere(self) -> tuple[int, str]:
        return await refusal(self.client.copy_object, Bucket=BUCKET, Key="new", CopySource="elsewhere/large")

    async def _answered(self, method: str, url: str, query: dict[str, str], content: Any) -> tuple[int, str]:
        answer = await self.s3.api.admin.request(method, url, params=query, content=content)
        assert "Storage '_default_'" in answer.text
        assert "Delete objects, or give it more room" in answer.text
        return answer.status_code, answer.headers["x-tidemill-error"]


API_SAYS, S3_SAYS = (507, "storage_full"), (507, "InsufficientStorage")
DOORS: dict[Callable[[Full], Awaitable[tuple[int, str]]], tuple[int, str]] = {
    Full.by_api: API_SAYS,
    Full.by_api_without_a_length: API_SAYS,
    Full.by_a_part_of_a_browser: API_SAYS,
    Full.over_an_object: API_SAYS,
    Full.by_the_gateway: S3_SAYS,
    Full.by_a_part_of_the_gateway: S3_SAYS,
    Full.by_a_copy_from_elsewhere: S3_SAYS,
}


@pytest.fixture
async def full(s3: S3, tmp_path: Path) -> AsyncIterator[Full]:
    opener = s3.api.parts.objects._opener
    assert isinstance(opener, InMemory)
    client = await s3.admin()
    await run(client.create_bucket, Bucket="elsewhere")
    await run(client.put_object, Bucket="elsewhere", Key="large", Body=TOO_MUCH)
    with small_disk(tmp_path / "disk", "size=16m") as disk:
        store = LocalStore(LocalConfig(disk / "storage"))
        opener._stores["main", DEFAULT] = store
        await run(client.put_object, Bucket=BUCKET, Key="old", Body=noise(8 * MIB, 1))
        yield Full(s3, client, store, disk)
        await store.close()


@pytest.mark.parametrize("write", DOORS, ids=lambda write: write.__name__)
async def test_no_room_is_told_and_nothing_of_it_is_kept(
    full: Full, write: Callable[[Full], Awaitable[tuple[int, str]]]
) -> None:
    before = used_bytes(full.disk)
    assert await write(full) == DOORS[write]
    assert (await full.store.collect_garbage(age_s=0)).blobs == 0
    assert used_bytes(full.disk) <= before + MIB // 4  # the index has grown by what came and went
    listed = await run(full.client.list_objects_v2, Bucket=BUCKET)
    assert [(each["Key"], each["Size"]) for each in listed["Contents"]] == [("old", 8 * MIB)]
    assert (await run((await run(full.client.get_object, Bucket=BUCKET, Key="old"))["Body"].read)) == noise(8 * MIB, 1)
    await run(full.client.delete_object, Bucket=BUCKET, Key="old")
    await full.store.collect_garbage(age_s=0)
    uploaded = await full.s3.api.admin.post(f"{H}/upload_s3_file", params={"file_key": "new"}, content=TOO_MUCH)
    assert uploaded.status_code == 200, uploaded.text
    assert (await run((await run(full.client.get_object, Bucket=BUCKET, Key="new"))["Body"].read)) == TOO_MUCH
