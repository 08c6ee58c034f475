"""Uploads in parts, as browsers send them."""

from uuid import uuid4

from tests.api.conftest import Api

U = "/api/w/main/object_uploads"
H = "/api/w/main/job_helpers"
KEY = "u/dev/film"
MIB = 1024 * 1024


async def start(api: Api, key: str = KEY) -> str:
    answer = await api.developer.post(f"{U}/start", params={"file_key": key, "content_type": "video/x"})
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def put(api: Api, upload: str, number: int, content: bytes) -> str:
    answer = await api.developer.put(f"{U}/part/{upload}/{number}", params={"file_key": KEY}, content=content)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["etag"])


async def test_upload_goes_on_after_a_break(api: Api) -> None:
    upload = await start(api)
    await put(api, upload, 2, b"end")
    await put(api, upload, 1, b"x" * 5 * MIB)
    listed = (await api.developer.get(f"{U}/list", params={"prefix": "u/dev/"})).json()
    assert [(each["id"], each["file_key"]) for each in listed] == [(upload, KEY)]
    parts = (await api.developer.get(f"{U}/parts/{upload}", params={"file_key": KEY})).json()
    assert [(each["number"], each["size_bytes"]) for each in parts] == [(1, 5 * MIB), (2, 3)]
    await put(api, upload, 2, b"END")
    done = await api.developer.post(f"{U}/complete/{upload}", params={"file_key": KEY})
    assert (done.status_code, done.json()["size_bytes"]) == (200, 5 * MIB + 3)
    assert (await api.developer.post(f"{U}/complete/{upload}", params={"file_key": KEY})).json() == done.json()
    got = await api.developer.get(f"{H}/download_s3_file", params={"file_key": KEY})
    assert (got.content[-3:], got.headers["content-type"]) == (b"END", "video/x")


async def test_part_that_changed_meanwhile_is_not_taken(api: Api) -> None:
    upload = await start(api)
    etag = await put(api, upload, 1, b"one")
    await put(api, upload, 1, b"two")
    body = {"parts": [{"number": 1, "etag": etag}]}
    answer = await api.developer.post(f"{U}/complete/{upload}", params={"file_key": KEY}, json=body)
    assert answer.status_code == 400


async def test_create_only(api: Api) -> None:
    upload = await start(api)
    await put(api, upload, 1, b"mine")
    await api.developer.post(f"{H}/upload_s3_file", params={"file_key": KEY}, content=b"there")
    query = {"file_key": KEY}
    answer = await api.developer.post(f"{U}/complete/{upload}", params=query, json={"create_only": True})
    assert answer.status_code == 412
    assert (await api.developer.get(f"{H}/download_s3_file", params=query)).content == b"there"
    assert (await api.developer.post(f"{U}/complete/{upload}", params=query)).status_code == 200


async def test_abort(api: Api) -> None:
    upload = await start(api)
    await put(api, upload, 1, b"x")
    assert (await api.developer.delete(f"{U}/abort/{upload}", params={"file_key": KEY})).status_code == 200
    assert (await api.developer.post(f"{U}/complete/{upload}", params={"file_key": KEY})).status_code == 404


async def test_uploads_of_others_are_closed(api: Api) -> None:
    upload = await start(api)
    other = {"file_key": KEY}
    assert (await api.operator.put(f"{U}/part/{upload}/1", params=other, content=b"x")).status_code == 403
    assert (await api.operator.get(f"{U}/parts/{upload}", params=other)).status_code == 403
    assert (await api.operator.get(f"{U}/list", params={"prefix": ""})).json() == []
    assert (await api.developer.get(f"{U}/parts/{upload}", params={"file_key": "u/dev/other"})).status_code == 404
    assert (await api.developer.get(f"{U}/parts/{uuid4()}", params=other)).status_code == 404
