"""Buckets and objects: what is written, read, copied and deleted, on conditions too, and what headers come with it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.s3_suite.conftest import Bucket, client_of

KEYS = ["a b", "ü/日本", "a+b", "%25", "a//b", "a/../b", "?&=#", "\n", '"<>&', "x" * 1024, "a/"]
LONG_AGO, LATER = datetime(1994, 10, 29, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def test_a_bucket_is_made_found_and_removed(s3: Bucket) -> None:
    assert s3.name in [each["Name"] for each in s3.client.list_buckets()["Buckets"]]
    assert s3.call("head_bucket")["ResponseMetadata"]["HTTPStatusCode"] == 200
    s3.put("a")
    assert s3.refusal("delete_bucket") == (409, "BucketNotEmpty")
    s3.call("delete_object", Key="a")
    assert s3.call("delete_bucket")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.refusal("delete_bucket") == (404, "NoSuchBucket")
    assert s3.refusal("list_objects_v2") == (404, "NoSuchBucket")
    assert s3.refusal("put_object", Key="a") == (404, "NoSuchBucket")
    assert s3.refusal("head_bucket")[0] == 404


@pytest.mark.parametrize("name", ["a", "Upper-Case", "-begins", "ends-", "under..dots", "x" * 64])
def test_a_bucket_cannot_be_called_anything(s3: Bucket, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.client.create_bucket(Bucket=name)
    assert caught.value.response["Error"]["Code"] == "InvalidBucketName"


def test_an_object_comes_back_with_what_was_sent_beside_it(s3: Bucket) -> None:
    sent: dict[str, Any] = {
        "ContentType": "text/csv",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "CacheControl": "no-cache",
        "Metadata": {"one": "1", "two-words": "a b"},
    }
    made = s3.put("a", b"hello", **sent)
    assert made["ETag"] == f'"{hashlib.md5(b"hello", usedforsecurity=False).hexdigest()}"'
    for operation in ("get_object", "head_object"):
        found = s3.call(operation, Key="a")
        assert {name: found[name] for name in sent} == sent
        assert (found["ETag"], found["ContentLength"], found["AcceptRanges"]) == (made["ETag"], 5, "bytes")
        assert abs(found["LastModified"] - datetime.now(UTC)) < timedelta(minutes=5)
    s3.put("a", b"other")
    assert s3.call("head_object", Key="a")["Metadata"] == {}


def test_answers_to_reads_are_overridden(s3: Bucket) -> None:
    s3.put("a", ContentType="text/plain")
    found = s3.call("get_object", Key="a", ResponseContentType="x/y", ResponseCacheControl="z", ResponseExpires=LATER)
    assert (found["ContentType"], found["CacheControl"]) == ("x/y", "z")


def test_what_is_not_there(s3: Bucket) -> None:
    assert s3.refusal("get_object", Key="a") == (404, "NoSuchKey")
    assert s3.refusal("head_object", Key="a")[0] == 404
    assert s3.refusal("get_object_tagging", Key="a") == (404, "NoSuchKey")
    assert s3.call("delete_object", Key="a")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_an_empty_object(s3: Bucket) -> None:
    s3.put("a", b"")
    assert s3.get("a") == b""
    assert s3.call("head_object", Key="a")["ContentLength"] == 0
    assert s3.refusal("get_object", Key="a", Range="bytes=0-3") == (416, "InvalidRange")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_kept_as_it_is(s3: Bucket, key: str) -> None:
    s3.put(key, b"1")
    assert s3.get(key) == b"1"
    assert [each["Key"] for each in s3.call("list_objects_v2")["Contents"]] == [key]
    assert [each["Key"] for each in s3.call("list_objects")["Contents"]] == [key]
    s3.call("copy_object", Key="copy", CopySource={"Bucket": s3.name, "Key": key})
    gone = s3.call("delete_objects", Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    assert sorted(each["Key"] for each in gone["Deleted"]) == sorted([key, "copy"])


def test_a_key_has_its_limit(s3: Bucket) -> None:
    assert s3.refusal("put_object", Key="x" * 1025) == (400, "KeyTooLongError")


@pytest.mark.parametrize(
    ("wanted", "found", "told"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_a_range(s3: Bucket, wanted: str, found: bytes, told: str) -> None:
    s3.put("a", b"0123456789")
    answer = s3.call("get_object", Key="a", Range=wanted)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ContentRange"]) == (206, told)
    assert answer["Body"].read() == found


def test_a_range_that_is_none(s3: Bucket) -> None:
    s3.put("a", b"0123456789")
    for wanted in ("bytes=10-", "bytes=50-60", "bytes=-0"):
        assert s3.refusal("get_object", Key="a", Range=wanted) == (416, "InvalidRange")
    for wanted in ("lines=1-2", "bytes=5-4", "bytes=x"):
        assert s3.get("a", Range=wanted) == b"0123456789"


def test_reads_on_conditions(s3: Bucket) -> None:
    etag = s3.put("a", b"hello")["ETag"]
    for condition in (
        {"IfMatch": etag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": LONG_AGO},
        {"IfUnmodifiedSince": LATER},
        {"IfMatch": etag, "IfUnmodifiedSince": LONG_AGO},
    ):
        assert s3.get("a", **condition) == b"hello"
    for condition in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": LONG_AGO}):
        assert s3.refusal("get_object", Key="a", **condition)[0] == 412
        assert s3.refusal("head_object", Key="a", **condition)[0] == 412
    for condition in ({"IfNoneMatch": etag}, {"IfNoneMatch": etag, "IfModifiedSince": LONG_AGO}):
        assert s3.refusal("get_object", Key="a", **condition)[0] == 304


def test_what_is_not_modified_is_told_with_its_etag(s3: Bucket) -> None:
    etag = s3.put("a", b"hello")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.call("get_object", Key="a", IfNoneMatch=etag)
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag


def test_writes_that_create(s3: Bucket) -> None:
    s3.put("a", b"one", IfNoneMatch="*")
    assert s3.refusal("put_object", Key="a", Body=b"two", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.get("a") == b"one"


def test_writes_that_replace(s3: Bucket) -> None:
    etag = s3.put("a", b"one")["ETag"]
    assert s3.refusal("put_object", Key="a", Body=b"two", IfMatch='"other"') == (412, "PreconditionFailed")
    s3.put("a", b"three", IfMatch=etag)
    assert s3.get("a") == b"three"
    assert s3.refusal("put_object", Key="nothing", Body=b"two", IfMatch=etag)[0] in {404, 412}


def test_deletes_on_a_condition(s3: Bucket) -> None:
    etag = s3.put("a", b"one")["ETag"]
    assert s3.refusal("delete_object", Key="a", IfMatch='"other"') == (412, "PreconditionFailed")
    s3.call("delete_object", Key="a", IfMatch=etag)
    assert s3.refusal("head_object", Key="a")[0] == 404


def test_many_deletes(s3: Bucket) -> None:
    s3.fill(*(f"k{number}" for number in range(30)))
    gone = [{"Key": f"k{number}"} for number in range(25)] + [{"Key": "never"}]
    assert len(s3.call("delete_objects", Delete={"Objects": gone})["Deleted"]) == 26
    assert "Deleted" not in s3.call("delete_objects", Delete={"Objects": [{"Key": "k25"}], "Quiet": True})
    assert s3.call("list_objects_v2")["KeyCount"] == 4
    assert s3.refusal("delete_objects", Delete={"Objects": [{"Key": "x"}] * 1001}) == (400, "MalformedXML")


def test_copies(s3: Bucket) -> None:
    etag = s3.put("a", b"hello", Metadata={"m": "1"}, ContentType="text/x")["ETag"]
    source = f"{s3.name}/a"
    assert s3.call("copy_object", Key="b", CopySource=source)["CopyObjectResult"]["ETag"] == etag
    found = s3.call("head_object", Key="b")
    assert (found["Metadata"], found["ContentType"]) == ({"m": "1"}, "text/x")
    s3.call("copy_object", Key="b", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.call("head_object", Key="b")["Metadata"] == {"n": "2"}
    assert s3.refusal("copy_object", Key="a", CopySource=source) == (400, "InvalidRequest")
    s3.call("copy_object", Key="a", CopySource=source, MetadataDirective="REPLACE", Metadata={"o": "3"})
    assert s3.call("head_object", Key="a")["Metadata"] == {"o": "3"}
    assert s3.get("a") == b"hello"
    assert s3.refusal("copy_object", Key="c", CopySource=f"{s3.name}/missing") == (404, "NoSuchKey")
    assert s3.refusal("copy_object", Key="c", CopySource="no-such-bucket-here/a") == (404, "NoSuchBucket")
    for condition in ({"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": etag}):
        assert s3.refusal("copy_object", Key="c", CopySource=source, **condition) == (412, "PreconditionFailed")
    s3.call("copy_object", Key="c", CopySource=source, CopySourceIfMatch=etag)
    assert s3.get("c") == b"hello"


def test_tags(s3: Bucket) -> None:
    s3.put("a", Tagging="x=1&y=a%20b")
    tags = [{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "a b"}]
    assert sorted(s3.call("get_object_tagging", Key="a")["TagSet"], key=lambda tag: tag["Key"]) == tags
    assert s3.call("get_object", Key="a")["TagCount"] == 2
    s3.call("put_object_tagging", Key="a", Tagging={"TagSet": tags[:1]})
    s3.call("copy_object", Key="b", CopySource=f"{s3.name}/a")
    assert s3.call("get_object_tagging", Key="b")["TagSet"] == tags[:1]
    s3.call("delete_object_tagging", Key="a")
    assert s3.call("get_object_tagging", Key="a")["TagSet"] == []
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(11)]
    assert s3.refusal("put_object_tagging", Key="a", Tagging={"TagSet": many})[0] == 400


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_kept(s3: Bucket, algorithm: str) -> None:
    made = s3.put("a", b"hello", ChecksumAlgorithm=algorithm)
    found = s3.call("head_object", Key="a", ChecksumMode="ENABLED")
    assert found[f"Checksum{algorithm}"] == made[f"Checksum{algorithm}"]


def test_what_is_not_what_was_promised_is_refused(s3: Bucket) -> None:
    for wrong, code in (
        ({"ChecksumSHA256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, {"BadDigest"}),
        ({"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"BadDigest"}),
        ({"ContentMD5": "short"}, {"InvalidDigest"}),
    ):
        status, told = s3.refusal("put_object", Key="a", Body=b"hello", **wrong)
        assert status == 400
        assert told in code
    assert s3.call("list_objects_v2")["KeyCount"] == 0


def test_who_has_not_the_keys_gets_nothing(s3: Bucket) -> None:
    s3.put("a")
    for access_key, code in (("nobody-at-all", "InvalidAccessKeyId"), (None, "SignatureDoesNotMatch")):
        known = s3.client._request_signer._credentials.access_key
        other = client_of(s3.endpoint, access_key or known, "a-wrong-secret")
        with pytest.raises(ClientError) as caught:
            other.get_object(Bucket=s3.name, Key="a")
        assert caught.value.response["Error"]["Code"] == code
