"""A script that ran before is not looked up again, and yet what is there now is what counts."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.api.at_work import W, deploy, run
from tests.api.conftest import Api
from tests.db.test_queue import new_job
from tidemill.db import intake, scripts
from tidemill.model.errors import Outdated
from tidemill.model.path import parse_path
from tidemill.server.known_scripts import KnownScripts, Named

BY_PATH = f"{W}/jobs/run/p/u/dev/hello"


@pytest.mark.parametrize("by_hash", [False, True])
async def test_a_run_costs_two_statements(api: Api, sent: list[str], *, by_hash: bool) -> None:
    """Who calls, and one that takes the job in with its audit record and the notice to workers; at first a look-up."""
    number = await deploy(api.developer)
    url = f"{W}/jobs/run/h/{number}" if by_hash else BY_PATH
    sent.clear()
    assert (await api.developer.post(url, json={})).status_code == 201
    look_up = "scripts.seen_version" if by_hash else "scripts.seen_head"
    assert sent == ["identity.principal_by_token", look_up, "intake.take_in"]
    sent.clear()
    assert (await api.developer.post(url, json={})).status_code == 201
    assert sent == ["identity.principal_by_token", "intake.take_in"]


async def test_the_newest_version_runs_at_once(api: Api) -> None:
    first = await deploy(api.developer)
    await run(api.developer)
    second = await deploy(api.developer, content="def main(): ...\n", parent_hash=first, tag="new")
    jobs = [(await api.developer.get(f"{W}/jobs_u/get/{await run(api.developer)}")).json() for _ in range(2)]
    assert [(job["script_hash"], job["tag"]) for job in jobs] == [(second, "new")] * 2


Change = Callable[[Api, str], Awaitable[Any]]
CHANGES: dict[str, Change] = {
    "archived": lambda api, _: api.developer.post(f"{W}/scripts/archive/p/u/dev/hello"),
    "unshared": lambda api, _: api.developer.post(f"{W}/acls/remove/script/u/dev/hello", json={"owner": "u/op"}),
    "deleted": lambda api, _: api.admin.post(f"{W}/scripts/delete/p/u/dev/hello"),
    "moved": lambda api, number: deploy(api.developer, path="u/dev/other", parent_hash=number),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_may_not_be_run_any_more_is_not_run_once_more(api: Api, change: str) -> None:
    number = await deploy(api.developer)
    await api.developer.post(f"{W}/acls/add/script/u/dev/hello", json={"owner": "u/op", "write": False})
    assert (await api.operator.post(BY_PATH, json={})).status_code == 201
    changed = await CHANGES[change](api, number)
    assert isinstance(changed, str) or changed.status_code == 200, changed.text
    assert (await api.operator.post(BY_PATH, json={})).status_code == 404
    assert len((await api.admin.get(f"{W}/jobs/queue/list")).json()) == 1


async def test_an_erased_version_is_not_run_once_more(api: Api) -> None:
    number = await deploy(api.developer)
    url = f"{W}/jobs/run/h/{number}"
    assert (await api.developer.post(url, json={})).status_code == 201
    assert (await api.admin.post(f"{W}/scripts/delete/h/{number}")).status_code == 200
    assert (await api.developer.post(url, json={})).status_code == 404


async def test_a_refusal_is_never_told_from_memory(api: Api) -> None:
    """Others ran it, so it is remembered as it was: hidden, and with a tag that no job may have."""
    number = await deploy(api.developer)
    await run(api.developer)
    assert (await api.operator.post(BY_PATH, json={})).status_code == 404
    await api.developer.post(f"{W}/acls/add/script/u/dev/hello", json={"owner": "u/op", "write": False})
    assert (await api.operator.post(BY_PATH, json={})).status_code == 201
    number = await deploy(api.developer, tag="of-$args[name]", parent_hash=number)
    await run(api.developer, args={"name": "good"})
    assert (await api.developer.post(BY_PATH, json={"name": "not good"})).status_code == 400
    await deploy(api.developer, tag="any", parent_hash=number)
    await run(api.developer, args={"name": "not good"})


async def test_a_form_is_read_by_the_schema_as_it_is_now(api: Api) -> None:
    first = await deploy(api.developer, content="def main(n: str): ...\n")
    await run(api.developer, args={"n": "1"})
    await deploy(api.developer, content="def main(n: int): ...\n", parent_hash=first)
    answer = await api.developer.post(BY_PATH, data={"n": "1"})
    assert (await api.developer.get(f"{W}/jobs_u/get_args/{answer.text}")).json() == {"n": 1}


async def test_a_change_while_the_job_is_taken_in_is_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await deploy(api.developer)
    await run(api.developer)
    take_in = intake.take_in
    deployed: list[str] = []

    async def changed_first(*arguments: Any, **options: Any) -> None:
        if not deployed:
            deployed.append("soon")
            deployed[:] = [await deploy(api.developer, content="def main(): ...\n", parent_hash=first, lock="")]
        await take_in(*arguments, **options)

    monkeypatch.setattr(intake, "take_in", changed_first)
    job = (await api.developer.get(f"{W}/jobs_u/get/{await run(api.developer)}")).json()
    assert job["script_hash"] == deployed[0]


async def test_a_job_of_another_row_is_not_taken_in(api: Api) -> None:
    number = int(await deploy(api.developer), 16)
    seen = await scripts.seen_version(api.parts.database.single, "main", number)
    assert seen is not None
    single = api.parts.database.single
    await intake.take_in(single, new_job(workspace_id="main", script_hash=number, script_row=seen.row))
    for wrong in (
        {"workspace_id": "main", "script_hash": number, "script_row": "1"},
        {"workspace_id": "other", "script_hash": number, "script_row": seen.row},
        {"workspace_id": "main", "script_hash": number + 1, "script_row": seen.row},
    ):
        with pytest.raises(Outdated):
            await intake.take_in(single, new_job(**wrong))
    assert len((await api.admin.get(f"{W}/jobs/queue/list")).json()) == 1


async def test_only_so_many_are_remembered(api: Api) -> None:
    number = int(await deploy(api.developer), 16)
    seen = await scripts.seen_version(api.parts.database.single, "main", number)
    assert seen is not None
    known = KnownScripts()
    names = [Named(path=parse_path(f"u/dev/s{count}")) for count in range(1001)]
    for name in names:
        known.keep("main", name, seen)
        known.get("main", names[0])
    assert known.get("main", names[0]) is seen
    assert known.get("main", names[1]) is None
    assert known.get("other", names[0]) is None
