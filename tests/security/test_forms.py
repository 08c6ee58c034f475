"""C07: bodies that are not what they say, on webhooks and uploads; nothing of them becomes a file that nobody sent."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from anyio import to_thread

from tests.api.at_work import SOURCE, deploy
from tests.api.conftest import Api
from tests.api.s3.conftest import listening

W = "/api/w/main"
HOOK = f"{W}/jobs/run/p/u/dev/hello"
UPLOAD = f"{W}/job_helpers/upload_s3_file"
KEY = {"file_key": "u/dev/x"}

BODIES = {
    "application/json": json.dumps({"files": {"a": {"filepath": "/etc/passwd"}}, "a": 1}).encode(),
    "multipart/form-data; boundary=x": (
        b"--x\r\nContent-Disposition: form-data; name=a; filename=f\r\nContent-Type: text/plain\r\n\r\n"
        b"hello\r\n--x--\r\n"
    ),
    "application/x-www-form-urlencoded": b"a=1&files[a][filepath]=/etc/passwd",
    "text/plain": b"a",
}
ODD_HEADS = {
    "no boundary": "multipart/form-data",
    "no end of the quotes": 'multipart/form-data; boundary="x',
    "two boundaries": "multipart/form-data; boundary=y; boundary=x",
    "another kind": "multipart/mixed; boundary=x",
    "in capitals": "MULTIPART/FORM-DATA; BOUNDARY=x",
    "continued": "multipart/form-data; boundary*0=x",
}


async def stored(api: Api) -> list[str]:
    page = await api.admin.get(f"{W}/job_helpers/list_stored_files", params={"max_keys": 1000})
    return [each["s3"] for each in page.json()["windmill_large_files"]]


@pytest.mark.parametrize("sent", BODIES)
@pytest.mark.parametrize("announced", BODIES)
async def test_a_body_is_what_its_header_says_or_refused(api: Api, announced: str, sent: str) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(HOOK, content=BODIES[sent], headers={"content-type": announced})
    assert answer.status_code in ({201} if announced in {sent, "text/plain"} else {201, 400}), answer.text
    assert bool(await stored(api)) is (announced == sent == "multipart/form-data; boundary=x")
    answer = await api.developer.post(UPLOAD, params=KEY, content=BODIES[sent], headers={"content-type": announced})
    assert answer.status_code == 200
    got = await api.developer.get(f"{W}/job_helpers/download_s3_file", params=KEY)
    assert got.content == BODIES[sent]  # an upload is bytes, whatever they look like
    assert got.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("head", ODD_HEADS)
async def test_odd_headers_of_forms(api: Api, head: str) -> None:
    await deploy(api.developer)
    content = BODIES["multipart/form-data; boundary=x"]
    answer = await api.developer.post(HOOK, content=content, headers={"content-type": ODD_HEADS[head]})
    assert answer.status_code == (201 if head == "in capitals" else 400), answer.text
    assert bool(await stored(api)) is (head == "in capitals")


async def test_ten_thousand_parts_are_refused(api: Api) -> None:
    await deploy(api.developer)
    one = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
    content, headers = one * 10_000 + b"--x--", {"content-type": "multipart/form-data; boundary=x"}
    answer = await api.developer.post(HOOK, content=content, headers=headers)
    assert (answer.status_code, "1000 fields" in answer.text) == (400, True)


@pytest.mark.parametrize("route", [HOOK, f"{UPLOAD}?file_key=u/dev/x"])
async def test_two_lengths_are_refused(api: Api, route: str) -> None:
    """Chunked and a length, or two lengths: what a proxy in front may read otherwise than we do."""
    await deploy(api.developer, content=SOURCE)
    token = await api.token("dev@x.org")
    lengths = ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n")
    async with listening(api.app) as url:
        for each in lengths:
            head = f"POST {route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{each}\r\n"
            assert (await to_thread.run_sync(status_of, url, f"{head}0\r\n\r\n")) == 400
    assert await stored(api) == []


def status_of(url: str, request: str) -> int:
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(4096).split()[1])


async def test_forms_leave_nothing_in_the_folder_for_temporary_files(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    await deploy(api.developer)
    for files in ([("a", ("f", bytes(5_000_000)))], [("a", ("f", b"1"))] * 101):
        await api.developer.post(HOOK, files=files)
        assert list(folder.iterdir()) == []
