"""Parts of objects that are complete, and deletes on a condition."""

import base64
import zlib
from typing import Any

import pytest

from tests.api.s3.conftest import BUCKET, S3, refusal, run

MIB = 1024 * 1024
AT = {"Bucket": BUCKET, "Key": "mp"}
BODIES = [b"a" * 5 * MIB, b"b" * (5 * MIB + 1), b"end"]
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


@pytest.fixture
async def client(s3: S3) -> Any:
    return await s3.admin()


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


async def upload(client: Any, **more: Any) -> str:
    """In parts with gaps between their numbers; the ETag."""
    begun = {**AT, "UploadId": (await run(client.create_multipart_upload, **AT, **more))["UploadId"]}
    parts = []
    for number, body in zip((2, 5, 9), BODIES, strict=True):
        answer = await run(client.upload_part, **begun, PartNumber=number, Body=body, **more)
        told = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
        parts.append({"PartNumber": number, **told})
    answer = await run(client.complete_multipart_upload, **begun, MultipartUpload={"Parts": parts})
    return str(answer["ETag"])


@pytest.mark.parametrize("more", [{}, {"ChecksumAlgorithm": "CRC32"}], ids=["plain", "checksums"])
async def test_parts_are_read_one_by_one(client: Any, more: dict[str, str]) -> None:
    etag = await upload(client, **more)
    place = 0
    for number, body in enumerate(BODIES, start=1):
        found = await run(client.get_object, **AT, PartNumber=number, ChecksumMode="ENABLED")
        assert await run(found["Body"].read) == body
        head = await run(client.head_object, **AT, PartNumber=number, ChecksumMode="ENABLED")
        for answer in (found, head):
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert (answer["PartsCount"], answer["ContentLength"], answer["ETag"]) == (3, len(body), etag)
            told = f"bytes {place}-{place + len(body) - 1}/{sum(map(len, BODIES))}"
            assert answer["ResponseMetadata"]["HTTPHeaders"]["content-range"] == told
            assert answer.get("ChecksumCRC32") == (crc32(body) if more else None)
        place += len(body)
    assert await refusal(client.get_object, **AT, PartNumber=4) == (416, "InvalidPartNumber")
    assert await refusal(client.get_object, **AT, PartNumber=0) == (400, "InvalidArgument")
    assert await refusal(client.get_object, **AT, PartNumber=1, Range="bytes=0-1") == (400, "InvalidRequest")
    assert await refusal(client.get_object, **AT, PartNumber=1, IfMatch='"other"') == (412, "PreconditionFailed")


@pytest.mark.parametrize(("content", "status"), [(b"small", 206), (b"", 200)])
async def test_what_was_not_uploaded_in_parts_is_one_part(client: Any, content: bytes, status: int) -> None:
    await run(client.put_object, **AT, Body=content)
    found = await run(client.get_object, **AT, PartNumber=1)
    assert (found["ResponseMetadata"]["HTTPStatusCode"], await run(found["Body"].read)) == (status, content)
    assert "PartsCount" not in found
    assert await refusal(client.get_object, **AT, PartNumber=2) == (416, "InvalidPartNumber")


async def test_parts_are_forgotten_with_their_object(client: Any) -> None:
    await upload(client)
    await run(client.put_object, **AT, Body=b"another")
    assert "PartsCount" not in await run(client.head_object, **AT, PartNumber=1)


async def test_attributes_of_an_object_in_parts(client: Any) -> None:
    etag = await upload(client, ChecksumAlgorithm="CRC32")
    found = await run(client.get_object_attributes, **AT, ObjectAttributes=ALL)
    assert (found["ETag"], found["ObjectSize"]) == (etag.strip('"'), sum(map(len, BODIES)))
    assert found["StorageClass"] == "STANDARD"
    assert found["LastModified"]
    assert found["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert found["Checksum"]["ChecksumCRC32"].endswith("-3")
    parts = found["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"]) == (3, False)
    assert parts["Parts"] == [
        {"PartNumber": number, "Size": len(body), "ChecksumCRC32": crc32(body)}
        for number, body in enumerate(BODIES, start=1)
    ]
    one = {"ObjectAttributes": ["ObjectParts"], "MaxParts": 1, "PartNumberMarker": 1}
    page = await run(client.get_object_attributes, **AT, **one)
    parts = page["ObjectParts"]
    assert [each["PartNumber"] for each in parts["Parts"]] == [2]
    assert (parts["IsTruncated"], parts["NextPartNumberMarker"]) == (True, 2)
    assert set(page) == {"ResponseMetadata", "LastModified", "ObjectParts"}


async def test_attributes_of_an_object_that_is_whole(client: Any) -> None:
    await run(client.put_object, **AT, Body=b"hello", ChecksumAlgorithm="SHA256")
    found = await run(client.get_object_attributes, **AT, ObjectAttributes=ALL)
    assert found["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert found["Checksum"]["ChecksumSHA256"]
    assert "ObjectParts" not in found
    assert await refusal(client.get_object_attributes, **AT, ObjectAttributes=["Size"]) == (400, "InvalidArgument")
    missing = {"Bucket": BUCKET, "Key": "missing", "ObjectAttributes": ALL}
    assert await refusal(client.get_object_attributes, **missing) == (404, "NoSuchKey")


async def test_deletes_on_a_condition(client: Any) -> None:
    etag = (await run(client.put_object, **AT, Body=b"one"))["ETag"]
    for match in ('"other"', "0" * 32):
        assert await refusal(client.delete_object, **AT, IfMatch=match) == (412, "PreconditionFailed")
    for more in ({"IfMatchSize": 3}, {"IfMatchLastModifiedTime": "2026-01-01T00:00:00Z"}):
        assert await refusal(client.delete_object, **AT, **more) == (501, "NotImplemented")
    await run(client.delete_object, **AT, IfMatch=etag)
    for match in (etag, "*"):
        assert await refusal(client.delete_object, **AT, IfMatch=match) == (412, "PreconditionFailed")
    await run(client.put_object, **AT, Body=b"two")
    await run(client.delete_object, **AT, IfMatch="*")
    await run(client.delete_object, **AT)


async def test_many_are_deleted_each_on_its_condition(client: Any) -> None:
    etags = {key: (await run(client.put_object, Bucket=BUCKET, Key=key, Body=key.encode()))["ETag"] for key in "abc"}
    right = [{"Key": "a", "ETag": etags["a"]}, {"Key": "c"}]
    wrong = [{"Key": "b", "ETag": etags["a"]}, {"Key": "d", "ETag": "x"}]
    found = await run(client.delete_objects, Bucket=BUCKET, Delete={"Objects": [*wrong, *right]})
    assert sorted(each["Key"] for each in found["Deleted"]) == ["a", "c"]
    assert {each["Key"]: each["Code"] for each in found["Errors"]} == dict.fromkeys("bd", "PreconditionFailed")
    assert [each["Key"] for each in (await run(client.list_objects_v2, Bucket=BUCKET))["Contents"]] == ["b"]
