"""Objects through the S3 endpoint: what boto3 writes, reads, copies and deletes."""

import hashlib
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.s3.conftest import BUCKET, S3, refusal, run

KEYS = [
    "plain",
    "a/b c+é",
    "a//b",
    "a/../b",
    "a/./b",
    "/lead",
    "trail/",
    "%2F%41",
    "q?x=1&y#z",
    "+ +",
    "ünï/日本",
    "a%00b",
]


@pytest.fixture
async def client(s3: S3) -> Any:
    return await s3.admin()


async def put(client: Any, key: str, body: bytes = b"hello", **more: Any) -> Any:
    return await run(client.put_object, Bucket=BUCKET, Key=key, Body=body, **more)


async def read(client: Any, key: str, **more: Any) -> bytes:
    answer = await run(client.get_object, Bucket=BUCKET, Key=key, **more)
    return bytes(await run(answer["Body"].read))


@pytest.mark.parametrize("key", KEYS)
async def test_any_key_comes_back_as_it_was_written(client: Any, key: str) -> None:
    await put(client, key, key.encode())
    assert await read(client, key) == key.encode()
    listed = await run(client.list_objects_v2, Bucket=BUCKET)
    assert [each["Key"] for each in listed["Contents"]] == [key]
    await run(client.delete_object, Bucket=BUCKET, Key=key)
    assert await refusal(client.get_object, Bucket=BUCKET, Key=key) == (404, "NoSuchKey")


async def test_the_same_holds_below_the_api(s3: S3) -> None:
    """There the path of the request goes through the web framework: it must not be tidied up."""
    keys = await s3.credentials("ada")
    client = s3.client(keys, url=s3.proxy)
    of_sdk = s3.client(keys, url=f"{s3.proxy}/_wm_bucket_/_default_")
    for key in KEYS:
        await put(client, key, key.encode())
        assert await read(of_sdk, key) == key.encode()
    assert sorted(each["Key"] for each in (await run(client.list_objects, Bucket=BUCKET))["Contents"]) == sorted(KEYS)
    assert [each["Name"] for each in (await run(client.list_buckets))["Buckets"]] == [BUCKET]


async def test_metadata_and_headers_are_kept(client: Any) -> None:
    kept = {
        "ContentType": "text/x", "CacheControl": "no-store", "ContentDisposition": 'attachment; filename="a"',
        "ContentEncoding": "gzip", "ContentLanguage": "de", "Metadata": {"a": "1", "b-c": "two words"},
    }  # fmt: skip
    answer = await put(client, "k", **kept)
    found = await run(client.head_object, Bucket=BUCKET, Key="k")
    assert {name: found[name] for name in kept} == kept
    assert (found["ContentLength"], found["ETag"]) == (5, answer["ETag"])
    assert found["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert (await run(client.get_object, Bucket=BUCKET, Key="k", ResponseContentType="text/y"))[
        "ContentType"
    ] == "text/y"


async def test_metadata_has_its_limits(client: Any) -> None:
    assert await refusal(put_sync(client), Metadata={"a": "x" * 2048}) == (400, "MetadataTooLarge")
    assert await refusal(put_sync(client), Metadata={"tidemill-s3-tags": "a=b"}) == (400, "InvalidArgument")


def put_sync(client: Any, key: str = "k") -> Any:
    return lambda **more: client.put_object(Bucket=BUCKET, Key=key, Body=b"x", **more)


async def test_user_content_is_not_run_by_browsers(s3: S3, client: Any) -> None:
    await put(client, "page", b"<script>", ContentType="text/html")
    for url in (s3.url, s3.proxy):
        other = s3.client(await s3.credentials("ada"), url=url)
        signed = await run(other.generate_presigned_url, "get_object", Params={"Bucket": BUCKET, "Key": "page"})
        async with httpx.AsyncClient() as http:
            answer = await http.get(signed)
        assert answer.headers["content-security-policy"] == "sandbox"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("wanted", "found", "told"),
    [
        ("bytes=1-3", b"ell", "bytes 1-3/5"),
        ("bytes=-2", b"lo", "bytes 3-4/5"),
        ("bytes=2-", b"llo", "bytes 2-4/5"),
        ("bytes=2-99", b"llo", "bytes 2-4/5"),
        ("bytes=-99", b"hello", "bytes 0-4/5"),
        ("bytes=0-1,3-4", b"hello", None),
        ("bytes=4-2", b"hello", None),
        ("lines=1-2", b"hello", None),
    ],
)
async def test_ranges(client: Any, wanted: str, found: bytes, told: str | None) -> None:
    await put(client, "k")
    answer = await run(client.get_object, Bucket=BUCKET, Key="k", Range=wanted)
    assert await run(answer["Body"].read) == found
    assert answer.get("ContentRange") == told
    head = await run(client.head_object, Bucket=BUCKET, Key="k", Range=wanted)
    assert (head.get("ContentRange"), head["ContentLength"]) == (told, len(found))


@pytest.mark.parametrize(
    ("ranges", "status"),
    [
        ("0-0," * 10_000, 200),
        ("0-," * 10_000, 200),
        (",".join(f"{at}-{at}" for at in range(10_000)), 400),
    ],
    ids=["one byte", "the whole", "a longer head"],
)
async def test_ten_thousand_ranges_are_answered_by_one_object_or_refused(s3: S3, ranges: str, status: int) -> None:
    """The object is sent once, however often its bytes are asked for; a head that is too long is not read on."""
    client = s3.client(await s3.credentials("ada"))
    content = b"x" * 100_000
    await put(client, "k", content)
    signed = await run(client.generate_presigned_url, "get_object", Params={"Bucket": BUCKET, "Key": "k"})
    async with httpx.AsyncClient() as http:
        answer = await http.get(signed, headers={"Range": f"bytes={ranges.rstrip(',')}"})
        assert answer.status_code == status
        assert "multipart" not in answer.headers.get("content-type", "")
        if status == 200:
            assert answer.content == content
        assert (await http.get(signed)).content == content, "and others are answered as before"


@pytest.mark.parametrize("wanted", ["bytes=5-", "bytes=99-100", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused(client: Any, wanted: str) -> None:
    await put(client, "k")
    assert await refusal(client.get_object, Bucket=BUCKET, Key="k", Range=wanted) == (416, "InvalidRange")
    assert (await refusal(client.head_object, Bucket=BUCKET, Key="k", Range=wanted))[0] == 416


async def test_reads_may_have_conditions(client: Any) -> None:
    etag = (await put(client, "k"))["ETag"]
    modified = (await run(client.head_object, Bucket=BUCKET, Key="k"))["LastModified"]
    for call in (client.get_object, client.head_object):
        assert (await run(call, Bucket=BUCKET, Key="k", IfMatch=etag))["ETag"] == etag
        assert (await refusal(call, Bucket=BUCKET, Key="k", IfMatch='"0"'))[0] == 412
        assert (await refusal(call, Bucket=BUCKET, Key="k", IfNoneMatch=etag))[0] == 304
        assert (await refusal(call, Bucket=BUCKET, Key="k", IfModifiedSince=modified))[0] == 304
        assert (await run(call, Bucket=BUCKET, Key="k", IfUnmodifiedSince=modified))["ETag"] == etag


async def test_writes_may_have_conditions(client: Any) -> None:
    first = (await put(client, "k", b"1", IfNoneMatch="*"))["ETag"]
    assert await refusal(put_sync(client), IfNoneMatch="*") == (412, "PreconditionFailed")
    second = (await put(client, "k", b"2", IfMatch=first))["ETag"]
    assert await refusal(put_sync(client), IfMatch=first) == (412, "PreconditionFailed")
    assert await read(client, "k", IfMatch=second) == b"2"
    assert await refusal(put_sync(client), IfNoneMatch=second) == (501, "NotImplemented")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
async def test_checksums_are_kept_and_told(client: Any, algorithm: str) -> None:
    await put(client, "k", ChecksumAlgorithm=algorithm)
    found = await run(client.head_object, Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert found[f"Checksum{algorithm}"] != ""
    assert found["ChecksumType"] == "FULL_OBJECT"
    assert found["Metadata"] == {}
    assert f"Checksum{algorithm}" not in await run(client.head_object, Bucket=BUCKET, Key="k")
    await run(client.copy_object, Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/k", MetadataDirective="REPLACE")
    copied = await run(client.head_object, Bucket=BUCKET, Key="c", ChecksumMode="ENABLED")
    assert copied[f"Checksum{algorithm}"] == found[f"Checksum{algorithm}"]


async def test_what_is_not_what_its_checksum_says_is_not_written(client: Any) -> None:
    wrong = "AAAAAAAAAAAAAAAAAAAAAA=="
    assert await refusal(put_sync(client), ContentMD5=wrong) == (400, "BadDigest")
    assert await refusal(put_sync(client), ContentMD5="AAAA") == (400, "InvalidDigest")
    assert await refusal(put_sync(client), ChecksumCRC32="AAAAAA==") == (400, "BadDigest")
    assert await refusal(put_sync(client), ChecksumSHA256="AAAAAA==") == (400, "InvalidRequest")
    large = {"Bucket": BUCKET, "Key": "k", "Body": b"x" * 3_000_000}  # what is large is hashed in another thread
    assert await refusal(client.put_object, **large, ContentMD5=wrong) == (400, "BadDigest")
    assert await refusal(client.get_object, Bucket=BUCKET, Key="k") == (404, "NoSuchKey")


async def test_copies_keep_or_replace_what_lies_beside_the_bytes(client: Any) -> None:
    await put(client, "k", ContentType="text/x", Metadata={"a": "1"}, Tagging="t=1")
    source = {"Bucket": BUCKET, "Key": "k"}
    await run(client.copy_object, Bucket=BUCKET, Key="same", CopySource=source)
    other = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}, "ContentType": "text/y"}
    await run(client.copy_object, Bucket=BUCKET, Key="other", CopySource=source, **other)
    same = await run(client.head_object, Bucket=BUCKET, Key="same")
    assert (same["ContentType"], same["Metadata"]) == ("text/x", {"a": "1"})
    other = await run(client.head_object, Bucket=BUCKET, Key="other")
    assert (other["ContentType"], other["Metadata"]) == ("text/y", {"b": "2"})
    for key in ("same", "other"):
        tags = await run(client.get_object_tagging, Bucket=BUCKET, Key=key)
        assert tags["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert await refusal(client.copy_object, Bucket=BUCKET, Key="k", CopySource=source) == (400, "InvalidRequest")


async def test_copies_have_conditions_and_need_a_source(client: Any) -> None:
    etag = (await put(client, "k"))["ETag"]

    def copy(**more: Any) -> Any:
        return client.copy_object(Bucket=BUCKET, Key="c", **{"CopySource": f"{BUCKET}/k", **more})

    assert await refusal(copy, CopySourceIfMatch='"0"') == (412, "PreconditionFailed")
    assert await refusal(copy, CopySourceIfNoneMatch=etag) == (412, "PreconditionFailed")
    assert (await run(copy, CopySourceIfMatch=etag))["CopyObjectResult"]["ETag"] == etag
    assert await refusal(copy, CopySource=f"{BUCKET}/none") == (404, "NoSuchKey")
    assert await refusal(copy, CopySource="none-such/k") == (404, "NoSuchBucket")
    assert await refusal(copy, CopySource="none") == (400, "InvalidArgument")


async def test_copies_reach_from_one_storage_to_another(client: Any) -> None:
    await run(client.create_bucket, Bucket="lake")
    await put(client, "k", Metadata={"a": "1"})
    await run(client.copy_object, Bucket="lake", Key="k", CopySource=f"{BUCKET}/k")
    assert (await run(client.head_object, Bucket="lake", Key="k"))["Metadata"] == {"a": "1"}


async def test_tags(client: Any) -> None:
    etag = (await put(client, "k", Metadata={"a": "1"}))["ETag"]
    at = {"Bucket": BUCKET, "Key": "k"}
    tags = [{"Key": "k & l", "Value": "v/é"}, {"Key": "empty", "Value": ""}]
    await run(client.put_object_tagging, **at, Tagging={"TagSet": tags})
    assert (await run(client.get_object_tagging, **at))["TagSet"] == tags
    found = await run(client.get_object, **at)
    assert (found["TagCount"], found["Metadata"], found["ETag"]) == (2, {"a": "1"}, etag)
    await run(client.delete_object_tagging, **at)
    assert (await run(client.get_object_tagging, **at))["TagSet"] == []
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    assert await refusal(client.put_object_tagging, **at, Tagging={"TagSet": many}) == (400, "BadRequest")
    twice = [{"Key": "a", "Value": ""}] * 2
    assert await refusal(client.put_object_tagging, **at, Tagging={"TagSet": twice}) == (400, "InvalidTag")


async def test_many_are_deleted_at_once(client: Any) -> None:
    for number in range(3):
        await put(client, f"d/{number}")
    wanted = {"Objects": [{"Key": f"d/{number}"} for number in range(4)]}
    answer = await run(client.delete_objects, Bucket=BUCKET, Delete=wanted)
    assert [each["Key"] for each in answer["Deleted"]] == ["d/0", "d/1", "d/2", "d/3"]
    assert "Deleted" not in await run(client.delete_objects, Bucket=BUCKET, Delete={**wanted, "Quiet": True})
    assert (await run(client.list_objects_v2, Bucket=BUCKET))["KeyCount"] == 0
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    assert await refusal(client.delete_objects, Bucket=BUCKET, Delete=many) == (400, "MalformedXML")


async def test_a_large_body_passes_through(client: Any) -> None:
    """Above the limit of bodies of the API, and of what is gathered."""
    content = hashlib.sha256(b"seed").digest() * (40 * 1024 * 1024 // 32) + b"odd"
    await put(client, "large", content)
    assert await read(client, "large") == content


async def test_the_acl_is_private(client: Any) -> None:
    await put(client, "k", ACL="private")
    grants = (await run(client.get_object_acl, Bucket=BUCKET, Key="k"))["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    assert await refusal(put_sync(client), ACL="public-read") == (501, "NotImplemented")


NOT_THERE: dict[str, dict[str, Any]] = {
    "get_bucket_versioning": {}, "get_bucket_policy": {}, "get_bucket_cors": {}, "get_bucket_website": {},
    "get_bucket_lifecycle_configuration": {}, "get_bucket_encryption": {}, "get_bucket_logging": {},
    "get_bucket_tagging": {}, "get_bucket_replication": {}, "get_bucket_notification_configuration": {},
    "get_bucket_accelerate_configuration": {}, "get_bucket_ownership_controls": {}, "get_public_access_block": {},
    "get_object_lock_configuration": {}, "get_bucket_request_payment": {}, "list_bucket_metrics_configurations": {},
    "list_object_versions": {},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_bucket_policy": {"Policy": "{}"},
    "put_bucket_acl": {"ACL": "private"},
    "delete_bucket_policy": {}, "delete_bucket_cors": {}, "delete_bucket_lifecycle": {}, "delete_bucket_website": {},
    "get_object_torrent": {"Key": "k"},
    "get_object_retention": {"Key": "k"}, "get_object_legal_hold": {"Key": "k"},
    "restore_object": {"Key": "k", "RestoreRequest": {"Days": 1}},
    "put_object_acl": {"Key": "k", "ACL": "private"},
    "select_object_content": {
        "Key": "k", "Expression": "select 1", "ExpressionType": "SQL",
        "InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}},
    },
}  # fmt: skip


async def test_what_there_is_not_says_so_and_does_nothing_else(client: Any) -> None:
    await put(client, "k", b"as it was")
    for name, arguments in NOT_THERE.items():
        told = await refusal(getattr(client, name), Bucket=BUCKET, **arguments)
        assert told == (501, "NotImplemented"), name
    assert await read(client, "k") == b"as it was"


@pytest.mark.parametrize(
    "more",
    [
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"ServerSideEncryption": "aws:kms"},
        {"StorageClass": "GLACIER"},
        {"WebsiteRedirectLocation": "/x"},
        {"GrantRead": "id=x"},
        {"ObjectLockMode": "GOVERNANCE"},
        {"ExpectedBucketOwner": "123456789012"},
    ],
    ids=str,
)
async def test_headers_that_cannot_be_obeyed_are_refused(client: Any, more: dict[str, str]) -> None:
    assert await refusal(put_sync(client), **more) == (501, "NotImplemented")
    with pytest.raises(ClientError):
        await read(client, "k")
