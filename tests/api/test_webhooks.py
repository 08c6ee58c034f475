"""Scripts as webhooks: bodies of every kind, waiting for the result, and results that shape the answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import anyio
import httpx
import pytest

from tests.api.at_work import W, Worker, deploy
from tests.api.conftest import BASE_URL, Api, no_lifespan
from tidemill.server import job_stream
from tidemill.server.app import make_app

URL = f"{W}/jobs/run/p/u/dev/hello"
WAIT = f"{W}/jobs/run_wait_result/p/u/dev/hello"
FORM = {"content-type": "multipart/form-data; boundary=x"}
TYPED = "def main(n: int = 0, ok: bool = False, data: bytes = b'', files: list[bytes] = [], s: str = ''): ...\n"


async def args_of(api: Api, answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = (await api.developer.get(f"{W}/jobs_u/get_args/{answer.text}")).json()
    return found


@asynccontextmanager
async def waiting(
    api: Api, url: str = WAIT, **request: object
) -> AsyncIterator[tuple[UUID, asyncio.Task[httpx.Response]]]:
    """A request that waits for the job that it started."""
    task = asyncio.create_task(api.developer.post(url, **request))  # type: ignore[arg-type]
    while not (found := (await api.admin.get(f"{W}/jobs/queue/list")).json()) and not task.done():
        await anyio.lowlevel.checkpoint()
    yield UUID(found[0]["id"]), task
    await task


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"3", b"null"])
async def test_a_body_that_is_no_object_becomes_the_argument_body(api: Api, body: bytes) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(URL, content=body, headers={"content-type": "application/json"})
    assert await args_of(api, answer) == {"body": json.loads(body)}


async def test_a_wrapped_body_may_not_be_deeper_than_arguments_are(api: Api) -> None:
    await deploy(api.developer)
    for depth, status in ((511, 201), (512, 400)):
        body = b"[" * depth + b"]" * depth
        answer = await api.developer.post(URL, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status


async def test_no_body_is_no_arguments(api: Api) -> None:
    await deploy(api.developer)
    assert await args_of(api, await api.developer.post(URL)) == {}


async def test_a_body_can_be_wrapped_and_its_text_kept(api: Api) -> None:
    await deploy(api.developer)
    wrapped = await api.developer.post(URL, json={"a": 1}, params={"wrap_body": "true"})
    assert await args_of(api, wrapped) == {"body": {"a": 1}}
    raw = await api.developer.post(URL, content=b'{"a":  1}', params={"raw": "true"})
    assert await args_of(api, raw) == {"a": 1, "raw_string": '{"a":  1}'}


async def test_headers_and_query_parameters_come_along_when_asked_for(api: Api) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(
        URL,
        json={"a": 1},
        params={"include_header": "X-Sign, Missing", "include_query": "source", "source": "shop"},
        headers={"X-Sign": "abc"},
    )
    assert await args_of(api, answer) == {"a": 1, "x_sign": "abc", "source": "shop"}


@pytest.mark.parametrize("params", [{"include_header": "Authorization"}, {"include_query": "token"}])
async def test_credentials_are_not_kept_among_arguments(api: Api, params: dict[str, str]) -> None:
    await deploy(api.developer)
    assert (await api.developer.post(URL, json={}, params=params)).status_code == 400


async def test_a_form_becomes_arguments_of_the_types_that_the_script_asks_for(api: Api) -> None:
    await deploy(api.developer, content=TYPED)
    answer = await api.developer.post(URL, data={"n": "12", "ok": "true", "s": "12", "more": ["a", "b"], "e": "é&="})
    assert await args_of(api, answer) == {"n": 12, "ok": True, "s": "12", "more": ["a", "b"], "e": "é&="}


async def test_files_of_a_multipart_body_become_base64_for_bytes(api: Api) -> None:
    await deploy(api.developer, content=TYPED)
    content = bytes(range(256)) + b"\r\n--x\r\n\n\r"
    answer = await api.developer.post(
        URL,
        data={"s": "text"},
        files=[("data", ("a.bin", content)), ("files", ("b", b"1")), ("files", ("c", b"2"))],
    )
    args = await args_of(api, answer)
    assert base64.b64decode(str(args["data"])) == content
    assert args["files"] == ["MQ==", "Mg=="]
    assert args["s"] == "text"


async def stored(api: Api) -> list[str]:
    """The keys of all that was uploaded."""
    page = await api.admin.get(f"{W}/job_helpers/list_stored_files", params={"max_keys": 1000})
    return [each["s3"] for each in page.json()["windmill_large_files"]]


async def test_other_files_go_to_workspace_storage_and_come_as_pointers(api: Api) -> None:
    await deploy(api.developer, content=TYPED)
    files = [
        ("report", ("Bericht ü.csv", b"a,b\n", "text/csv")),
        ("all", ("C:\\x\\one.tar.gz", b"1")),
        ("all", ("../../etc/passwd", b"2")),
    ]
    args: dict[str, Any] = await args_of(api, await api.developer.post(URL, data={"n": "1"}, files=files))
    assert args["n"] == 1
    (report,) = args["report"]
    assert report["s3"].startswith("windmill_uploads/upload_")
    assert report["s3"].endswith(".csv")
    assert report["filename"] == "Bericht ü.csv"
    assert [each["filename"] for each in args["all"]] == ["one.tar.gz", "passwd"]
    assert sorted(await stored(api)) == sorted(each["s3"] for each in [report, *args["all"]])
    got = await api.developer.get(f"{W}/job_helpers/download_s3_file", params={"file_key": report["s3"]})
    assert (got.content, got.headers["content-type"]) == (b"a,b\n", "text/csv")
    assert "filename*=UTF-8''Bericht%20%C3%BC.csv" in got.headers["content-disposition"]


async def test_no_file_chosen_is_an_empty_list(api: Api) -> None:
    await deploy(api.developer)
    content = b'--x\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n--x--'
    assert await args_of(api, await api.developer.post(URL, content=content, headers=FORM)) == {"a": []}


async def test_a_file_may_be_larger_than_arguments(api: Api) -> None:
    await deploy(api.developer)
    large = bytes(api.parts.options.max_value_bytes + 1)
    args: dict[str, Any] = await args_of(api, await api.developer.post(URL, files={"a": ("a", large)}))
    query = {"file_key": args["a"][0]["s3"]}
    told = await api.developer.get(f"{W}/job_helpers/load_file_metadata", params=query)
    assert told.json()["size_in_bytes"] == len(large)
    assert (await api.developer.post(URL, data={"a": "x"}, files={"b": ("b", b"1")}, params={"raw": "1"})).is_success
    for more in ({"params": {"raw": "true"}, "files": {"a": ("a", large)}}, {"files": {"a": (None, large)}}):
        answer = await api.developer.post(URL, **more)  # type: ignore[arg-type]
        assert (answer.status_code, "TIDEMILL_MAX_VALUE_BYTES" in answer.text) == (413, True)


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
async def test_only_a_form_with_files_may_be_larger_than_arguments(api: Api, content_type: str) -> None:
    """Two headers that say different things, and other methods, are no way around the bound."""
    await deploy(api.developer)
    large = b"x" * (api.parts.options.max_value_bytes + 1)
    form = ("content-type", "multipart/form-data; boundary=x")
    for headers in ([("content-type", content_type)], [("content-type", content_type), form]):
        assert (await api.developer.post(URL, content=large, headers=headers)).status_code == 413
    assert (await api.developer.request("GET", WAIT, content=large, headers=[form])).status_code == 413


async def test_nothing_stays_of_a_form_that_is_refused(api: Api) -> None:
    await deploy(api.developer)
    files = [("a", ("a", b"1"))]
    file = b"--x\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\n1\r\n"
    refused = [
        await api.developer.post(URL, files=[*files, *[("a", ("a", b"1"))] * 100]),
        await api.developer.post(URL, files=files, params={"queue_limit": 0}),
        await api.developer.post(URL.replace("hello", "nothing"), files=files),
        await api.anonymous.post(URL, files=files),
        await api.developer.post(URL, headers=FORM, content=file + b"--x\r\n\r\nno name\r\n--x--"),
    ]
    assert [each.status_code for each in refused] == [400, 429, 404, 401, 400]
    assert await stored(api) == []


async def test_a_form_with_files_is_sent_again_with_its_key(api: Api) -> None:
    await deploy(api.developer)
    headers = {"Idempotency-Key": "one"}
    first = await api.developer.post(URL, files={"a": ("a", b"1")}, headers=headers)
    again = await api.developer.post(URL, files={"a": ("a", b"1")}, headers=headers)
    assert (again.status_code, again.text) == (201, first.text)
    assert len(await stored(api)) == 1
    other = await api.developer.post(URL, files={"a": ("a", b"2")}, headers=headers)
    assert other.status_code == 422
    assert len(await stored(api)) == 1


async def test_json_that_looks_like_files_is_nothing_but_arguments(api: Api) -> None:
    """A parser that mixed the two up gave n8n's callers every file of its server."""
    await deploy(api.developer)
    body = {"files": {"a": {"filepath": "/etc/passwd", "originalFilename": "x"}}, "a": [{"s3": "u/ada/secret"}]}
    assert await args_of(api, await api.developer.post(URL, json=body)) == body
    assert await stored(api) == []


async def test_who_may_not_write_to_the_storage_sends_no_files(api: Api) -> None:
    await deploy(api.developer)
    rules = {"advanced_permissions": [{"pattern": "**", "allow": "read"}]}
    await api.admin.post(f"{W}/workspaces/edit_large_file_storage_config", json={"large_file_storage": rules})
    answer = await api.developer.post(URL, files={"a": ("a", b"1")})
    assert (answer.status_code, "Storage '_default_'" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nabc'),
        ("application/x-www-form-urlencoded", b'{"a": 1}'),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/octet-stream", b"x"),
        ("text/plain", b"\xff"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(api: Api, content_type: str, body: bytes) -> None:
    await deploy(api.developer)
    answer = await api.developer.post(URL, content=body, headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text


async def test_the_token_may_be_in_the_query(api: Api) -> None:
    await deploy(api.developer)
    client = await api.client()
    token = await api.token("dev@x.org")
    assert (await client.post(URL, json={}, params={"token": token})).status_code == 201
    assert (await client.post(URL, json={})).status_code == 401


async def test_waiting_gives_the_result_as_it_was_written(api: Api) -> None:
    await deploy(api.developer)
    async with waiting(api, json={"name": "a"}) as (job_id, task):
        await Worker(api).end(job_id, b'{"n": 1.10, "b": 12345678901234567890123}')
    answer = task.result()
    assert (answer.status_code, answer.content) == (200, b'{"n": 1.10, "b": 12345678901234567890123}')
    assert answer.headers["x-tidemill-job"] == str(job_id)


async def test_a_failure_is_told_with_its_error(api: Api) -> None:
    await deploy(api.developer)
    async with waiting(api, json={}) as (job_id, task):
        await Worker(api).end(job_id, b'{"error": {"name": "ValueError", "message": "no"}}', status="failure")
    answer = task.result()
    assert answer.status_code == 500
    assert answer.headers["x-tidemill-error"] == "job_failed"
    assert answer.json()["error"]["name"] == "ValueError"


@pytest.mark.parametrize("route", ["run_wait_result", "run_inline"])
async def test_a_failed_preview_is_told_as_text(api: Api, route: str) -> None:
    body = {"content": "def main(): ...", "language": "python3", "args": {}}
    async with waiting(api, f"{W}/jobs/{route}/preview", json=body) as (job_id, task):
        await Worker(api).end(job_id, b'{"error": {"name": "ValueError", "message": "no"}}', status="failure")
    assert (task.result().status_code, task.result().text) == (500, "ValueError: no")
    assert task.result().headers["content-type"].startswith("text/plain")


async def test_a_result_can_shape_the_answer(api: Api) -> None:
    await deploy(api.developer)
    shaped = {
        "windmill_status_code": 418,
        "windmill_content_type": "text/csv",
        "windmill_headers": {"X-Extra": "yes"},
        "result": "a,b\n",
    }
    async with waiting(api, json={}) as (job_id, task):
        await Worker(api).end(job_id, json.dumps(shaped).encode())
    answer = task.result()
    assert (answer.status_code, answer.text) == (418, "a,b\n")
    assert (answer.headers["content-type"], answer.headers["x-extra"]) == ("text/csv", "yes")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_nothing_that_a_browser_runs_is_answered(api: Api) -> None:
    await deploy(api.developer)
    shaped = {"windmill_content_type": "text/html", "result": "<script>alert(1)</script>"}
    async with waiting(api, json={}) as (job_id, task):
        await Worker(api).end(job_id, json.dumps(shaped).encode())
    assert task.result().headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "control",
    [
        {"windmill_status_code": 99},
        {"windmill_status_code": "200"},
        {"windmill_headers": {"Set-Cookie": "token=x"}},
        {"windmill_headers": {"Content-Security-Policy": ""}},
        {"windmill_headers": {"NEL": "{}", "Report-To": "{}"}},
        {"windmill_headers": {"Alt-Svc": 'h2="evil.example:443"'}},
        {"windmill_headers": {"X": "a\r\nSet-Cookie: b"}},
        {"windmill_headers": "x"},
        {"windmill_content_type": 3},
    ],
)
async def test_a_shape_that_is_not_allowed_is_told(api: Api, control: dict[str, object]) -> None:
    await deploy(api.developer)
    async with waiting(api, json={}) as (job_id, task):
        await Worker(api).end(job_id, json.dumps({**control, "result": 1}).encode())
    assert task.result().status_code == 400
    assert "windmill_" in task.result().text or "header" in task.result().text
    assert "set-cookie" not in task.result().headers


async def test_waiting_too_long_names_the_job_which_goes_on(api: Api) -> None:
    await deploy(api.developer)
    impatient = replace(api.parts, options=replace(api.parts.options, wait_result_timeout_s=0))
    transport = httpx.ASGITransport(make_app(impatient, no_lifespan))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=api.developer.headers) as client:
        answer = await client.post(WAIT, json={})
    assert answer.status_code == 504
    (job,) = (await api.developer.get(f"{W}/jobs/queue/list")).json()
    assert job["id"] in answer.text
    assert job["canceled"] is False


async def test_who_was_shut_out_while_waiting_is_not_told_the_result(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """D12: rights are believed in for some seconds (here for none), however long a job takes."""
    monkeypatch.setattr(job_stream, "BELIEVED_S", 0.0)
    await deploy(api.developer)
    async with waiting(api, json={}) as (job_id, task):
        await api.superadmin.post("/api/users/update/dev@x.org", json={"disabled": True})
        await Worker(api).end(job_id, b'"the result"')
    assert (task.result().status_code, task.result().headers["x-tidemill-error"]) == (401, "unauthenticated")
    assert "the result" not in task.result().text
