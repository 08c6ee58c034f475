"""`ETag`, `If-Match` and `If-None-Match` on variables, resources and states."""

import httpx
import pytest

from tests.api.conftest import Api

W = "/api/w/main"
R = {
    "create": ("resources/create", {"path": "u/dev/x", "value": 1, "resource_type": "state"}),
    "update": ("resources/update/u/dev/x", {"value": 2}),
    "update_value": ("resources/update_value/u/dev/x", {"value": 2}),
    "get": "resources/get_value/u/dev/x",
    "delete": "resources/delete/u/dev/x",
}
V = {
    "create": ("variables/create", {"path": "u/dev/x", "value": "1", "is_secret": True, "description": ""}),
    "update": ("variables/update/u/dev/x", {"value": "2"}),
    "get": "variables/get_value/u/dev/x",
    "delete": "variables/delete/u/dev/x",
}
KINDS = pytest.mark.parametrize("kind", [R, V], ids=["resource", "variable"])


async def send(client: httpx.AsyncClient, request: object, **headers: str) -> httpx.Response:
    assert isinstance(request, tuple)
    route, body = request
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(f"{W}/{route}", json=body, headers=named)


@KINDS
async def test_every_write_and_read_tells_the_version(api: Api, kind: dict[str, object]) -> None:
    created = (await send(api.developer, kind["create"])).headers["etag"]
    assert (await api.developer.get(f"{W}/{kind['get']}")).headers["etag"] == created
    for name in ("update", "update_value"):
        if name in kind:
            updated = (await send(api.developer, kind[name])).headers["etag"]
            assert int(updated.strip('"')) > int(created.strip('"'))
            assert (await api.developer.get(f"{W}/{kind['get']}")).headers["etag"] == updated


@KINDS
@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}", '"0", "{}"', "*"])
async def test_the_version_may_be_written_in_several_forms(api: Api, kind: dict[str, object], form: str) -> None:
    version = (await send(api.developer, kind["create"])).headers["etag"].strip('"')
    assert (await send(api.developer, kind["update"], If_Match=form.format(version))).status_code == 200


@KINDS
@pytest.mark.parametrize("tag", ['"0"', '"99999999999999999999999"', '"abc"', '""'])
async def test_another_version_is_refused_with_the_current_one(api: Api, kind: dict[str, object], tag: str) -> None:
    current = (await send(api.developer, kind["create"])).headers["etag"]
    requests = [kind["update"], *([kind["update_value"]] if "update_value" in kind else [])]
    for request in requests:
        answer = await send(api.developer, request, If_Match=tag)
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "version_mismatch")
        assert answer.headers["etag"] == current
    deleted = await api.developer.delete(f"{W}/{kind['delete']}", headers={"If-Match": tag})
    assert (deleted.status_code, deleted.headers["etag"]) == (409, current)
    assert (await api.developer.get(f"{W}/{kind['get']}")).json() in (1, "1")


@KINDS
async def test_a_stale_version_loses_and_no_header_is_as_before(api: Api, kind: dict[str, object]) -> None:
    first = (await send(api.developer, kind["create"])).headers["etag"]
    assert (await send(api.developer, kind["update"], If_Match=first)).status_code == 200
    assert (await send(api.developer, kind["update"], If_Match=first)).status_code == 409
    assert (await send(api.developer, kind["update"])).status_code == 200


@KINDS
async def test_create_only(api: Api, kind: dict[str, object]) -> None:
    created = await send(api.developer, kind["create"], If_None_Match="*")
    assert created.status_code == 201
    again = await send(api.developer, kind["create"], If_None_Match="*")
    assert (again.status_code, again.headers["x-tidemill-error"]) == (409, "version_mismatch")
    assert again.headers["etag"] == created.headers["etag"]
    assert (await send(api.developer, kind["update"], If_None_Match="*")).status_code == 409


@KINDS
async def test_writing_over_what_is_gone_says_that_there_is_nothing(api: Api, kind: dict[str, object]) -> None:
    for headers in ({"If_Match": '"5"'}, {"If_Match": "*"}):
        answer = await send(api.developer, kind["update"], **headers)
        assert (answer.status_code, answer.headers["etag"]) == (409, '"0"')
        answer = await send(api.developer, kind["create"], **headers)
        assert (answer.status_code, answer.headers["etag"]) == (409, '"0"')
    assert (await api.developer.get(f"{W}/{kind['get']}")).status_code == 404


async def test_what_is_hidden_and_what_is_gone_look_the_same_to_a_conditional_write(api: Api) -> None:
    body = {"path": "u/ada/x", "value": 1, "resource_type": "any"}
    await api.admin.post(f"{W}/resources/create", json=body)
    hidden, missing = [
        await api.developer.post(f"{W}/resources/update_value/{path}", json={"value": 2}, headers={"If-Match": '"1"'})
        for path in ("u/ada/x", "u/ada/y")
    ]
    assert (hidden.status_code, hidden.text.replace("ada/x", "ada/y")) == (missing.status_code, missing.text)
    assert hidden.headers["etag"] == missing.headers["etag"] == '"0"'


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("tags", ["", ",", '"a', "a b", '"1" "2"', ", ".join(['"1"'] * 200)])
async def test_malformed_tags_are_refused(api: Api, header: str, tags: str) -> None:
    await send(api.developer, R["create"])
    answer = await api.developer.post(f"{W}/resources/update_value/u/dev/x", json={"value": 2}, headers={header: tags})
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (400, "bad_request")


@pytest.mark.parametrize("route", ["get", "get_value"])
async def test_a_read_of_what_is_known_already_has_no_body(api: Api, route: str) -> None:
    etag = (await send(api.developer, R["create"])).headers["etag"]
    url = f"{W}/resources/{route}/u/dev/x"
    known = await api.developer.get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert (await api.developer.get(url, headers={"If-None-Match": '"0", "999999"'})).status_code == 200


async def test_a_recreated_item_never_has_an_old_version(api: Api) -> None:
    first = (await send(api.developer, R["create"])).headers["etag"]
    await api.developer.delete(f"{W}/{R['delete']}", headers={"If-Match": first})
    second = (await send(api.developer, R["create"])).headers["etag"]
    assert int(second.strip('"')) > int(first.strip('"'))
    assert (await send(api.developer, R["update"], If_Match=first)).status_code == 409
