"""D09: whatever reads an object asks for the right to read it, when it is begun and when it is done."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.s3.conftest import BUCKET, S3, refusal, run

W = "/api/w/main"
H = f"{W}/job_helpers"
SECRET, OWN = "u/ada/secret.csv", "u/dev/copy.csv"
WORD = "TOPSECRET"
AT = {"file_key": SECRET}
SHARED = "f/shared/table.csv"
PART = b"x" * 5 * 1024 * 1024

DOORS: Mapping[str, Mapping[str, Any]] = {
    f"GET {H}/download_s3_file": {"params": AT},
    f"HEAD {H}/download_s3_file": {"params": AT},
    f"GET {H}/load_file_metadata": {"params": AT},
    f"GET {H}/load_file_preview": {"params": AT},
    f"GET {H}/describe_object": {"params": AT},
    f"GET {H}/load_csv_preview/{SECRET}": {},
    f"GET {H}/load_parquet_preview/{SECRET}": {},
    f"GET {H}/preview_table/{SECRET}": {},
    f"GET {H}/load_table_count/{SECRET}": {},
    f"GET {H}/download_s3_parquet_file_as_csv": {"params": AT},
    f"GET {H}/move_s3_file": {"params": {"src_file_key": SECRET, "dest_file_key": OWN}},
    f"POST {H}/copy_s3_file": {"json": {"src_file_key": SECRET, "dest_file_key": OWN}},
    f"GET {H}/list_stored_files": {"params": {"prefix": "u/ada/", "max_keys": 10}},
    f"GET {H}/list_stored_files_paged": {"params": {"prefix": "u/ada/"}},
    f"GET {H}/check_s3_folder_exists": {"params": {"file_key": "u/ada/"}},
    f"DELETE {H}/delete_s3_file": {"params": AT},
    f"POST {W}/apps/sign_s3_objects": {"json": {"s3_objects": [{"s3": SECRET}]}},
    f"POST {W}/object_uploads/start": {"params": AT},
}


@pytest.fixture
async def secret(api: Api) -> None:
    """An object of ada's, which dev may not read."""
    content = f"n,s\n1,{WORD}\n".encode()
    assert (await api.admin.post(f"{H}/upload_s3_file", params=AT, content=content)).is_success


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("key", [SECRET, "u/ada/not_there.csv"])
async def test_no_door_opens_what_its_caller_may_not_read(api: Api, door: str, key: str) -> None:
    """Nor does it tell whether there is anything."""
    method, _, url = door.replace(SECRET, key).partition(" ")
    request = {name: renamed(value, key) for name, value in DOORS[door].items()}
    for client in (api.developer, api.operator, await api.job("dev")):
        answer = await client.request(method, url, **request)
        assert answer.status_code == 403, answer.text
        assert WORD not in answer.text
    assert (await api.admin.get(f"{H}/load_file_metadata", params=AT)).json()["size_in_bytes"] == 16
    assert (await api.developer.get(f"{H}/load_file_metadata", params={"file_key": OWN})).status_code == 404


def renamed(value: Any, key: str) -> Any:
    """`value` with another key in place of that of the secret."""
    if isinstance(value, dict):
        return {name: renamed(each, key) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, key) for each in value]
    return key if value == SECRET else value


@pytest.fixture
async def shared(api: Api) -> None:
    """An object that dev may read and write, until `take_away`."""
    body = {"name": "shared", "extra_perms": {"u/dev": True}}
    assert (await api.admin.post(f"{W}/folders/create", json=body)).is_success
    params = {"file_key": SHARED}
    assert (await api.developer.post(f"{H}/upload_s3_file", params=params, content=PART)).is_success


async def take_away(api: Api) -> None:
    assert (await api.admin.post(f"{W}/folders/update/shared", json={"extra_perms": {}})).is_success


@pytest.mark.usefixtures("shared")
async def test_presigned_address_asks_again_when_it_is_used(api: Api, s3: S3) -> None:
    client = s3.client(await s3.credentials("dev"), signature_version="s3v4")
    read = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": SHARED})
    write = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": SHARED})
    transport = await api.client()
    await take_away(api)
    for method, url in (("GET", read), ("PUT", write)):
        answer = await transport.request(
            method, url.replace(s3.url, s3.proxy), content=b"x" if method == "PUT" else b""
        )
        assert answer.status_code == 403, answer.text


@pytest.mark.usefixtures("shared")
async def test_upload_in_parts_asks_again_at_each_step(api: Api) -> None:
    params = {"file_key": SHARED}
    upload = (await api.developer.post(f"{W}/object_uploads/start", params=params)).json()["id"]
    assert (await api.developer.put(f"{W}/object_uploads/part/{upload}/1", params=params, content=b"1")).is_success
    await take_away(api)
    steps = [
        ("PUT", f"part/{upload}/2"),
        ("GET", f"parts/{upload}"),
        ("POST", f"complete/{upload}"),
        ("DELETE", f"abort/{upload}"),
    ]
    for method, step in steps:
        answer = await api.developer.request(method, f"{W}/object_uploads/{step}", params=params)
        assert answer.status_code in {403, 404}, (step, answer.text)
    told = await api.admin.get(f"{H}/load_file_metadata", params=params)
    assert told.json()["size_in_bytes"] == len(PART)


@pytest.mark.usefixtures("shared")
async def test_copying_asks_again_at_each_step(api: Api, s3: S3) -> None:
    client = s3.client(await s3.credentials("dev"))
    own = {"Bucket": BUCKET, "Key": "u/dev/large"}
    upload = {**own, "UploadId": (await run(client.create_multipart_upload, **own))["UploadId"]}
    source = {"CopySource": f"{BUCKET}/{SHARED}"}
    await run(client.upload_part_copy, **upload, **source, PartNumber=1)
    await take_away(api)
    assert await refusal(client.upload_part_copy, **upload, **source, PartNumber=2) == (403, "AccessDenied")
    assert await refusal(client.copy_object, **own, **source) == (403, "AccessDenied")
    assert await refusal(client.get_object, Bucket=BUCKET, Key=SHARED) == (403, "AccessDenied")


@pytest.mark.usefixtures("secret")
async def test_deleting_many_says_of_each_key_that_it_may_not(api: Api) -> None:
    answer = await api.developer.post(f"{H}/delete_s3_files", json={"file_keys": [SECRET]})
    assert "may not delete" in answer.text
    assert (await api.admin.get(f"{H}/load_file_metadata", params=AT)).is_success
