"""Variables and secrets over HTTP."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.api.conftest import Api, audited
from tidemill.db import prune

W = "/api/w/main/variables"


def body(path: str = "u/dev/v", value: str = "hello", *, secret: bool = False) -> dict[str, object]:
    return {"path": path, "value": value, "is_secret": secret, "description": ""}


async def make(client: httpx.AsyncClient, path: str = "u/dev/v", value: str = "hello", *, secret: bool = False) -> None:
    answer = await client.post(f"{W}/create", json=body(path, value, secret=secret))
    assert (answer.status_code, answer.text) == (201, path)


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("value", ["hello\n", "", "ünïcode 😀", '"quoted"', "a" * 100_000, "\u0001\t"])
async def test_a_value_comes_back_as_it_was_written(api: Api, value: str, secret: bool) -> None:
    await make(api.developer, value=value, secret=secret)
    answer = await api.developer.get(f"{W}/get_value/u/dev/v")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == value
    assert (await api.developer.get(f"{W}/get/u/dev/v")).json()["value"] == value


async def test_a_missing_variable_is_404_and_an_existing_unreadable_one_is_not(api: Api) -> None:
    assert (await api.developer.get(f"{W}/get/u/dev/v")).status_code == 404
    assert (await api.developer.get(f"{W}/exists/u/dev/v")).json() is False
    await make(api.admin, "u/dev/v", "s", secret=True)
    assert (await api.admin.post("/api/w/main/acls/add/variable/u/dev/v", json={"owner": "u/op"})).status_code == 200
    answer = await api.operator.get(f"{W}/get/u/dev/v")
    assert answer.status_code == 200
    assert "value" not in answer.json()
    assert (await api.operator.get(f"{W}/get_value/u/dev/v")).status_code == 403
    assert (await api.operator.get(f"{W}/get/u/dev/v?decrypt_secret=true")).status_code == 403


async def test_what_may_not_be_seen_looks_as_what_is_not_there(api: Api) -> None:
    await make(api.admin, "u/ada/hidden")
    for method, route in [("GET", "get"), ("GET", "get_value"), ("POST", "update"), ("DELETE", "delete")]:
        hidden = await api.developer.request(method, f"{W}/{route}/u/ada/hidden", json={})
        missing = await api.developer.request(method, f"{W}/{route}/u/ada/missin", json={})
        assert hidden.status_code == 404
        assert hidden.text.replace("hidden", "missin") == missing.text
    assert (await api.developer.get(f"{W}/exists/u/ada/hidden")).json() is False
    assert (await api.developer.get(f"{W}/list")).json() == []
    assert (await api.outsider.get("/api/w/main/variables/list")).status_code == 404


async def test_a_secret_is_hidden_in_lists_and_each_read_is_audited(api: Api) -> None:
    await make(api.developer, "u/dev/a", "s3cret", secret=True)
    await make(api.developer, "u/dev/b", "open")
    listed = (await api.developer.get(f"{W}/list")).json()
    assert [(each["path"], each.get("value")) for each in listed] == [("u/dev/a", None), ("u/dev/b", "open")]
    assert (await api.developer.get(f"{W}/list", params={"value": "s3c"})).json() == []
    await api.developer.get(f"{W}/get/u/dev/a?decrypt_secret=false")
    assert await audited(api, "variables.decrypt_secret") == []
    await api.developer.get(f"{W}/get_value/u/dev/a")
    (record,) = await audited(api, "variables.decrypt_secret")
    assert (record["resource"], record["username"], record["action_kind"]) == ("u/dev/a", "dev", "Execute")


async def test_an_operator_does_not_find_variables_by_their_values(api: Api) -> None:
    await make(api.developer, "u/dev/v", "open")
    await api.developer.post("/api/w/main/acls/add/variable/u/dev/v", json={"owner": "u/op"})
    (listed,) = (await api.operator.get(f"{W}/list")).json()
    assert "value" not in listed
    assert (await api.operator.get(f"{W}/list", params={"value": "op"})).json() == []


async def test_update_keeps_what_is_not_given(api: Api) -> None:
    await make(api.developer, "u/dev/v", "one", secret=True)
    await api.developer.post(f"{W}/update/u/dev/v", json={"description": "d"})
    await api.developer.post(f"{W}/update/u/dev/v", json={"value": "two"})
    found = (await api.developer.get(f"{W}/get/u/dev/v")).json()
    assert (found["is_secret"], found["value"], found["description"]) == (True, "two", "d")


async def test_update_never_creates(api: Api) -> None:
    assert (await api.developer.post(f"{W}/update/u/dev/v", json={"value": "x"})).status_code == 404
    assert (await api.developer.get(f"{W}/exists/u/dev/v")).json() is False


async def test_create_on_a_taken_path_fails_and_changes_nothing(api: Api) -> None:
    await make(api.developer, value="one")
    answer = await api.developer.post(f"{W}/create", json=body(value="two"))
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "already_exists")
    assert (await api.developer.get(f"{W}/get_value/u/dev/v")).json() == "one"


async def test_a_secret_becomes_readable_only_with_a_new_value(api: Api) -> None:
    await make(api.developer, value="old", secret=True)
    assert (await api.developer.post(f"{W}/update/u/dev/v", json={"is_secret": False})).status_code == 400
    await api.developer.post(f"{W}/update/u/dev/v", json={"is_secret": False, "value": "new"})
    assert (await api.developer.get(f"{W}/list")).json()[0]["value"] == "new"
    await api.developer.post(f"{W}/update/u/dev/v", json={"is_secret": True})
    assert (await api.developer.get(f"{W}/get_value/u/dev/v")).json() == "new"


@pytest.mark.parametrize("secret", [False, True])
async def test_a_variable_moves_with_its_value_shares_and_version(api: Api, secret: bool) -> None:
    await make(api.developer, "u/dev/v", "x", secret=secret)
    await api.developer.post("/api/w/main/acls/add/variable/u/dev/v", json={"owner": "g/all", "write": False})
    answer = await api.developer.post(f"{W}/update/u/dev/v", json={"path": "u/dev/w"})
    assert (answer.status_code, answer.text) == (200, "u/dev/w")
    assert (await api.developer.get(f"{W}/exists/u/dev/v")).json() is False
    assert (await api.developer.get(f"{W}/get_value/u/dev/w")).json() == "x"
    assert (await api.developer.get(f"{W}/get/u/dev/w")).json()["extra_perms"] == {"g/all": False}
    await make(api.developer, "u/dev/v", "y")
    assert (await api.developer.post(f"{W}/update/u/dev/v", json={"path": "u/dev/w"})).status_code == 409
    assert (await api.developer.post(f"{W}/update/u/dev/v", json={"path": "u/ada/w"})).status_code == 403


async def test_an_export_can_be_imported_and_is_audited(api: Api) -> None:
    await make(api.developer, "u/dev/v", "s3cret", secret=True)
    exported = (await api.developer.get(f"{W}/get/u/dev/v?decrypt_secret=false&include_encrypted=true")).json()
    assert "s3cret" not in exported["value"]
    assert len(await audited(api, "variables.decrypt_secret")) == 1
    copy = body("u/dev/w", exported["value"], secret=True)
    assert (await api.developer.post(f"{W}/create?already_encrypted=true", json=copy)).status_code == 201
    assert (await api.developer.get(f"{W}/get_value/u/dev/w")).json() == "s3cret"
    encrypted = (await api.developer.post(f"{W}/encrypt", json="other")).text
    change = {"value": encrypted}
    await api.developer.post(f"{W}/update/u/dev/w?already_encrypted=true", json=change)
    assert (await api.developer.get(f"{W}/get_value/u/dev/w")).json() == "other"


async def test_already_encrypted_says_nothing_about_what_is_no_secret(api: Api) -> None:
    await api.developer.post(f"{W}/create?already_encrypted=true", json=body(value="plain"))
    assert (await api.developer.get(f"{W}/get_value/u/dev/v")).json() == "plain"


@pytest.mark.parametrize("value", ["no base64!", "YWJj", "A" * 64])
async def test_what_is_no_export_is_refused(api: Api, value: str) -> None:
    answer = await api.developer.post(f"{W}/create?already_encrypted=true", json=body(value=value, secret=True))
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "bad_request")
    assert (await api.developer.get(f"{W}/exists/u/dev/v")).json() is False


async def test_an_export_of_another_workspace_is_refused_with_what_to_do(api: Api) -> None:
    foreign = (await api.outsider.post("/api/w/other/variables/encrypt", json="s3cret")).text
    answer = await api.developer.post(f"{W}/create?already_encrypted=true", json=body(value=foreign, secret=True))
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "bad_request")
    assert "another workspace" in answer.text
    assert "in the clear" in answer.text


async def test_lists_come_in_pages_and_can_be_narrowed(api: Api) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await make(api.developer, f"u/dev/{name}", name)
        await make(api.admin, f"u/ada/{name}", name)

    async def paths(client: httpx.AsyncClient, **params: object) -> list[str]:
        answer = await client.get(f"{W}/list", params=params)  # type: ignore[arg-type]
        return [each["path"][-1] for each in answer.json()]

    assert await paths(api.developer, page=1, per_page=2) == ["a", "b"]
    assert await paths(api.developer, page=0, per_page=2) == ["a", "b"]
    assert await paths(api.developer, page=3, per_page=2) == ["e"]
    assert await paths(api.developer, page=4, per_page=2) == []
    assert await paths(api.developer, path_start="u/dev/b") == ["b"]
    assert await paths(api.developer, path="u/dev/c") == ["c"]
    assert await paths(api.developer, broad_filter="DEV/D") == ["d"]
    assert len(await paths(api.admin)) == 10
    scoped = await api.client(await api.token("ada@x.org", scopes=["variables:read:u/dev/*"]))
    assert await paths(scoped, page=2, per_page=3) == ["d", "e"]
    cli = await api.client(await api.token("ada@x.org"), **{"X-Windmill-Client": "cli"})
    assert [await paths(cli, page=page, per_page=10) for page in (0, 1)] == [[*"abcdeabcde"], []]


async def test_a_variable_past_its_time_is_gone(api: Api) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    await api.developer.post(f"{W}/create", json=body() | {"expires_at": past})
    assert (await api.developer.get(f"{W}/get/u/dev/v")).status_code == 404
    assert (await api.developer.get(f"{W}/list")).json() == []
    await make(api.developer, "u/dev/v", "again")
    await api.developer.post(f"{W}/create", json=body("u/dev/w") | {"expires_at": past})
    await prune.remove_leftovers(api.parts.database)
    assert (await api.developer.get(f"{W}/history/p/u/dev/w")).json()["versions"][0]["operation"] == "delete"


async def test_bulk_delete_takes_all_or_nothing_and_is_silent_on_what_is_hidden(api: Api) -> None:
    for path in ("u/dev/a", "u/dev/b"):
        await make(api.developer, path)
    await make(api.admin, "u/ada/shared")
    await make(api.admin, "u/ada/hidden")
    await api.admin.post("/api/w/main/acls/add/variable/u/ada/shared", json={"owner": "u/dev", "write": False})
    refused = await bulk(api.developer, ["u/dev/a", "u/ada/shared"])
    assert refused.status_code == 403
    assert (await api.developer.get(f"{W}/exists/u/dev/a")).json() is True
    done = await bulk(api.developer, ["u/dev/b", "u/dev/a", "u/dev/a", "u/ada/hidden", "u/dev/missing"])
    assert done.json() == ["u/dev/a", "u/dev/b"]
    assert (await api.admin.get(f"{W}/exists/u/ada/hidden")).json() is True


async def bulk(client: httpx.AsyncClient, paths: list[str]) -> httpx.Response:
    return await client.request("DELETE", f"{W}/delete_bulk", json={"paths": paths})


async def test_delete_says_the_path_and_a_new_one_may_follow(api: Api) -> None:
    await make(api.developer)
    assert (await api.developer.delete(f"{W}/delete/u/dev/v")).text == "u/dev/v"
    await make(api.developer)


async def test_labels_come_back_and_find(api: Api) -> None:
    await api.developer.post(f"{W}/create", json=body() | {"labels": ["x", "y", "x"]})
    assert (await api.developer.get(f"{W}/list?label=y")).json()[0]["labels"] == ["x", "y"]
    assert (await api.developer.get(f"{W}/list?label=z")).json() == []
    assert (await api.developer.post(f"{W}/update/u/dev/v", json={"labels": [""]})).status_code == 400


async def test_contextual_variables_are_those_of_a_job_and_all_explained(api: Api) -> None:
    found = (await api.developer.get(f"{W}/list_contextual")).json()
    values = {each["name"]: each["value"] for each in found}
    assert values["WM_WORKSPACE"] == "main"
    assert values["WM_USERNAME"] == "dev"
    assert all(each["description"] and each["is_custom"] is False for each in found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "nowhere"},
        {"path": "u/dev/../x"},
        {"path": "u/dev/\u0000"},
        {"path": 7},
        {"value": None},
        {"value": 7},
        {"value": "a\u0000b"},
        {"is_secret": "yes"},
        {"description": "\u0000"},
        {"labels": ["l"] * 3 + [7]},
        {"expires_at": "soon"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-05:00"},
        {"expires_at": "0001-01-01T00:00:00+05:00"},
    ],
)
async def test_bad_input_is_refused_with_a_sentence(api: Api, wrong: dict[str, object]) -> None:
    answer = await api.developer.post(f"{W}/create", json=body() | wrong)
    assert answer.status_code == 400
    assert answer.text.endswith(".")
    assert (await api.developer.get(f"{W}/list")).json() == []


@pytest.mark.parametrize("route", ["list?path_start=%00", "list?per_page=0", "list?per_page=9999999", "list?page=-1"])
async def test_bad_lists_are_refused(api: Api, route: str) -> None:
    assert (await api.developer.get(f"{W}/{route}")).status_code == 400


async def test_the_value_of_a_secret_is_nowhere_in_the_database(api: Api) -> None:
    await make(api.developer, "u/dev/v", "n33dle-in-hay", secret=True)
    await api.developer.post(f"{W}/update/u/dev/v", json={"path": "u/dev/w", "description": "moved"})
    await api.developer.get(f"{W}/get_value/u/dev/w")
    for table in ("variable", "history", "audit", "storage_access"):
        async with api.parts.database.system() as tx:
            rows = await tx._connection.execute(f"select row_to_json(t)::text from {table} t".encode())
            text = json.dumps(
                [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in await rows.fetchall()]
            )
        assert len(text) > 2
        assert "n33dle" not in text
        assert b"n33dle".hex() not in text
