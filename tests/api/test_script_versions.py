"""Versions of scripts: the parent chain, moving, archiving, erasing, history."""

import asyncio

import pytest

from tests.api.at_work import SOURCE, W, deploy
from tests.api.conftest import Api, audited

NEWER = SOURCE.replace("2", "3")


async def get(api: Api, what: str) -> dict[str, object]:
    answer = await api.developer.get(f"{W}/scripts/{what}")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_a_path_that_is_taken_is_refused_without_a_parent(api: Api) -> None:
    await deploy(api.developer)
    body = {"path": "u/dev/hello", "summary": "", "content": NEWER, "language": "python3"}
    answer = await api.developer.post(f"{W}/scripts/create", json=body)
    assert answer.status_code == 409
    assert "parent_hash" in answer.text


async def test_a_new_version_follows_its_parent_and_the_old_one_stays(api: Api) -> None:
    first = await deploy(api.developer, labels=["kept"])
    second = await deploy(api.developer, content=NEWER, parent_hash=first, deployment_message="better")
    third = await deploy(api.developer, content=SOURCE, parent_hash=second)
    head = await get(api, "get/p/u/dev/hello")
    assert (head["hash"], head["parent_hashes"]) == (third, [second, first])
    old = await get(api, f"get/h/{first}")
    assert (old["archived"], old["content"]) == (True, SOURCE)
    history = (await api.developer.get(f"{W}/scripts/history/p/u/dev/hello")).json()
    assert [line["script_hash"] for line in history] == [third, second, first]
    assert history[1]["deployment_msg"] == "better"
    assert "deployment_msg" not in history[0]
    assert (await get(api, "get_latest_version/u/dev/hello"))["script_hash"] == third


async def test_a_stale_parent_is_refused_unless_it_may_be_replaced(api: Api) -> None:
    first = await deploy(api.developer)
    second = await deploy(api.developer, content=NEWER, parent_hash=first)
    body = {"path": "u/dev/hello", "summary": "", "content": "def main(): ...\n", "language": "python3"}
    stale = await api.developer.post(f"{W}/scripts/create", json={**body, "parent_hash": first})
    assert stale.status_code == 409
    assert second in stale.text
    third = await deploy(api.developer, content="def main(): ...\n", parent_hash=first, auto_parent=True)
    assert (await get(api, f"get/h/{third}"))["parent_hashes"] == [second, first]


async def test_auto_parent_alone_follows_the_newest(api: Api) -> None:
    first = await deploy(api.developer)
    second = await deploy(api.developer, content=NEWER, auto_parent=True)
    assert (await get(api, f"get/h/{second}"))["parent_hashes"] == [first]


async def test_of_two_deployments_at_once_one_is_refused(api: Api) -> None:
    first = await deploy(api.developer)
    body = {"path": "u/dev/hello", "summary": "", "language": "python3", "parent_hash": first}
    answers = await asyncio.gather(
        *(
            api.developer.post(f"{W}/scripts/create", json={**body, "content": SOURCE + f"# {number}\n"})
            for number in range(5)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_what_changes_nothing_can_be_skipped(api: Api) -> None:
    first = await deploy(api.developer, labels=["a"], timeout=5)
    body = {"path": "u/dev/hello", "summary": "", "content": SOURCE, "language": "python3"}
    same = {**body, "labels": ["a"], "timeout": 5, "parent_hash": first, "auto_parent": True}
    answer = await api.developer.post(f"{W}/scripts/create", json=same, params={"skip_if_noop": "true"})
    assert (answer.status_code, answer.text) == (201, first)
    changed = await api.developer.post(
        f"{W}/scripts/create", json={**same, "timeout": 6}, params={"skip_if_noop": "true"}
    )
    assert changed.text != first


async def test_update_deploys_a_version_and_moves(api: Api) -> None:
    first = await deploy(api.developer)
    body = {"path": "u/dev/moved", "summary": "", "content": SOURCE, "language": "python3"}
    answer = await api.developer.post(f"{W}/scripts/update/u/dev/hello", json=body)
    assert answer.status_code == 200, answer.text
    moved = await get(api, "get/p/u/dev/moved")
    assert (moved["hash"], moved["parent_hashes"]) == (answer.text, [first])
    assert (await api.developer.get(f"{W}/scripts/exists/p/u/dev/hello")).json() is False
    missing = await api.developer.post(f"{W}/scripts/update/u/dev/nothing", json=body)
    assert missing.status_code == 404


async def test_a_script_is_not_moved_onto_another_nor_out_of_reach(api: Api) -> None:
    first = await deploy(api.developer)
    await deploy(api.developer, path="u/dev/other")
    body = {"summary": "", "content": SOURCE, "language": "python3", "parent_hash": first}
    taken = await api.developer.post(f"{W}/scripts/create", json={**body, "path": "u/dev/other"})
    assert taken.status_code == 409
    denied = await api.developer.post(f"{W}/scripts/create", json={**body, "path": "u/ada/mine"})
    assert denied.status_code == 403
    assert (await get(api, "get/p/u/dev/hello"))["archived"] is False


async def test_an_archived_script_is_shown_as_such_and_does_not_run(api: Api) -> None:
    number = await deploy(api.developer)
    answer = await api.developer.post(f"{W}/scripts/archive/p/u/dev/hello")
    assert (answer.status_code, answer.text) == (200, "u/dev/hello")
    assert (await get(api, "get/p/u/dev/hello"))["archived"] is True
    assert (await api.developer.get(f"{W}/scripts/exists/p/u/dev/hello")).json() is False
    assert (await api.developer.get(f"{W}/scripts/list")).json() == []
    archived = await api.developer.get(f"{W}/scripts/list", params={"show_archived": "true"})
    assert [script["hash"] for script in archived.json()] == [number]
    assert (await api.developer.post(f"{W}/jobs/run/p/u/dev/hello")).status_code == 404
    assert (await api.developer.post(f"{W}/jobs/run/h/{number}")).status_code == 201
    again = await deploy(api.developer, content=NEWER)
    assert (await get(api, "get/p/u/dev/hello"))["hash"] == again


async def test_one_version_can_be_archived_and_erased(api: Api) -> None:
    number = await deploy(api.developer)
    archived = (await api.developer.post(f"{W}/scripts/archive/h/{number}")).json()
    assert archived["archived"] is True
    assert (await api.developer.post(f"{W}/scripts/delete/h/{number}")).status_code == 403
    erased = (await api.admin.post(f"{W}/scripts/delete/h/{number}")).json()
    assert (erased["deleted"], erased["content"], erased["hash"]) == (True, "", number)
    assert (await api.developer.post(f"{W}/jobs/run/h/{number}")).status_code == 404


async def test_deleting_a_path_removes_its_versions(api: Api) -> None:
    number = await deploy(api.developer)
    answer = await api.admin.post(f"{W}/scripts/delete/p/u/dev/hello")
    assert answer.json() == "u/dev/hello"
    assert (await api.developer.get(f"{W}/scripts/get/h/{number}")).status_code == 404
    await deploy(api.developer)


async def test_what_a_deployment_says_can_be_changed(api: Api) -> None:
    number = await deploy(api.developer)
    url = f"{W}/scripts/history_update/h/{number}/p/u/dev/hello"
    assert (await api.developer.post(url, json={"deployment_msg": "why"})).status_code == 200
    (line,) = (await api.developer.get(f"{W}/scripts/history/p/u/dev/hello")).json()
    assert line["deployment_msg"] == "why"
    other = f"{W}/scripts/history_update/h/{number}/p/u/dev/else"
    assert (await api.developer.post(other, json={"deployment_msg": "x"})).status_code == 404


@pytest.mark.parametrize("workspace", ["other", "main"])
async def test_a_hash_is_of_its_workspace_only(api: Api, workspace: str) -> None:
    number = await deploy(api.developer)
    answer = await api.outsider.get(f"/api/w/{workspace}/scripts/get/h/{number}")
    assert answer.status_code == 404


async def test_deployments_are_audited(api: Api) -> None:
    first = await deploy(api.developer)
    await deploy(api.developer, content=NEWER, parent_hash=first)
    (created,) = await audited(api, "scripts.create")
    assert (created["username"], created["resource"]) == ("dev", "u/dev/hello")
    assert len(await audited(api, "scripts.update")) == 1
