"""Multipart uploads through the S3 endpoint."""

import base64
import zlib
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.s3.conftest import BUCKET, S3, listening, refusal, run
from tidemill.server.s3 import credentials
from tidemill.server.s3.gateway import Gateway

MIB = 1024 * 1024
LARGE = 5 * MIB
AT = {"Bucket": BUCKET, "Key": "mp"}


@pytest.fixture
async def client(s3: S3) -> Any:
    return await s3.admin()


async def begin(client: Any, **more: Any) -> dict[str, str]:
    return {**AT, "UploadId": (await run(client.create_multipart_upload, **AT, **more))["UploadId"]}


async def part(client: Any, upload: dict[str, str], number: int, body: bytes, **more: Any) -> dict[str, Any]:
    answer = await run(client.upload_part, **upload, PartNumber=number, Body=body, **more)
    return {"PartNumber": number, "ETag": answer["ETag"]}


async def complete(client: Any, upload: dict[str, str], parts: list[dict[str, Any]], **more: Any) -> Any:
    return await run(client.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts}, **more)


async def read(client: Any) -> bytes:
    return bytes(await run((await run(client.get_object, **AT))["Body"].read))


async def test_parts_in_any_order_make_an_object(client: Any) -> None:
    upload = await begin(client, Metadata={"m": "1"}, ContentType="text/x")
    last = await part(client, upload, 7, b"end")
    await part(client, upload, 2, b"replaced" * MIB)
    first = await part(client, upload, 2, b"y" * LARGE)
    unused = await part(client, upload, 3, b"unused")
    listed = await run(client.list_parts, **upload)
    assert [(each["PartNumber"], each["Size"]) for each in listed["Parts"]] == [(2, LARGE), (3, 6), (7, 3)]
    assert unused["ETag"] == listed["Parts"][1]["ETag"]
    uploads = (await run(client.list_multipart_uploads, Bucket=BUCKET))["Uploads"]
    assert [(each["Key"], each["UploadId"]) for each in uploads] == [("mp", upload["UploadId"])]
    made = await complete(client, upload, [first, last])
    assert made["ETag"].endswith('-2"')
    assert await read(client) == b"y" * LARGE + b"end"
    found = await run(client.head_object, **AT)
    assert (found["Metadata"], found["ContentType"], found["ETag"]) == ({"m": "1"}, "text/x", made["ETag"])
    assert "Uploads" not in await run(client.list_multipart_uploads, Bucket=BUCKET)
    assert (await complete(client, upload, [first, last]))["ETag"] == made["ETag"]  # as after a lost answer


async def test_an_upload_goes_on_after_a_restart(s3: S3) -> None:
    keys = await s3.credentials("ada")
    upload = await begin(s3.client(keys))
    first = await part(s3.client(keys), upload, 1, b"y" * LARGE)
    async with listening(Gateway(s3.api.parts)) as url:
        again = s3.client(keys, url=url)
        await complete(again, upload, [first, await part(again, upload, 2, b"end")])
        assert await read(again) == b"y" * LARGE + b"end"


async def test_what_cannot_be_completed(client: Any) -> None:
    upload = await begin(client)
    parts = [await part(client, upload, number, b"small") for number in (1, 2)]
    done = lambda parts, **more: client.complete_multipart_upload(  # noqa: E731
        **upload, MultipartUpload={"Parts": parts}, **more
    )
    assert await refusal(done, parts) == (400, "EntityTooSmall")
    assert await refusal(done, parts[::-1]) == (400, "InvalidPartOrder")
    assert await refusal(done, [{"PartNumber": 3, "ETag": '"0"'}]) == (400, "InvalidPart")
    assert await refusal(done, [{"PartNumber": 1, "ETag": '"0"'}]) == (400, "InvalidPart")
    assert await refusal(done, []) == (400, "MalformedXML")
    assert await refusal(done, parts[:1], MpuObjectSize=6) == (400, "InvalidRequest")
    await run(client.put_object, **AT, Body=b"first")
    assert await refusal(done, parts[:1], IfNoneMatch="*") == (412, "PreconditionFailed")
    await complete(client, upload, parts[:1])
    assert await read(client) == b"small"


async def test_an_upload_that_there_is_not(client: Any) -> None:
    upload = await begin(client)
    await run(client.abort_multipart_upload, **upload)
    for each in (upload, {**upload, "UploadId": "none"}):
        assert await refusal(client.upload_part, **each, PartNumber=1, Body=b"x") == (404, "NoSuchUpload")
        assert await refusal(client.list_parts, **each) == (404, "NoSuchUpload")
        assert await refusal(client.abort_multipart_upload, **each) == (404, "NoSuchUpload")
    other = {**(await begin(client)), "Key": "another"}
    assert await refusal(client.upload_part, **other, PartNumber=1, Body=b"x") == (404, "NoSuchUpload")
    assert await refusal(client.upload_part, **other, PartNumber=10_001, Body=b"x") == (400, "InvalidArgument")


async def test_parts_are_copied_from_ranges_of_objects(client: Any) -> None:
    await run(client.put_object, Bucket=BUCKET, Key="source", Body=b"0123456789")
    upload = await begin(client)

    def copy(**more: Any) -> Any:
        return client.upload_part_copy(**upload, PartNumber=1, CopySource=f"{BUCKET}/source", **more)

    for wanted, code in (
        ("bytes=5-99", (416, "InvalidRange")),
        ("bytes=99-100", (416, "InvalidRange")),
        ("bytes=-2", (400, "InvalidArgument")),
    ):
        assert await refusal(copy, CopySourceRange=wanted) == code
    assert await refusal(copy, CopySourceIfMatch='"0"') == (412, "PreconditionFailed")
    etag = (await run(copy, CopySourceRange="bytes=2-4"))["CopyPartResult"]["ETag"]
    await complete(client, upload, [{"PartNumber": 1, "ETag": etag}])
    assert await read(client) == b"234"


async def test_lists_of_parts_and_uploads_have_pages(client: Any) -> None:
    upload = await begin(client)
    for number in (1, 2, 3):
        await part(client, upload, number, b"x")
    page = await run(client.list_parts, **upload, MaxParts=2)
    assert ([each["PartNumber"] for each in page["Parts"]], page["IsTruncated"]) == ([1, 2], True)
    rest = await run(client.list_parts, **upload, PartNumberMarker=page["NextPartNumberMarker"])
    assert ([each["PartNumber"] for each in rest["Parts"]], rest["IsTruncated"]) == ([3], False)
    wanted = [upload["UploadId"], *[(await begin(client))["UploadId"] for _ in range(2)]]

    def walk() -> list[str]:
        pages = client.get_paginator("list_multipart_uploads").paginate(
            Bucket=BUCKET, Prefix="m", PaginationConfig={"PageSize": 1}
        )
        return [each["UploadId"] for page in pages for each in page.get("Uploads", [])]

    assert await run(walk) == wanted


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
async def test_the_checksum_of_the_whole_comes_from_those_of_the_parts(client: Any, kind: str) -> None:
    bodies = [b"y" * LARGE, b"end"]
    upload = await begin(client, ChecksumAlgorithm="CRC32", ChecksumType=kind)
    parts = [
        await part(client, upload, number, body, ChecksumAlgorithm="CRC32") for number, body in enumerate(bodies, 1)
    ]
    crcs = [zlib.crc32(body).to_bytes(4, "big") for body in bodies]
    whole = zlib.crc32(b"".join(bodies if kind == "FULL_OBJECT" else crcs)).to_bytes(4, "big")
    wanted = base64.b64encode(whole).decode() + ("" if kind == "FULL_OBJECT" else "-2")
    done = lambda **more: client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **more)  # noqa: E731
    assert await refusal(done, ChecksumCRC32="AAAAAA==") == (400, "BadDigest")
    wrong = [{**parts[0], "ChecksumCRC32": "AAAAAA=="}, parts[1]]
    told = await refusal(lambda: client.complete_multipart_upload(**upload, MultipartUpload={"Parts": wrong}))
    assert told == (400, "InvalidPart")
    made = await complete(client, upload, parts)
    assert (made["ChecksumCRC32"], made["ChecksumType"]) == (wanted, kind)
    found = await run(client.head_object, **AT, ChecksumMode="ENABLED")
    assert (found["ChecksumCRC32"], found["ChecksumType"]) == (wanted, kind)
    await run(client.put_object, **AT, Body=b"other", ChecksumAlgorithm="SHA1")
    assert "ChecksumCRC32" not in await run(client.head_object, **AT, ChecksumMode="ENABLED")


async def test_an_upload_by_the_transfer_manager(client: Any, tmp_path: Any) -> None:
    """As most programs upload: in parts, several at once."""
    content = bytes(range(256)) * (20 * MIB // 256)
    (tmp_path / "file").write_bytes(content)
    await run(client.upload_file, str(tmp_path / "file"), BUCKET, "mp")
    await run(client.download_file, BUCKET, "mp", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


async def test_what_a_statement_of_a_job_writes_waits_for_its_end(s3: S3) -> None:
    job, other = await s3.api.job("ada"), await s3.api.job("ada")
    keys = credentials.of_job(job.headers["authorization"].removeprefix("Bearer "))
    plain = s3.client(keys)
    await run(plain.put_object, **AT, Body=b"before")

    def waiting() -> tuple[str, Any]:
        statement = str(uuid4())
        return statement, s3.client(keys, session_token=f"statement-{statement}")

    async def settle(who: httpx.AsyncClient, statement: str, *, keep: bool, status: int = 200) -> Any:
        answer = await who.post(f"/api/w/main/object_uploads/settle/{statement}", params={"keep": keep})
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text

    for keep in (False, True):
        statement, client = waiting()
        await run(client.put_object, **AT, Body=b"after")
        upload = await begin(client)
        large = [await part(client, upload, 1, b"y" * LARGE), await part(client, upload, 2, b"end")]
        await complete(client, upload, large)
        await run(client.put_object, Bucket=BUCKET, Key="empty", Body=b"")
        await run(client.delete_object, **AT)  # as DuckDB does when it gives up
        assert await read(plain) == b"before"
        assert await settle(other, statement, keep=True) == []
        kept = await settle(job, statement, keep=keep)
        assert [each["file_key"] for each in kept] == (["mp", "mp", "empty"] if keep else [])
        assert await read(plain) == (b"y" * LARGE + b"end" if keep else b"before")
        assert await settle(job, statement, keep=True) == []
    assert (await run(plain.head_object, Bucket=BUCKET, Key="empty"))["ContentLength"] == 0

    statement, client = waiting()
    await run(client.put_object, **AT, Body=b"whole")
    await part(client, await begin(client), 1, b"and half")
    assert "not written to its end" in await settle(job, statement, keep=True, status=409)
    assert await read(plain) == b"y" * LARGE + b"end"
    assert "Uploads" not in await run(plain.list_multipart_uploads, Bucket=BUCKET)
    condition = await refusal(client.put_object, **AT, Body=b"x", IfNoneMatch="*")
    assert condition[1] == "NotImplemented"
    member = s3.client(await s3.credentials("ada"), session_token=f"statement-{statement}")
    assert (await refusal(member.put_object, **AT, Body=b"x"))[1] == "InvalidToken"
