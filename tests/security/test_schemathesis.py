"""The OpenAPI document holds: every operation succeeds when it is called well, and none breaks when it is called badly.

Schemathesis writes the bad calls: values at and beyond the bounds of the document, missing and unknown members, wrong
types, and a few random ones. `TIDEMILL_SOAK=1` asks for many more of those, calls every operation without a credential
and with a wrong one, and follows what was made from one operation to the next; `TIDEMILL_SOAK_EXAMPLES` and
`TIDEMILL_SOAK_S` bound it.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import anyio
import httpx
import pytest
import schemathesis
import uvicorn

from tests.api.at_work import Worker
from tests.api.conftest import Api, api, no_lifespan
from tests.security.operations import SCRIPT, Call, Seeded, calls, seed
from tidemill.server.app import make_app
from tidemill.server.policy import POLICIES, Policy, Who, public

__all__ = ["api"]

CHECKS: Final = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SETTINGS: Final = """
[parameters]
"path.workspace" = "main"

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501"]  # 501: what Windmill has and Tidemill refuses with a sentence
"""
_ENDS: Final = "it ends what the rest of the run needs: "
_WAITS: Final = "it waits for a job, and no worker runs: "
EXCLUDED: Final = {
    "/api/auth/logout": f"{_ENDS}its own token",
    "/api/users/tokens/delete/{token_prefix}": f"{_ENDS}its own token",
    "/api/users/delete/{email}": f"{_ENDS}accounts",
    "/api/users/setpassword": f"{_ENDS}sessions of its account; each call derives a key, which is slow by intent",
    "/api/users/set_password_of/{user}": "each call derives a key, which is slow by intent",
    "/api/workspaces/delete/{workspace_id}": f"{_ENDS}workspaces",
    "/api/w/{workspace}/workspaces/archive": f"{_ENDS}the workspace",
    "/api/w/{workspace}/workspaces/leave": f"{_ENDS}the membership",
    "/api/w/{workspace}/users/delete/{username}": f"{_ENDS}members",
    "/api/w/{workspace}/jobs_u/getupdate/{id}": f"{_WAITS}a long poll",
    "/api/w/{workspace}/jobs_u/getupdate_sse/{id}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs_u/flow_changes_sse/{id}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs/run_and_stream/p/{path}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs/run_and_stream/h/{hash}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs/run_wait_result/p/{path}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_wait_result/h/{hash}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_wait_result/preview": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_and_stream/f/{path}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs/run_and_stream/fv/{version}": f"{_WAITS}a stream",
    "/api/w/{workspace}/jobs/run_wait_result/f/{path}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_wait_result/fv/{version}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_wait_result/preview_flow": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_inline/preview": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_inline/p/{path}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run_inline/h/{hash}": f"{_WAITS}a result",
    "/api/w/{workspace}/jobs/run/dependencies": f"{_WAITS}a result",
}
"""Paths that are not called at random, and why. The table of `operations.py` calls them all."""


async def document_of(api: Api) -> dict[str, Any]:
    answer = await api.superadmin.get("/api/openapi.json")
    document: dict[str, Any] = answer.json()
    return document


def operations_of(document: dict[str, Any]) -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


async def test_the_document_is_valid(api: Api) -> None:
    """Every placeholder of a path is declared, none twice; schemathesis finds nothing that is not OpenAPI 3.1."""
    document = await document_of(api)
    schemathesis.openapi.from_dict(document).validate()
    for path, methods in document["paths"].items():
        assert ":" not in path
        placeholders = sorted(part.partition("}")[0] for part in path.split("{")[1:])
        for method, operation in methods.items():
            declared = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"]
            assert sorted(declared) == placeholders, (method, path)


async def test_the_document_says_where_a_credential_is_needed(api: Api) -> None:
    document = await document_of(api)
    described = {f"{method.upper()} {path}": each for path, methods in document["paths"].items()
                 for method, each in methods.items()}  # fmt: skip
    public = {key.replace(":path}", "}") for key, policy in POLICIES.items() if policy.who is Who.PUBLIC}
    assert {key for key, each in described.items() if "security" not in each} == public & set(described)
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}


async def test_every_operation_succeeds_and_answers_as_documented(api: Api) -> None:
    document = await document_of(api)
    table = calls(await seed(api))
    operations = operations_of(document)
    assert set(operations) - set(table) == set(), "operations that the table of operations.py does not call"
    assert set(table) - set(operations) == set(), "the table of operations.py calls what the document does not have"
    described = schemathesis.openapi.from_dict(document)
    faults = []
    for key, call in table.items():
        method, path = key.split(" ")
        answer = await asyncio.wait_for(answer_to(api, method, path, call), timeout=30)
        if (fault := fault_of(answer, call)) is None:
            try:
                described[path][method].validate_response(answer)
            except (schemathesis.errors.SchemathesisError, AssertionError, BaseExceptionGroup) as error:
                fault = str(error)[:500]
        if fault is not None:
            faults.append(f"{key}: {fault}")
    assert not faults, "\n".join(faults)


def fault_of(answer: httpx.Response, call: Call) -> str | None:
    is_right = answer.is_success if call.status is None else answer.status_code == call.status
    return None if is_right else f"{answer.status_code}: {answer.text[:200]}"


async def answer_to(api: Api, method: str, path: str, call: Call) -> httpx.Response:
    """The answer; what waits for a job gets one that ends."""
    client = getattr(api, call.by) if isinstance(call.by, str) else call.by
    content = None if call.body is None else json.dumps(call.body)
    headers = {"content-type": "application/json", **call.headers}
    request = client.request(method, call.url(path), params=call.query, content=content, headers=headers)
    if not call.waits:
        answer: httpx.Response = await request
        return answer
    before = await queued(api)
    task = asyncio.create_task(request)
    while not (new := await queued(api) - before) and not task.done():
        await anyio.lowlevel.checkpoint()
    for job_id in new:
        await Worker(api, f"worker of {job_id}").end(job_id)
    return await task


async def queued(api: Api) -> set[UUID]:
    found = await api.superadmin.get("/api/w/main/jobs/queue/list_filtered_uuids")
    return {UUID(each) for each in found.json()}


async def test_a_failed_job_is_answered_as_documented(api: Api) -> None:
    described = schemathesis.openapi.from_dict(await document_of(api))
    await seed(api)
    path = "/api/w/{workspace}/jobs/run_wait_result/p/{path}"
    before = await queued(api)
    task = asyncio.create_task(api.developer.post(path.format(workspace="main", path=SCRIPT)))
    while not (new := await queued(api) - before):
        await anyio.lowlevel.checkpoint()
    await Worker(api, "failing").end(new.pop(), b'{"error": {"name": "E", "message": "m"}}', status="failure")
    answer = await task
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (500, "job_failed")
    described[path]["POST"].validate_response(answer)


@pytest.mark.parametrize("workspace", ["", "nowhere", "x" * 300])
@pytest.mark.parametrize("route", ["create", "impersonate"])
async def test_a_token_for_a_workspace_that_is_not_there_is_refused(api: Api, route: str, workspace: str) -> None:
    body = {"impersonate_email": "root@x.org", "workspace_id": workspace}
    answer = await api.superadmin.post(f"/api/users/tokens/{route}", json=body)
    assert answer.status_code == 404
    assert "There is no workspace" in answer.text


async def test_calls_that_do_not_fit_break_nothing(api: Api, tmp_path: Path) -> None:
    document = with_examples(await document_of(api), await seed(api))
    assert EXCLUDED.keys() <= document["paths"].keys()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    token = await api.token("root@x.org")
    async with serving(api) as url:
        output, status = await schemathesis_says(tmp_path, url, token)
    print(output[-5000:])  # what was reached; pytest shows it when it is asked to
    assert status == 0, output[-20_000:]
    still = await (await api.client(token)).get("/api/w/main/users/whoami")
    assert still.status_code == 200, "the calls lost their token on the way: they reached less than they should"


def with_examples(document: dict[str, Any], seeded: Seeded) -> dict[str, Any]:
    """The document with values that are there as examples, so that calls come further than `there is no such thing`."""
    examples = {"path": SCRIPT, "id": seeded.ended, "hash": seeded.script_hash, "username": "dev", "email": "dev@x.org"}
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                is_text = parameter["schema"].get("type") == "string"
                if parameter["in"] == "path" and is_text and parameter["name"] in examples:
                    parameter["example"] = examples[parameter["name"]]
    return document


async def test_a_route_that_lost_its_guard_is_found(api: Api, tmp_path: Path) -> None:
    """The negative control of the check that make soak adds: a credential that is ignored."""
    opened = "/api/jobs/db_clock"
    (tmp_path / "openapi.json").write_text(json.dumps(await document_of(api)))
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    options = ("--include-path", opened, "--checks", "ignored_auth", "--phases", "coverage,fuzzing")
    async with serving(api, policies={**POLICIES, f"GET {opened}": public()}) as url:
        output, status = await schemathesis_says(tmp_path, url, await api.token("root@x.org"), *options)
    assert (status, "ignored_auth" in output.lower() or "authentication" in output.lower()) == (1, True), output[-3000:]
    async with serving(api) as url:
        output, status = await schemathesis_says(tmp_path, url, await api.token("root@x.org"), *options)
    assert status == 0, output[-3000:]


@asynccontextmanager
async def serving(api: Api, *, policies: Mapping[str, Policy] = POLICIES) -> AsyncIterator[str]:
    """The app behind a real HTTP server in this loop; waiting for results ends soon, as nothing runs jobs."""
    parts = replace(api.parts, options=replace(api.parts.options, wait_result_timeout_s=1))
    app = make_app(parts, no_lifespan, policies=policies)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await anyio.lowlevel.checkpoint()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def schemathesis_says(folder: Path, url: str, token: str, *options: str) -> tuple[str, int]:
    """What it prints about the document in `folder`, and its exit status. `options` come last, and count."""
    soak = os.environ.get("TIDEMILL_SOAK") == "1"
    examples = os.environ.get("TIDEMILL_SOAK_EXAMPLES", "100") if soak else "1"
    phases = "examples,coverage,fuzzing,stateful" if soak else "examples,coverage,fuzzing"
    checks = f"{CHECKS},ignored_auth,use_after_free" if soak else CHECKS
    bounds = ["--max-time", os.environ.get("TIDEMILL_SOAK_S", "3600")] if soak else []
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml", "--no-color",
        "run", "openapi.json", "--url", url, "--header", f"Authorization: Bearer {token}", "--checks", checks,
        "--phases", phases, "--generation-deterministic", "--max-examples", examples, *bounds, "--no-shrink",
        "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off",
    ]  # fmt: skip
    for path in EXCLUDED:
        command += ["--exclude-path", path]
    command += options
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return output.decode(errors="replace"), process.returncode
