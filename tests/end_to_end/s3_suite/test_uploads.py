"""Multipart uploads, forms and presigned addresses."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.end_to_end.s3_suite.conftest import Bucket

MIB = 1024 * 1024
PARTS = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"end"]


def begin(s3: Bucket, key: str = "mp", **more: Any) -> dict[str, str]:
    return {"Key": key, "UploadId": s3.call("create_multipart_upload", Key=key, **more)["UploadId"]}


def send(s3: Bucket, upload: dict[str, str], parts: dict[int, bytes]) -> list[dict[str, Any]]:
    """In the order of their numbers, as they are named in the end."""
    sent = {number: s3.call("upload_part", **upload, PartNumber=number, Body=body) for number, body in parts.items()}
    return [{"PartNumber": number, "ETag": sent[number]["ETag"]} for number in sorted(sent)]


def complete(s3: Bucket, upload: dict[str, str], parts: list[dict[str, Any]], **more: Any) -> Any:
    return s3.call("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}, **more)


def test_parts_make_an_object(s3: Bucket) -> None:
    upload = begin(s3, ContentType="text/x", Metadata={"m": "1"})
    parts = send(s3, upload, {3: PARTS[2], 1: PARTS[0], 2: PARTS[1]})
    listed = s3.call("list_parts", **upload)
    assert [(each["PartNumber"], each["Size"], each["ETag"]) for each in listed["Parts"]] == [
        (number, len(body), part["ETag"]) for (number, body), part in zip(enumerate(PARTS, 1), parts, strict=True)
    ]
    assert [each["UploadId"] for each in s3.call("list_multipart_uploads")["Uploads"]] == [upload["UploadId"]]
    assert s3.refusal("head_object", Key="mp")[0] == 404
    complete(s3, upload, parts)
    found = s3.call("head_object", Key="mp")
    assert (found["ContentType"], found["Metadata"]) == ("text/x", {"m": "1"})
    digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in PARTS)
    assert found["ETag"] == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-3"'
    assert s3.get("mp") == b"".join(PARTS)
    assert "Uploads" not in s3.call("list_multipart_uploads")


def test_the_answer_to_a_completion_tells_the_etag(s3: Bucket) -> None:
    upload = begin(s3)
    made = complete(s3, upload, send(s3, upload, {1: b"small"}))
    assert made["ETag"] == s3.call("head_object", Key="mp")["ETag"]
    assert made["Key"] == "mp"


def test_completing_again_gives_the_same_answer(s3: Bucket) -> None:
    upload = begin(s3)
    parts = send(s3, upload, {1: b"small"})
    complete(s3, upload, parts)
    complete(s3, upload, parts)
    assert s3.get("mp") == b"small"


def test_a_part_is_replaced_by_the_same_number(s3: Bucket) -> None:
    upload = begin(s3)
    send(s3, upload, {1: b"first"})
    complete(s3, upload, send(s3, upload, {1: b"second"}))
    assert s3.get("mp") == b"second"


def test_parts_that_are_not_named_are_left_out(s3: Bucket) -> None:
    upload = begin(s3)
    parts = send(s3, upload, {1: PARTS[0], 2: b"left out", 3: b"end"})
    complete(s3, upload, [parts[0], parts[2]])
    assert s3.call("head_object", Key="mp")["ContentLength"] == len(PARTS[0]) + 3


def test_what_cannot_be_completed(s3: Bucket) -> None:
    upload = begin(s3)
    parts = send(s3, upload, {1: b"too small", 2: b"end"})
    assert s3.refusal("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}) == (
        400,
        "EntityTooSmall",
    )
    wrong = [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]
    assert s3.refusal("complete_multipart_upload", **upload, MultipartUpload={"Parts": wrong}) == (400, "InvalidPart")
    missing = [{"PartNumber": 9, "ETag": parts[0]["ETag"]}]
    assert s3.refusal("complete_multipart_upload", **upload, MultipartUpload={"Parts": missing}) == (400, "InvalidPart")
    order = {"Parts": parts[::-1]}
    assert s3.refusal("complete_multipart_upload", **upload, MultipartUpload=order) == (400, "InvalidPartOrder")
    assert s3.refusal("complete_multipart_upload", **upload, MultipartUpload={"Parts": []}) == (400, "MalformedXML")


def test_an_upload_is_aborted(s3: Bucket) -> None:
    upload = begin(s3)
    parts = send(s3, upload, {1: b"x"})
    s3.call("abort_multipart_upload", **upload)
    for operation, more in (
        ("list_parts", {}),
        ("abort_multipart_upload", {}),
        ("upload_part", {"PartNumber": 1, "Body": b"x"}),
        ("complete_multipart_upload", {"MultipartUpload": {"Parts": parts}}),
    ):
        assert s3.refusal(operation, **upload, **more) == (404, "NoSuchUpload"), operation


def test_part_numbers_have_bounds(s3: Bucket) -> None:
    upload = begin(s3)
    for number in (0, 10_001):
        assert s3.refusal("upload_part", **upload, PartNumber=number, Body=b"x") == (400, "InvalidArgument")


def test_parts_are_copied(s3: Bucket) -> None:
    s3.put("source", PARTS[0] + b"0123456789")
    upload = begin(s3)
    source = {"Bucket": s3.name, "Key": "source"}
    parts = []
    for number, wanted in enumerate((f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB + 2}-{5 * MIB + 4}"), 1):
        made = s3.call("upload_part_copy", **upload, PartNumber=number, CopySource=source, CopySourceRange=wanted)
        parts.append({"PartNumber": number, "ETag": made["CopyPartResult"]["ETag"]})
    complete(s3, upload, parts)
    assert s3.get("mp") == PARTS[0] + b"234"
    behind = {"CopySource": source, "CopySourceRange": f"bytes=0-{6 * MIB}"}
    assert s3.refusal("upload_part_copy", **begin(s3), PartNumber=1, **behind)[0] in {400, 416}


def test_pages_of_parts_and_uploads(s3: Bucket) -> None:
    uploads = [begin(s3, key) for key in ("a", "b", "b/1")]
    send(s3, uploads[0], dict.fromkeys((1, 2, 3), b"x"))
    page = s3.call("list_parts", **uploads[0], MaxParts=2)
    assert ([each["PartNumber"] for each in page["Parts"]], page["IsTruncated"]) == ([1, 2], True)
    rest = s3.call("list_parts", **uploads[0], PartNumberMarker=page["NextPartNumberMarker"])
    assert [each["PartNumber"] for each in rest["Parts"]] == [3]
    first = s3.call("list_multipart_uploads", MaxUploads=2)
    assert ([each["Key"] for each in first["Uploads"]], first["IsTruncated"]) == (["a", "b"], True)
    more = {"KeyMarker": first["NextKeyMarker"], "UploadIdMarker": first["NextUploadIdMarker"]}
    assert [each["Key"] for each in s3.call("list_multipart_uploads", **more)["Uploads"]] == ["b/1"]
    assert [each["Key"] for each in s3.call("list_multipart_uploads", Prefix="b")["Uploads"]] == ["b", "b/1"]


def test_uploads_are_completed_on_a_condition(s3: Bucket) -> None:
    s3.put("mp")
    upload = begin(s3)
    wanted = {"MultipartUpload": {"Parts": send(s3, upload, {1: b"small"})}}
    told = s3.refusal("complete_multipart_upload", **upload, **wanted, IfNoneMatch="*")
    assert told == (412, "PreconditionFailed")


def test_single_parts_are_read(s3: Bucket) -> None:
    upload = begin(s3)
    complete(s3, upload, send(s3, upload, dict(enumerate(PARTS, 1))))
    found = s3.call("head_object", Key="mp", PartNumber=2)
    assert (found["PartsCount"], found["ContentLength"]) == (3, len(PARTS[1]))
    assert s3.get("mp", PartNumber=3) == PARTS[2]


def test_attributes_are_told(s3: Bucket) -> None:
    upload = begin(s3)
    complete(s3, upload, send(s3, upload, {1: PARTS[0], 2: b"end"}))
    found = s3.call("get_object_attributes", Key="mp", ObjectAttributes=["ObjectParts", "ObjectSize", "ETag"])
    assert (found["ObjectSize"], found["ObjectParts"]["TotalPartsCount"]) == (len(PARTS[0]) + 3, 2)
    assert found["ETag"].endswith("-2")


def test_presigned_addresses(s3: Bucket) -> None:
    def address(operation: str, **more: Any) -> str:
        url: str = s3.client.generate_presigned_url(operation, Params={"Bucket": s3.name, "Key": "a ü"}, **more)
        return url

    assert httpx.put(address("put_object"), content=b"by address").status_code == 200
    assert httpx.get(address("get_object")).content == b"by address"
    assert httpx.head(address("head_object")).headers["content-length"] == "10"
    assert httpx.get(address("get_object").replace("X-Amz-Signature=", "X-Amz-Signature=0")).status_code == 403
    assert httpx.get(address("get_object", ExpiresIn=8 * 24 * 3600)).status_code in {400, 403}
    assert httpx.put(address("get_object"), content=b"x").status_code == 403
    assert httpx.delete(address("delete_object")).status_code == 204


@pytest.fixture
def form(s3: Bucket) -> Any:
    """Posts a form that was signed for keys below `f/`, with 3 to 10 bytes."""

    def post(key: str = "f/${filename}", body: bytes = b"hello", **fields: str) -> httpx.Response:
        signed = s3.client.generate_presigned_post(
            s3.name,
            "f/${filename}",
            Fields={"success_action_status": "201"},
            Conditions=[
                ["starts-with", "$key", "f/"],
                {"success_action_status": "201"},
                ["content-length-range", 3, 10],
            ],
        )
        data = {**signed["fields"], "key": key, **fields}
        return httpx.post(signed["url"], data=data, files={"file": ("a.txt", body, "text/plain")})

    return post


def test_a_form(s3: Bucket, form: Any) -> None:
    answer = form()
    assert answer.status_code == 201, answer.text
    assert "<Key>f/a.txt</Key>" in answer.text
    assert s3.get("f/a.txt") == b"hello"


def test_a_form_that_its_policy_does_not_allow(s3: Bucket, form: Any) -> None:
    assert form(key="other/a").status_code == 403
    assert form(body=b"x").status_code == 400
    assert form(body=b"x" * 11).status_code == 400
    assert form(**{"x-amz-meta-more": "1"}).status_code == 403
    assert form(**{"x-amz-signature": "0" * 64}).status_code == 403
    assert s3.call("list_objects_v2")["KeyCount"] == 0
