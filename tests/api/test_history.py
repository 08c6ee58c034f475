"""Old versions over HTTP: who, in which job, when; compare, restore, clear."""

import httpx
import pytest

from tests.api.conftest import Api, audited
from tests.api.test_interpolation import job_of
from tidemill.db import prune

V = "/api/w/main/variables"
R = "/api/w/main/resources"


async def resource(client: httpx.AsyncClient, *values: object, path: str = "u/dev/r", kind: str = "any") -> None:
    first, *rest = values
    await client.post(f"{R}/create", json={"path": path, "value": first, "resource_type": kind})
    for value in rest:
        assert (await client.post(f"{R}/update_value/{path}", json={"value": value})).status_code == 200


async def variable(client: httpx.AsyncClient, *values: str, path: str = "u/dev/v", secret: bool = True) -> None:
    first, *rest = values
    await client.post(f"{V}/create", json={"path": path, "value": first, "is_secret": secret, "description": ""})
    for value in rest:
        assert (await client.post(f"{V}/update/{path}", json={"value": value})).status_code == 200


async def versions(client: httpx.AsyncClient, base: str, path: str) -> list[dict[str, object]]:
    answer = await client.get(f"{base}/history/p/{path}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["versions"]
    return found


async def test_each_version_tells_who_and_in_which_job(api: Api) -> None:
    await resource(api.developer, 1, path="u/dev/state", kind="state")
    job = await api.job("dev")
    await job.post(f"{R}/update_value/u/dev/state", json={"value": 2})
    await api.admin.delete(f"{R}/delete/u/dev/state")
    deleted, changed, created = await versions(api.developer, R, "u/dev/state")
    assert [each["operation"] for each in (deleted, changed, created)] == ["delete", "update", "create"]
    assert [each["created_by"] for each in (deleted, changed, created)] == ["u/ada", "u/dev", "u/dev"]
    assert changed["job_id"] == str(job_of(job))
    assert "job_id" not in created
    assert created["resource_type"] == "state"


async def test_the_version_is_that_of_the_etag(api: Api) -> None:
    await resource(api.developer, 1, 2)
    etag = (await api.developer.get(f"{R}/get_value/u/dev/r")).headers["etag"]
    latest, _ = await versions(api.developer, R, "u/dev/r")
    assert f'"{latest["version"]}"' == etag


async def test_a_version_has_its_value_as_written_and_names_dead_references(api: Api) -> None:
    raw = '{"path":"u/dev/r","resource_type":"any","value":{"n": 1.10, "x": "$var:u/dev/gone"}}'
    await api.developer.post(f"{R}/create", content=raw)
    (version,) = await versions(api.developer, R, "u/dev/r")
    answer = await api.developer.get(f"{R}/history/v/{version['id']}")
    assert '"value":{"n": 1.10, "x": "$var:u/dev/gone"}' in answer.text
    assert answer.json()["missing_references"] == ["$var:u/dev/gone"]


async def test_two_versions_are_compared_exactly(api: Api) -> None:
    for value in (
        '{"n": 1.1, "same": [1, 2], "gone": null, "l": [1]}',
        '{"same": [1,  2], "n": 1.10, "l": [1, {"a/b": 2}]}',
    ):
        raw = f'{{"path":"u/dev/r","resource_type":"any","value":{value}}}'
        await api.developer.post(f"{R}/create?update_if_exists=true", content=raw)
    new, old = await versions(api.developer, R, "u/dev/r")
    answer = await api.developer.get(f"{R}/history/diff", params={"from": old["id"], "to": new["id"]})
    assert answer.json()["is_changed"] is True
    assert '"pointer":"/n","old":1.1,"new":1.10' in answer.text
    changes = {each["pointer"]: (each.get("old"), each.get("new")) for each in answer.json()["changes"]}
    assert changes["/l/1"] == (None, {"a/b": 2})
    assert set(changes) == {"/n", "/gone", "/l/1"} | ({"/same"} & set(changes))
    same = await api.developer.get(f"{R}/history/diff", params={"from": old["id"], "to": old["id"]})
    assert (same.json()["is_changed"], same.json()["changes"]) == (False, [])


async def test_an_old_version_is_restored_and_so_is_a_deleted_one(api: Api) -> None:
    await resource(api.developer, {"a": 1}, {"a": 2})
    first = (await versions(api.developer, R, "u/dev/r"))[-1]["id"]
    answer = await api.developer.post(f"{R}/history/restore/v/{first}")
    assert (answer.status_code, answer.text) == (200, "u/dev/r")
    assert (await api.developer.get(f"{R}/get_value/u/dev/r")).json() == {"a": 1}
    await api.developer.delete(f"{R}/delete/u/dev/r")
    stale = {"If-Match": '"1"'}
    assert (await api.developer.post(f"{R}/history/restore/v/{first}", headers=stale)).status_code == 409
    assert (await api.developer.post(f"{R}/history/restore/v/{first}")).status_code == 200
    assert (await api.developer.get(f"{R}/get_value/u/dev/r")).json() == {"a": 1}
    assert len(await audited(api, "resources.restore")) == 2


async def test_old_secrets_stay_hidden_and_can_be_restored(api: Api) -> None:
    await variable(api.developer, "first-secret", "second-secret", "second-secret")
    latest, middle, first = await versions(api.developer, V, "u/dev/v")
    assert all(each["is_secret"] for each in (latest, middle, first))
    answer = await api.developer.get(f"{V}/history/v/{first['id']}")
    assert "value" not in answer.json()
    for old, is_changed in ((first, True), (middle, False)):
        answer = await api.developer.get(f"{V}/history/diff", params={"from": old["id"], "to": latest["id"]})
        assert (answer.json()["is_changed"], answer.json()["changes"]) == (is_changed, [])
        assert 'secret"' not in answer.text.replace('"is_secret"', "")
    assert (await api.developer.post(f"{V}/history/restore/v/{first['id']}")).status_code == 200
    assert (await api.developer.get(f"{V}/get_value/u/dev/v")).json() == "first-secret"
    await api.developer.delete(f"{V}/delete/u/dev/v")
    assert (await api.developer.post(f"{V}/history/restore/v/{middle['id']}")).status_code == 200
    assert (await api.developer.get(f"{V}/get_value/u/dev/v")).json() == "second-secret"


async def test_plain_variables_have_their_old_values(api: Api) -> None:
    await variable(api.developer, "one", "two", secret=False)
    new, old = await versions(api.developer, V, "u/dev/v")
    assert (await api.developer.get(f"{V}/history/v/{old['id']}")).json()["value"] == "one"
    answer = await api.developer.get(f"{V}/history/diff", params={"from": old["id"], "to": new["id"]})
    assert answer.json()["changes"] == [{"pointer": "", "old": "one", "new": "two"}]


async def test_history_is_as_visible_as_the_item_also_when_it_is_gone(api: Api) -> None:
    await resource(api.admin, 1, path="u/ada/r")
    (version,) = await versions(api.admin, R, "u/ada/r")
    routes = [("GET", f"history/v/{version['id']}"), ("POST", f"history/restore/v/{version['id']}")]
    routes += [("GET", f"history/diff?from={version['id']}&to={version['id']}")]

    async def all_hidden() -> None:
        for method, route in routes:
            answer = await api.developer.request(method, f"{R}/{route}")
            assert (answer.status_code, answer.text) == (404, f"There is no version {version['id']}.")
        assert (await api.developer.get(f"{R}/history/p/u/ada/r")).status_code == 404

    await all_hidden()
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/r", json={"owner": "u/dev", "write": False})
    assert (await api.developer.get(f"{R}/history/v/{version['id']}")).json()["value"] == 1
    assert (await api.developer.post(f"{R}/history/restore/v/{version['id']}")).status_code == 403
    assert (await api.developer.delete(f"{R}/history/p/u/ada/r")).status_code == 403
    await api.admin.delete(f"{R}/delete/u/ada/r")
    await all_hidden()
    assert (await api.outsider.get(f"/api/w/other/resources/history/v/{version['id']}")).status_code == 404
    assert (await api.developer.get(f"{V}/history/v/{version['id']}")).status_code == 404


async def test_clearing_leaves_the_newest(api: Api) -> None:
    await resource(api.developer, 1, 2, 3)
    assert (await api.developer.delete(f"{R}/history/p/u/dev/r")).status_code == 200
    (left,) = await versions(api.developer, R, "u/dev/r")
    assert (await api.developer.get(f"{R}/history/v/{left['id']}")).json()["value"] == 3
    (record,) = await audited(api, "resources.clear_history")
    assert record["parameters"] == {"versions": 2}


async def test_long_histories_come_in_pages(api: Api) -> None:
    await resource(api.developer, 1, 2, 3)
    first = (await api.developer.get(f"{R}/history/p/u/dev/r?per_page=2")).json()
    rest = (await api.developer.get(f"{R}/history/p/u/dev/r?per_page=2&before={first['next_before']}")).json()
    assert [len(first["versions"]), len(rest["versions"])] == [2, 1]
    assert "next_before" not in rest


async def test_a_move_is_told_at_both_paths(api: Api) -> None:
    await resource(api.developer, 1)
    await api.developer.post(f"{R}/update/u/dev/r", json={"path": "u/dev/s"})
    assert [each["operation"] for each in await versions(api.developer, R, "u/dev/r")] == ["delete", "create"]
    assert [each["operation"] for each in await versions(api.developer, R, "u/dev/s")] == ["create"]


async def test_what_changes_nothing_that_is_kept_leaves_no_version(api: Api) -> None:
    await resource(api.developer, 1)
    await api.developer.post("/api/w/main/acls/add/resource/u/dev/r", json={"owner": "g/all"})
    assert len(await versions(api.developer, R, "u/dev/r")) == 1


async def test_pruning_keeps_the_newest_and_what_is_young(api: Api) -> None:
    await resource(api.developer, *range(5))
    assert await prune.remove_versions(api.parts.database, keep=2) == 0
    async with api.parts.database.system() as tx:
        await tx._connection.execute(b"update history set at = at - interval '2 days'")
    assert await prune.remove_versions(api.parts.database, keep=2) == 3
    assert len(await versions(api.developer, R, "u/dev/r")) == 2


@pytest.mark.parametrize(
    "route", ["history/v/x", "history/v/0", f"history/v/{2**63}", "history/diff?from=1", "history/diff"]
)
async def test_bad_ids_are_refused(api: Api, route: str) -> None:
    assert (await api.developer.get(f"{R}/{route}")).status_code == 400
    assert (await api.developer.get(f"{R}/history/p/nowhere")).status_code == 400
