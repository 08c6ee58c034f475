"""Sources that are not deployed: jobs of whoever stored them import them, and nobody else's do."""

import hashlib
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from tests.api.at_work import SOURCE, W, Worker, deploy
from tests.api.conftest import Api
from tidemill.db import local_sources, prune
from tidemill.db.queries import inline
from tidemill.model.errors import BadRequest
from tidemill.wiring.job_data import WorkspaceData

HELPER = "u/dev/helper"
LOCAL = "def word():\n    return 'lokäl'\n"
USER = {"language": "python3", "content": "from u.dev.helper import word\n\ndef main():\n    return word()\n"}
MODULES = [{"id": "a", "value": {"type": "rawscript", **USER, "input_transforms": {}}}]


def sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


async def store(client: httpx.AsyncClient, content: str = LOCAL) -> str:
    answer = await client.post(f"{W}/scripts/raw_temp/store", json=content)
    assert answer.status_code == 200, answer.text
    assert answer.json() == sha(content)
    return sha(content)


async def differ(client: httpx.AsyncClient, scripts: dict[str, str]) -> list[str]:
    answer = await client.post(f"{W}/scripts/raw_temp/diff", json={"scripts": scripts, "workspace_deps": []})
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()
    return found


async def test_paths_with_another_source_are_told_as_far_as_they_may_be_seen(api: Api) -> None:
    await deploy(api.developer, HELPER)
    await deploy(api.admin, "u/ada/hidden")
    scripts = {HELPER: sha(SOURCE), "u/dev/new": sha(LOCAL), "u/ada/hidden": sha(SOURCE), "no path": sha(SOURCE)}
    assert await differ(api.developer, scripts) == ["u/dev/new", "u/ada/hidden", "no path"]
    assert await differ(api.developer, {HELPER: sha(LOCAL)}) == [HELPER]
    assert (await api.operator.post(f"{W}/scripts/raw_temp/diff", json={"scripts": {}})).status_code == 403
    assert (await api.operator.post(f"{W}/scripts/raw_temp/store", json=LOCAL)).status_code == 403


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("jobs/run/preview", USER),
        ("jobs/run/dependencies_async", {"raw_scripts": [{"raw_code": USER["content"], "language": "python3"}]}),
        ("jobs/run/flow_dependencies_async", {"flow_value": {"modules": MODULES}}),
        ("jobs/run/preview_flow", {"value": {"modules": MODULES}}),
    ],
)
async def test_a_job_reads_what_it_was_started_with(api: Api, route: str, body: dict[str, object]) -> None:
    await deploy(api.developer, HELPER)
    refs = {HELPER: await store(api.developer)}
    started = await api.developer.post(f"{W}/{route}", json={**body, "temp_script_refs": refs})
    assert started.status_code == 201, started.text
    data, worker = WorkspaceData(api.parts.database, api.parts.keyring, api.parts.values), Worker(api)
    job = await worker.start(UUID(started.text))
    assert await data.script_reader(job)(HELPER) == LOCAL
    assert await data.script_reader(job)("u/dev/absent") is None
    plain = await api.developer.post(f"{W}/{route}", json=body)
    job = await worker.start(UUID(plain.text))
    assert await data.script_reader(job)(HELPER) == SOURCE


async def test_sources_in_a_flow_read_what_the_flow_was_started_with_and_no_others_do(api: Api) -> None:
    await deploy(api.developer, HELPER)
    refs = {HELPER: await store(api.developer)}
    body = {"value": {"modules": MODULES}, "temp_script_refs": refs}
    started = await api.developer.post(f"{W}/jobs/run/preview_flow", json=body)
    data = WorkspaceData(api.parts.database, api.parts.keyring, api.parts.values)
    flow = await Worker(api).start(UUID(started.text))
    step = replace(flow, options=b"{}", root_job=flow.id, kind="flowscript")
    assert await data.script_reader(step)(HELPER) == LOCAL
    deployed = replace(step, script_hash=7)
    assert await data.script_reader(deployed)(HELPER) == SOURCE
    for_other = replace(step, email="ada@x.org", permissioned_as="u/ada")
    assert await data.script_reader(for_other)(HELPER) == SOURCE
    below = replace(step, kind="flow", script_hash=7)  # what stands in a deployed flow below is run with them, too
    assert [await data.local_sources(each) for each in (below, deployed)] == [refs, {}]


async def test_what_somebody_else_stored_is_not_there(api: Api) -> None:
    refs = {HELPER: await store(api.admin)}
    refused = await api.developer.post(f"{W}/jobs/run/preview", json={**USER, "temp_script_refs": refs})
    assert (refused.status_code, "is not stored" in refused.text) == (400, True)


@pytest.mark.parametrize("refs", [["x"], {HELPER: "short"}, {"nowhere": sha(LOCAL)}, {HELPER: 1}, "x"], ids=str)
async def test_what_is_no_source_is_refused(api: Api, refs: object) -> None:
    await store(api.developer)
    refused = await api.developer.post(f"{W}/jobs/run/preview", json={**USER, "temp_script_refs": refs})
    assert refused.status_code == 400, refused.text


async def test_they_are_kept_for_a_day_and_so_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await deploy(api.developer, HELPER)
    refs = {HELPER: await store(api.developer)}
    started = await api.developer.post(f"{W}/jobs/run/preview", json={**USER, "temp_script_refs": refs})
    job = await Worker(api).start(UUID(started.text))
    await prune.remove_leftovers(api.parts.database)
    read = WorkspaceData(api.parts.database, api.parts.keyring, api.parts.values).script_reader(job)
    assert await read(HELPER) == LOCAL
    await api.parts.database.single.execute(inline("update local_source set stored_at = now() - interval '25 hours'"))
    await prune.remove_leftovers(api.parts.database)
    with pytest.raises(BadRequest, match="not kept any more"):
        await read(HELPER)
    monkeypatch.setattr(local_sources, "MOST_KEPT", 2)
    stored = [await store(api.developer, f"{LOCAL}# {number}\n") for number in range(3)]
    rows = await api.parts.database.single.fetch_all(inline("select hash from local_source"))
    assert {row["hash"] for row in rows} == set(stored[1:])
