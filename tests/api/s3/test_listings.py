"""Listing through the S3 endpoint, and buckets."""

from typing import Any

import pytest

from tests.api.s3.conftest import BUCKET, S3, refusal, run
from tidemill.db.queries import inline
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import Attributes

KEYS = sorted(["a", "a/1", "a/2", "a/b/3", "b", "b c+%", "c/1", "d\x01e", "z"])


@pytest.fixture
async def client(s3: S3) -> Any:
    client = await s3.admin()
    for key in KEYS:
        await run(client.put_object, Bucket=BUCKET, Key=key, Body=b"x")
    return client


async def names(client: Any, **query: Any) -> tuple[list[str], list[str]]:
    answer = await run(client.list_objects_v2, Bucket=BUCKET, **query)
    return (
        [each["Key"] for each in answer.get("Contents", [])],
        [each["Prefix"] for each in answer.get("CommonPrefixes", [])],
    )


async def test_prefix_delimiter_and_start(client: Any) -> None:
    assert await names(client) == (KEYS, [])
    assert await names(client, Prefix="a") == (["a", "a/1", "a/2", "a/b/3"], [])
    assert await names(client, Delimiter="/") == (["a", "b", "b c+%", "d\x01e", "z"], ["a/", "c/"])
    assert await names(client, Prefix="a/", Delimiter="/") == (["a/1", "a/2"], ["a/b/"])
    assert await names(client, Delimiter="/", StartAfter="b") == (["b c+%", "d\x01e", "z"], ["c/"])
    assert await names(client, StartAfter="c/1") == (["d\x01e", "z"], [])
    assert await names(client, Prefix="none") == ([], [])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
async def test_pages_give_everything_once(client: Any, version: str, size: int) -> None:
    def walk(**query: Any) -> list[str]:
        pages = client.get_paginator(version).paginate(Bucket=BUCKET, PaginationConfig={"PageSize": size}, **query)
        found = []
        for page in pages:
            entries = [each["Key"] for each in page.get("Contents", [])]
            folders = [each["Prefix"] for each in page.get("CommonPrefixes", [])]
            assert len(entries) + len(folders) <= size
            found += sorted(entries + folders)
        return found

    assert await run(walk) == KEYS
    assert await run(walk, Delimiter="/") == ["a", "a/", "b", "b c+%", "c/", "d\x01e", "z"]


async def test_what_a_listing_tells(client: Any) -> None:
    answer = await run(client.list_objects_v2, Bucket=BUCKET, MaxKeys=1, FetchOwner=True)
    (entry,) = answer["Contents"]
    assert (entry["Key"], entry["Size"], entry["StorageClass"], entry["Owner"]["ID"]) == ("a", 1, "STANDARD", "main")
    assert entry["ETag"] == (await run(client.head_object, Bucket=BUCKET, Key="a"))["ETag"]
    assert (answer["KeyCount"], answer["IsTruncated"], answer["MaxKeys"]) == (1, True, 1)
    nothing = await run(client.list_objects_v2, Bucket=BUCKET, MaxKeys=0)
    assert (nothing["KeyCount"], nothing["IsTruncated"]) == (0, False)


async def test_a_token_that_is_none_is_refused(client: Any) -> None:
    for token in ("!", "", "/w=="):
        told = await refusal(client.list_objects_v2, Bucket=BUCKET, ContinuationToken=token)
        assert told == (400, "InvalidArgument")
    assert await refusal(client.list_objects_v2, Bucket=BUCKET, EncodingType="utf") == (400, "InvalidArgument")


async def test_ten_thousand_keys(s3: S3) -> None:
    client, caller = await s3.admin(), await s3.caller("ada")
    async with s3.api.parts.objects.storage(caller, Address()) as storage:
        for number in range(10_000):
            await storage.store.put(f"many/{number:05d}", _no_bytes(), attributes=Attributes())

    def walk() -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page["Contents"]]

    assert await run(walk) == [f"many/{number:05d}" for number in range(10_000)]


async def _no_bytes() -> Any:
    for piece in ():
        yield piece


async def test_buckets_are_the_storages_of_the_workspace(s3: S3) -> None:
    client = await s3.admin()
    await run(client.create_bucket, Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [each["Name"] for each in (await run(client.list_buckets))["Buckets"]] == [BUCKET, "lake"]
    for name in ("lake", BUCKET):
        assert await refusal(client.create_bucket, Bucket=name) == (409, "BucketAlreadyOwnedByYou")
    assert await refusal(client.create_bucket, Bucket="Not_A_Name") == (400, "InvalidBucketName")
    await run(client.head_bucket, Bucket="lake")
    assert (await run(client.get_bucket_location, Bucket="lake"))["LocationConstraint"] is None
    await run(client.put_object, Bucket="lake", Key="k", Body=b"x")
    assert await refusal(client.delete_bucket, Bucket="lake") == (409, "BucketNotEmpty")
    await run(client.delete_object, Bucket="lake", Key="k")
    upload = await run(client.create_multipart_upload, Bucket="lake", Key="k")
    assert await refusal(client.delete_bucket, Bucket="lake") == (409, "BucketNotEmpty")
    await run(client.abort_multipart_upload, Bucket="lake", Key="k", UploadId=upload["UploadId"])
    await run(client.delete_bucket, Bucket="lake")
    assert (await refusal(client.head_bucket, Bucket="lake"))[0] == 404
    assert await refusal(client.list_objects_v2, Bucket="lake") == (404, "NoSuchBucket")
    assert await refusal(client.put_object, Bucket="lake", Key="k", Body=b"") == (404, "NoSuchBucket")
    assert await refusal(client.delete_bucket, Bucket=BUCKET) == (403, "AccessDenied")


async def test_only_admins_make_and_remove_buckets(s3: S3) -> None:
    admin, developer = await s3.admin(), s3.client(await s3.credentials("dev"))
    await run(admin.create_bucket, Bucket="lake")
    assert await refusal(developer.create_bucket, Bucket="mine") == (403, "AccessDenied")
    assert await refusal(developer.create_bucket, Bucket="lake") == (409, "BucketAlreadyOwnedByYou")
    assert await refusal(developer.delete_bucket, Bucket="lake") == (403, "AccessDenied")
    job = s3.client(await s3.of_job("ada"))
    assert await refusal(job.create_bucket, Bucket="mine") == (403, "AccessDenied")


async def test_rules_decide_what_is_read_written_and_listed(s3: S3) -> None:
    """The default rules: everybody has a folder, and what no rule names is closed."""
    admin, developer = await s3.admin(), s3.client(await s3.credentials("dev"))
    await run(admin.put_object, Bucket=BUCKET, Key="secret/k", Body=b"x")
    await run(admin.put_object, Bucket=BUCKET, Key="u/dev/a", Body=b"x")
    at = {"Bucket": BUCKET, "Key": "secret/k"}
    own = {"Bucket": BUCKET, "Key": "u/dev/b"}
    source = f"{BUCKET}/secret/k"
    upload = (await run(developer.create_multipart_upload, **own))["UploadId"]
    for call in (
        lambda: developer.get_object(**at),
        lambda: developer.put_object(**at, Body=b"y"),
        lambda: developer.delete_object(**at),
        lambda: developer.copy_object(**own, CopySource=source),
        lambda: developer.copy_object(**at, CopySource=f"{BUCKET}/u/dev/a"),
        lambda: developer.upload_part_copy(**own, CopySource=source, PartNumber=1, UploadId=upload),
        lambda: developer.create_multipart_upload(**at),
        lambda: developer.list_objects_v2(Bucket=BUCKET, Prefix="secret/"),
        lambda: developer.put_object_tagging(**at, Tagging={"TagSet": []}),
    ):
        assert await refusal(call) == (403, "AccessDenied")
    answer = await run(
        developer.delete_objects, Bucket=BUCKET, Delete={"Objects": [{"Key": "secret/k"}, {"Key": "u/dev/a"}]}
    )
    assert [each["Key"] for each in answer["Deleted"]] == ["u/dev/a"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("secret/k", "AccessDenied")]
    await run(developer.put_object, **own, Body=b"x")
    assert await names(developer) == (["u/dev/b"], [])
    assert (await run(admin.get_object, **at))["ContentLength"] == 1


async def test_what_was_touched_is_noted(s3: S3) -> None:
    client = await s3.admin()
    await run(client.put_object, Bucket=BUCKET, Key="k", Body=b"four")
    await run(client.get_object, Bucket=BUCKET, Key="k")
    await run(client.delete_object, Bucket=BUCKET, Key="k")
    await s3.api.parts.objects.flush_log()
    rows = await s3.api.parts.database.single.fetch_all(
        inline("select access, address, size_bytes from storage_access where kind = 'object' order by id")
    )
    assert [(row["access"], row["size_bytes"]) for row in rows] == [("write", 4), ("read", 4), ("delete", None)]
