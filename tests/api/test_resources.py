"""Resources over HTTP: what was written comes back to the byte, to those who may see it."""

import json

import httpx
import pytest

from tests.api.conftest import Api, audited
from tests.object_servers import ObjectServers
from tidemill.stores.connection_tests import TESTERS

W = "/api/w/main/resources"
JSON = {"content-type": "application/json"}


async def create(
    client: httpx.AsyncClient, path: str = "u/dev/r", value: str = "{}", *, kind: str = "any", query: str = ""
) -> httpx.Response:
    raw = f'{{"path": {json.dumps(path)}, "resource_type": "{kind}", "value": {value}}}'
    return await client.post(f"{W}/create{query}", content=raw.encode(), headers=JSON)


async def made(client: httpx.AsyncClient, path: str = "u/dev/r", value: str = "{}", *, kind: str = "any") -> None:
    answer = await create(client, path, value, kind=kind)
    assert (answer.status_code, answer.text) == (201, path), answer.text


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "true",
        '"text"',
        '""',
        "[]",
        "{}",
        "0",
        "-0",
        "1.10",
        "1e400000",
        "12345678901234567890123456789",
        "0.1000000000000000055511151231257827",
        '{"b": 1, "a": 2}',
        '{"a" : [1,   2],\n"b":{}}',
        '"\\u0000 \\ud83d\\ude00 \\/ 😀"',
        "[" * 500 + "]" * 500,
    ],
)
async def test_a_value_comes_back_byte_for_byte(api: Api, value: str) -> None:
    await made(api.developer, value=value)
    for route in ("get_value", "get_value_interpolated"):
        answer = await api.developer.get(f"{W}/{route}/u/dev/r")
        assert answer.headers["content-type"] == "application/json"
        assert answer.text == value
    assert f'"value":{value}' in (await api.developer.get(f"{W}/get/u/dev/r")).text
    raw = f'{{"value": {value}}}'.encode()
    assert (await api.developer.post(f"{W}/update_value/u/dev/r", content=raw, headers=JSON)).status_code == 200
    assert (await api.developer.post(f"{W}/update/u/dev/r", content=raw, headers=JSON)).status_code == 200
    assert (await api.developer.get(f"{W}/get_value/u/dev/r")).text == value


async def test_a_value_of_some_megabytes_is_kept(api: Api) -> None:
    value = json.dumps(["x" * 1000] * 8000)
    await made(api.developer, value=value)
    assert (await api.developer.get(f"{W}/get_value/u/dev/r")).text == value
    assert (await create(api.developer, "u/dev/s", json.dumps("x" * (17 << 20)))).status_code == 413


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", '{"a":1,"a":2}', '"\\ud800"', "[" * 600 + "]" * 600, "9" * 5000, "", "1 2"]
)
async def test_what_could_not_be_kept_faithfully_is_refused(api: Api, value: str) -> None:
    answer = await create(api.developer, value=value)
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "invalid_json")
    assert (await api.developer.get(f"{W}/exists/u/dev/r")).json() is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "r"},
        {"path": "u/dev/%2e%2e"},
        {"path": "g/all/x"},
        {"path": None},
        {"path": "u/dev/" + "x" * 300},
        {"resource_type": "no type"},
        {"resource_type": ""},
        {"resource_type": "a\u0000"},
        {"resource_type": 1},
        {"description": "\u0000"},
        {"description": 1},
        {"labels": "x"},
    ],
)
async def test_bad_input_is_refused_with_a_sentence(api: Api, wrong: dict[str, object]) -> None:
    body = {"path": "u/dev/r", "resource_type": "any", "value": 1} | wrong
    answer = await api.developer.post(f"{W}/create", json=body)
    assert answer.status_code == 400
    assert answer.text.endswith(".")


@pytest.mark.parametrize("missing", ["path", "value", "resource_type"])
async def test_what_is_missing_is_named(api: Api, missing: str) -> None:
    body = {"path": "u/dev/r", "resource_type": "any", "value": 1}
    del body[missing]
    answer = await api.developer.post(f"{W}/create", json=body)
    assert answer.status_code == 400
    assert missing in answer.text


async def test_update_value_wants_a_value_and_never_creates(api: Api) -> None:
    assert (await api.developer.post(f"{W}/update_value/u/dev/r", json={"value": 1})).status_code == 404
    await made(api.developer)
    assert (await api.developer.post(f"{W}/update_value/u/dev/r", json={})).status_code == 400


async def test_a_type_that_nobody_defined_yet_is_taken(api: Api) -> None:
    await made(api.developer, kind="c_later")
    assert (await api.developer.get(f"{W}/get/u/dev/r")).json()["resource_type"] == "c_later"


async def test_what_may_not_be_seen_looks_as_what_is_not_there(api: Api) -> None:
    await made(api.admin, "u/ada/hidden")
    routes = [("GET", f"{route}/{{}}") for route in ("get", "get_value", "get_value_interpolated", "history/p")]
    routes += [("POST", "update/{}"), ("POST", "update_value/{}"), ("DELETE", "delete/{}"), ("DELETE", "history/p/{}")]
    for method, route in routes:
        hidden = await api.developer.request(method, f"{W}/{route.format('u/ada/hidden')}", json={"value": 1})
        missing = await api.developer.request(method, f"{W}/{route.format('u/ada/missin')}", json={"value": 1})
        assert (hidden.status_code, missing.status_code) == (404, 404), route
        assert hidden.text.replace("hidden", "missin") == missing.text
        assert hidden.headers.get("etag") is None
    assert (await api.developer.get(f"{W}/exists/u/ada/hidden")).json() is False
    assert (await api.developer.get(f"{W}/list")).json() == []
    assert (await api.developer.get(f"{W}/list_search")).json() == []
    assert (await api.developer.get(f"{W}/type/resource_counts")).json() == []
    assert (await create(api.developer, "u/ada/hidden")).status_code == 403
    assert (await create(api.developer, "u/ada/hidden", query="?update_if_exists=true")).status_code == 403


async def test_a_reader_reads_and_does_not_write(api: Api) -> None:
    await made(api.admin, "u/ada/r", "[1]")
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/r", json={"owner": "u/dev", "write": False})
    assert (await api.developer.get(f"{W}/get_value/u/ada/r")).json() == [1]
    for route in ("update", "update_value"):
        assert (await api.developer.post(f"{W}/{route}/u/ada/r", json={"value": 2})).status_code == 403
    assert (await api.developer.delete(f"{W}/delete/u/ada/r")).status_code == 403
    await api.admin.post("/api/w/main/acls/add/resource/u/ada/r", json={"owner": "u/dev", "write": True})
    assert (await api.developer.post(f"{W}/update_value/u/ada/r", json={"value": 2})).status_code == 200


async def test_operators_see_that_it_is_there_and_not_what_it_holds(api: Api) -> None:
    await made(api.developer, "u/dev/r", '{"password": "x"}', kind="postgresql")
    await api.developer.post("/api/w/main/acls/add/resource/u/dev/r", json={"owner": "u/op", "write": True})
    found = (await api.operator.get(f"{W}/get/u/dev/r")).json()
    assert "value" not in found
    for route in ("get_value", "get_value_interpolated"):
        assert (await api.operator.get(f"{W}/{route}/u/dev/r")).status_code == 403
    assert (await api.operator.get(f"{W}/list_search")).json() == []
    assert (await api.operator.post(f"{W}/update_value/u/dev/r", json={"value": 1})).status_code == 403
    (version,) = (await api.operator.get(f"{W}/history/p/u/dev/r")).json()["versions"]
    assert (await api.operator.get(f"{W}/history/v/{version['id']}")).status_code == 403


async def test_create_or_update(api: Api) -> None:
    first = await create(api.developer, value="1", query="?update_if_exists=true")
    second = await create(api.developer, value="2", kind="state", query="?update_if_exists=true")
    assert (first.status_code, second.status_code) == (201, 201)
    assert (await create(api.developer, value="3")).status_code == 409
    found = (await api.developer.get(f"{W}/get/u/dev/r")).json()
    assert (found["value"], found["resource_type"]) == (2, "state")


async def test_a_record_has_what_clients_read(api: Api) -> None:
    await made(api.developer, value='{"a": 1}')
    found = (await api.developer.get(f"{W}/get/u/dev/r")).json()
    assert found["value"] == {"a": 1}
    assert {"path", "resource_type", "is_oauth", "is_linked", "is_refreshed", "is_draft"} <= set(found)
    (listed,) = (await api.developer.get(f"{W}/list")).json()
    assert listed | {"value": {"a": 1}} == found
    assert {"path", "resource_type", "is_oauth", "is_linked", "is_refreshed"} <= set(listed)


async def test_lists_are_narrowed_by_type_and_path(api: Api) -> None:
    for path, kind in [("u/dev/a", "any"), ("u/dev/b", "state"), ("u/dev/b/c", "state"), ("u/dev/d", "postgresql")]:
        await made(api.developer, path, kind=kind)

    async def paths(query: str) -> list[str]:
        return [each["path"].removeprefix("u/dev/") for each in (await api.developer.get(f"{W}/list?{query}")).json()]

    assert await paths("") == ["a", "b", "b/c", "d"]
    assert await paths("resource_type=state") == ["b", "b/c"]
    assert await paths("resource_type=any,postgresql") == ["a", "d"]
    assert await paths("resource_type_exclude=state,cache") == ["a", "d"]
    assert await paths("path_start=u/dev/b") == ["b", "b/c"]
    assert await paths("page=2&per_page=3") == ["d"]
    assert await paths("broad_filter=POSTGRES") == ["d"]
    assert (await api.developer.get(f"{W}/list?value=x")).status_code == 400
    names = (await api.developer.get(f"{W}/list_names/postgresql")).json()
    assert names == [{"name": "u/dev/d", "path": "u/dev/d"}]
    counts = (await api.developer.get(f"{W}/type/resource_counts")).json()
    assert {each["resource_type"]: each["count"] for each in counts} == {"any": 1, "postgresql": 1, "state": 2}


async def test_search_gives_beginnings(api: Api) -> None:
    await made(api.developer, "u/dev/a", '"' + "é" * 5000 + '"')
    await made(api.developer, "u/dev/b", "1.10")
    await made(api.developer, "u/dev/c", "1", kind="state")
    first, second = (await api.developer.get(f"{W}/list_search")).json()
    assert (len(first["value"]), first["truncated"]) == (4000, True)
    assert second == {"path": "u/dev/b", "value": "1.10", "truncated": False}


async def test_a_resource_moves_and_tells_of_it_in_the_audit_log(api: Api) -> None:
    await made(api.developer, value="1.10")
    answer = await api.developer.post(f"{W}/update/u/dev/r", json={"path": "u/dev/s", "description": "moved"})
    assert (answer.status_code, answer.text) == (200, "u/dev/s")
    assert (await api.developer.get(f"{W}/get_value/u/dev/s")).text == "1.10"
    assert (await api.developer.get(f"{W}/exists/u/dev/r")).json() is False
    (record,) = await audited(api, "resources.update")
    assert (record["resource"], record["parameters"]) == ("u/dev/r", {"new_path": "u/dev/s"})
    await made(api.developer)
    assert (await api.developer.post(f"{W}/update/u/dev/r", json={"path": "u/dev/s"})).status_code == 409


async def test_delete_and_bulk_delete(api: Api) -> None:
    for path in ("u/dev/a", "u/dev/b", "u/dev/c"):
        await made(api.developer, path)
    assert (await api.developer.delete(f"{W}/delete/u/dev/a")).text == "u/dev/a"
    assert (await api.developer.delete(f"{W}/delete/u/dev/a")).status_code == 404
    answer = await api.developer.request(
        "DELETE", f"{W}/delete_bulk", json={"paths": ["u/dev/c", "u/dev/a", "u/dev/b"]}
    )
    assert answer.json() == ["u/dev/b", "u/dev/c"]
    for wrong in ({"paths": ["x"]}, {"paths": "u/dev/a"}, {}):
        assert (await api.developer.request("DELETE", f"{W}/delete_bulk", json=wrong)).status_code == 400


async def test_a_workspace_does_not_see_another_ones(api: Api) -> None:
    await made(api.admin, "u/ada/r", "1")
    other = "/api/w/other/resources"
    assert (await api.outsider.get(f"{other}/get_value/u/ada/r")).status_code == 404
    assert (await api.outsider.get(f"{other}/list")).json() == []
    raw = {"path": "u/ada/r", "resource_type": "any", "value": 2}
    assert (await api.outsider.post(f"{other}/create", json=raw)).status_code == 201
    assert (await api.admin.get(f"{W}/get_value/u/ada/r")).json() == 1


async def test_a_type_without_a_tester_is_named(api: Api) -> None:
    await made(api.developer, kind="neo4j")
    for answer in (
        await api.developer.post(f"{W}/test/u/dev/r"),
        await api.developer.post(f"{W}/test_value", json={"resource_type": "neo4j", "value": {}}),
    ):
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (501, "unsupported")
        assert "'neo4j'" in answer.text
    assert "neo4j" not in TESTERS
    assert (await api.developer.post(f"{W}/test/u/dev/missing")).status_code == 404
    assert (await api.operator.post(f"{W}/test/u/dev/r")).status_code == 403


async def test_a_bucket_is_tried_out_before_it_is_kept(api: Api, object_servers: ObjectServers) -> None:
    bucket = object_servers.get("ceph").new_bucket()
    tested = await api.developer.post(f"{W}/test_value", json={"resource_type": "s3", "value": bucket})
    assert tested.json() == {"success": True, "message": "Objects can be listed, written, read and deleted."}
    wrong = {"resource_type": "s3", "value": {**bucket, "secretKey": "a-wrong-secret"}}
    answer = (await api.developer.post(f"{W}/test_value", json=wrong)).json()
    assert answer["success"] is False
    assert "check secretKey" in answer["message"]
    assert "a-wrong-secret" not in answer["message"]
    for endpoint in ("http://169.254.169.254", "http://[fd00:ec2::254]"):
        harmful = {"resource_type": "s3", "value": {**bucket, "endPoint": endpoint}}
        answer = (await api.developer.post(f"{W}/test_value", json=harmful)).json()
        assert answer["success"] is False
        assert "link-local and metadata addresses are closed to resources" in answer["message"]
