"""Objects by the helpers of Windmill's clients."""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.api.conftest import Api

H = "/api/w/main/job_helpers"
KEY = "u/dev/dir/ä b+c.txt"


def q(key: str, **more: str) -> dict[str, str]:
    return {"file_key": key, **more}


async def put(api: Api, key: str, content: bytes = b"hello", **query: str) -> str:
    answer = await api.developer.post(f"{H}/upload_s3_file", params=q(key, **query), content=content)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json()["file_key"])


async def test_upload_and_download(api: Api) -> None:
    assert await put(api, KEY, content_type="text/plain", content_disposition='inline; filename="x.txt"') == KEY
    got = await api.developer.get(f"{H}/download_s3_file", params=q(KEY))
    assert (got.status_code, got.content) == (200, b"hello")
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["content-disposition"] == 'inline; filename="x.txt"'
    assert got.headers["content-length"] == "5"
    assert got.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "sandbox" in got.headers["content-security-policy"]


async def test_upload_without_a_length_and_without_a_key(api: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(5):
            yield bytes([number]) * 1000

    query = {"file_extension": "bin"}
    answer = await api.operator.post(f"{H}/upload_s3_file", params=query, content=pieces())
    key = answer.json()["file_key"]
    assert key.startswith("windmill_uploads/upload_")
    assert key.endswith(".bin")
    got = await api.operator.get(f"{H}/download_s3_file", params=q(key))
    assert got.content == b"".join(bytes([number]) * 1000 for number in range(5))
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment; filename=")


async def test_body_larger_than_values_may_be_is_taken(api: Api) -> None:
    size = api.parts.options.max_value_bytes + 1
    assert await put(api, "u/dev/large", bytes(size)) == "u/dev/large"
    head = await api.developer.head(f"{H}/download_s3_file", params=q("u/dev/large"))
    assert head.headers["content-length"] == str(size)


RANGES = {
    "bytes=1-3": (206, b"ell", "bytes 1-3/5"),
    "bytes=3-": (206, b"lo", "bytes 3-4/5"),
    "bytes=-2": (206, b"lo", "bytes 3-4/5"),
    "bytes=0-99": (206, b"hello", "bytes 0-4/5"),
    "bytes=-99": (206, b"hello", "bytes 0-4/5"),
    "bytes=0-0,2-2": (200, b"hello", None),
    "bytes=3-1": (200, b"hello", None),
    "lines=1-2": (200, b"hello", None),
    "bytes=" + "9" * 30 + "-": (200, b"hello", None),
    "bytes=9-": (416, None, None),
    "bytes=-0": (416, None, None),
}


@pytest.mark.parametrize("header", RANGES)
async def test_ranges(api: Api, header: str) -> None:
    await put(api, KEY)
    status, content, told = RANGES[header]
    got = await api.developer.get(f"{H}/download_s3_file", params=q(KEY), headers={"Range": header})
    assert got.status_code == status
    assert content is None or got.content == content
    assert got.headers.get("content-range") == told


async def test_ten_thousand_ranges_cost_nothing(api: Api) -> None:
    await put(api, KEY)
    header = "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))
    got = await api.developer.get(f"{H}/download_s3_file", params=q(KEY), headers={"Range": header})
    assert (got.status_code, got.content) == (200, b"hello")


async def test_known_bytes_are_not_sent_again(api: Api) -> None:
    await put(api, KEY)
    first = await api.developer.get(f"{H}/download_s3_file", params=q(KEY))
    again = await api.developer.get(
        f"{H}/download_s3_file", params=q(KEY), headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


async def test_metadata(api: Api) -> None:
    await put(api, KEY, content_type="text/plain")
    told = (await api.developer.get(f"{H}/load_file_metadata", params=q(KEY))).json()
    assert (told["mime_type"], told["size_in_bytes"]) == ("text/plain", 5)
    assert told["last_modified"].endswith(("Z", "+00:00"))


async def test_delete_and_move(api: Api) -> None:
    await put(api, "u/dev/a")
    moved = await api.developer.get(f"{H}/move_s3_file", params={"src_file_key": "u/dev/a", "dest_file_key": "u/dev/b"})
    assert moved.status_code == 200
    assert (await api.developer.get(f"{H}/load_file_metadata", params=q("u/dev/a"))).status_code == 404
    assert (await api.developer.delete(f"{H}/delete_s3_file", params=q("u/dev/b"))).status_code == 200
    assert (await api.developer.get(f"{H}/load_file_metadata", params=q("u/dev/b"))).status_code == 404
    assert (await api.developer.delete(f"{H}/delete_s3_file", params=q("u/dev/b"))).status_code == 200


async def test_move_needs_rights_on_both_ends(api: Api) -> None:
    await put(api, "u/dev/a")
    await api.admin.post(f"{H}/upload_s3_file", params=q("u/ada/secret"), content=b"s")
    taken = await api.developer.get(
        f"{H}/move_s3_file", params={"src_file_key": "u/ada/secret", "dest_file_key": "u/dev/mine"}
    )
    given = await api.developer.get(
        f"{H}/move_s3_file", params={"src_file_key": "u/dev/a", "dest_file_key": "u/ada/yours"}
    )
    assert (taken.status_code, given.status_code) == (403, 403)
    assert (await api.admin.get(f"{H}/load_file_metadata", params=q("u/ada/secret"))).status_code == 200
    assert (await api.developer.get(f"{H}/load_file_metadata", params=q("u/dev/a"))).status_code == 200


async def test_copy_within_and_between_storages(api: Api) -> None:
    await api.admin.post("/api/w/main/storages/create", json={"name": "second"})
    await put(api, "u/dev/a", content_type="text/x")
    body = {"src_file_key": "u/dev/a", "dest_file_key": "u/dev/b", "dest_storage": "second"}
    answer = await api.developer.post(f"{H}/copy_s3_file", json=body)
    assert answer.json()["size_in_bytes"] == 5
    got = await api.developer.get(f"{H}/download_s3_file", params=q("u/dev/b", storage="second"))
    assert (got.content, got.headers["content-type"]) == (b"hello", "text/x")
    again = await api.developer.post(f"{H}/copy_s3_file", json={**body, "create_only": True})
    assert again.status_code == 412
    stolen = {"src_file_key": "u/ada/x", "dest_file_key": "u/dev/b"}
    assert (await api.developer.post(f"{H}/copy_s3_file", json=stolen)).status_code == 403


async def test_connection_is_tried(api: Api) -> None:
    answer = await api.operator.get(f"{H}/test_connection")
    assert (answer.status_code, answer.text) == (200, "Storage '_default_' (instance) answers")
    assert (await api.operator.get(f"{H}/test_connection", params={"storage": "none"})).status_code == 404


async def test_lists_by_marker(api: Api) -> None:
    keys = sorted(f"u/dev/l/{number:02d}" for number in range(7))
    for key in keys:
        await put(api, key)
    found, marker = [], None
    while True:
        query = {"max_keys": "3", "prefix": "u/dev/l/", **({} if marker is None else {"marker": marker})}
        page = (await api.developer.get(f"{H}/list_stored_files", params=query)).json()
        found += [each["s3"] for each in page["windmill_large_files"]]
        marker = page.get("next_marker")
        if marker is None:
            break
    assert found == keys


async def test_search_in_lists(api: Api) -> None:
    for number in range(30):
        await put(api, f"u/dev/s/{'Needle' if number % 10 == 0 else 'hay'}{number:02d}")
    query = {"max_keys": "2", "prefix": "u/dev/s/", "search": "needle"}
    page = (await api.developer.get(f"{H}/list_stored_files", params=query)).json()
    assert [each["s3"] for each in page["windmill_large_files"]] == ["u/dev/s/Needle00", "u/dev/s/Needle10"]
    page = (await api.developer.get(f"{H}/list_stored_files", params={**query, "marker": page["next_marker"]})).json()
    assert [each["s3"] for each in page["windmill_large_files"]] == ["u/dev/s/Needle20"]


async def test_folders(api: Api) -> None:
    for key in ("u/dev/t/a/1", "u/dev/t/a/2", "u/dev/t/b/1", "u/dev/t/c"):
        await put(api, key)
    page = (await api.developer.get(f"{H}/list_stored_files_paged", params={"prefix": "u/dev/t/"})).json()
    assert [(each["prefix"], each["name"]) for each in page["folders"]] == [("u/dev/t/a/", "a"), ("u/dev/t/b/", "b")]
    assert [(each["key"], each["name"], each["size"]) for each in page["files"]] == [("u/dev/t/c", "c", 5)]
    first = (
        await api.developer.get(f"{H}/list_stored_files_paged", params={"prefix": "u/dev/t/", "max_keys": "2"})
    ).json()
    rest = (
        await api.developer.get(
            f"{H}/list_stored_files_paged",
            params={"prefix": "u/dev/t/", "max_keys": "2", "page_token": first["next_page_token"]},
        )
    ).json()
    assert [each["key"] for each in rest["files"]] == ["u/dev/t/c"]
    assert "next_page_token" not in rest


async def test_what_may_not_be_listed_is_hidden_and_said_so(api: Api) -> None:
    await api.admin.post(f"{H}/upload_s3_file", params=q("u/ada/x"), content=b"1")
    await put(api, "u/dev/x")
    page = (await api.developer.get(f"{H}/list_stored_files", params={"max_keys": "10"})).json()
    assert ([each["s3"] for each in page["windmill_large_files"]], page["restricted_access"]) == (["u/dev/x"], True)
    assert (
        await api.developer.get(f"{H}/list_stored_files", params={"max_keys": "10", "prefix": "u/ada/"})
    ).status_code == 403


async def test_folder_exists(api: Api) -> None:
    await put(api, "u/dev/t/a")
    ask = {"u/dev/t": (True, True), "u/dev/t/": (True, True), "u/dev/t/a": (True, False), "u/dev/no": (False, False)}
    for key, (exists, is_folder) in ask.items():
        told = (await api.developer.get(f"{H}/check_s3_folder_exists", params=q(key))).json()
        assert told == {"exists": exists, "is_folder": is_folder}, key
    marked = await api.developer.get(f"{H}/check_s3_folder_exists", params=q("u/dev/t", marker_file="a"))
    assert marked.json() == {"exists": True, "is_folder": True}


async def test_delete_many_tells_how_far_it_is(api: Api) -> None:
    for number in range(3):
        await put(api, f"u/dev/d/{number}")
    await api.admin.post(f"{H}/upload_s3_file", params=q("u/ada/x"), content=b"1")
    answer = await api.developer.post(f"{H}/delete_s3_files", json={"file_keys": ["u/dev/d/0", "u/ada/x"]})
    news = [json.loads(line) for line in answer.text.splitlines()]
    assert news[0]["failures"][0]["code"] == "denied"
    assert news[-1] == {"deleted": 1, "failed": 1, "failures": [], "done": True}
    answer = await api.developer.post(f"{H}/delete_s3_files", json={"prefix": "u/dev/d/"})
    assert json.loads(answer.text.splitlines()[-1])["deleted"] == 2
    assert (await api.developer.post(f"{H}/delete_s3_files", json={})).status_code == 400
    assert (await api.developer.post(f"{H}/delete_s3_files", json={"prefix": "u/ada/"})).status_code == 403


BAD = {
    "another's key": (q("u/ada/x"), 403, "you may not"),
    "no such object": (q("u/dev/none"), 404, "_default_"),
    "no such storage": (q("u/dev/x", storage="nope"), 404, "'nope'"),
    "two places": (q("u/dev/x", storage="nope", s3_resource_path="u/dev/r"), 400, "not both"),
    "no such resource": (q("u/dev/x", s3_resource_path="u/dev/none"), 404, "u/dev/none"),
    "no key": ({}, 400, "file_key"),
    "a key that is too long": (q("u/dev/" + "x" * 1024), 400, "1024"),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_names_what_is_wrong(api: Api, case: str) -> None:
    query, status, words = BAD[case]
    answer = await api.developer.get(f"{H}/download_s3_file", params=query)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


TRICKS = [
    "u/dev/../ada/x",
    "u/dev//x",
    "/u/dev/x",
    "u/dev/./x",
    "u/dev/x/",
    "u/dev/..%2f..%2fetc",
    "~/x",
    "../../etc/passwd",
]


@pytest.mark.parametrize("key", TRICKS)
async def test_keys_are_plain_texts(api: Api, key: str) -> None:
    """C05, C08: what is decided on and what is stored is the same text; nothing of it is a path of the host."""
    assert (await api.admin.post(f"{H}/upload_s3_file", params=q(key), content=b"trick")).status_code == 200
    got = await api.admin.get(f"{H}/download_s3_file?file_key={quote(key, safe='')}")
    assert got.content == b"trick"
    listed = (await api.admin.get(f"{H}/list_stored_files", params={"max_keys": "10"})).json()
    assert [each["s3"] for each in listed["windmill_large_files"]] == [key]
    allowed = (await api.developer.get(f"{H}/download_s3_file", params=q(key))).status_code == 200
    assert allowed == key.startswith("u/dev/")


async def test_line_breaks_do_not_reach_headers(api: Api) -> None:
    query = q("u/dev/x", content_type="text/plain\r\nSet-Cookie: a=b")
    answer = await api.developer.post(f"{H}/upload_s3_file", params=query, content=b"")
    assert (answer.status_code, "content_type" in answer.text) == (400, True)
