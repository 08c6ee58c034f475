"""Resource types over HTTP: the catalogue everywhere, types of `admins` shared, types of a workspace its own."""

import json

import pytest

from tests.api.conftest import Api, make_workspace
from tidemill.db import resource_types
from tidemill.model.resource_type import catalogue

W = "/api/w/main/resources"
OTHER = "/api/w/other/resources"
SCHEMA = {"type": "object", "properties": {"key": {"type": "string", "password": True}}}


async def test_the_catalogue_is_there_without_rows(api: Api) -> None:
    listed = (await api.operator.get(f"{W}/type/list")).json()
    assert [each["name"] for each in listed] == sorted(catalogue())
    assert (await api.operator.get(f"{W}/type/listnames")).json() == sorted(catalogue())
    found = (await api.operator.get(f"{W}/type/get/postgresql")).json()
    assert (found["workspace_id"], found["origin"], found["category"]) == ("admins", "catalogue", "database")
    assert found["schema"]["properties"]["password"]["password"] is True
    assert (await api.operator.get(f"{W}/type/exists/postgresql")).json() is True
    assert (await api.operator.get(f"{W}/type/exists/nothing")).json() is False
    assert (await api.operator.get(f"{W}/type/get/nothing")).status_code == 404


async def test_a_type_of_ones_own_keeps_its_schema_as_written(api: Api) -> None:
    raw = b'{"name": "c_mine", "schema": {"properties": {"n": {"maximum": 1.10}}, "type":"object"}, "description": "d"}'
    answer = await api.developer.post(f"{W}/type/create", content=raw)
    assert (answer.status_code, answer.text) == (201, "c_mine")
    found = await api.developer.get(f"{W}/type/get/c_mine")
    assert '{"properties": {"n": {"maximum": 1.10}}, "type":"object"}' in found.text
    assert (found.json()["workspace_id"], found.json()["origin"]) == ("main", "workspace")
    assert (await api.outsider.get(f"{OTHER}/type/exists/c_mine")).json() is False


async def test_names_are_not_taken_twice(api: Api) -> None:
    for name in ("postgresql", "c_mine"):
        await api.developer.post(f"{W}/type/create", json={"name": "c_mine"})
        answer = await api.developer.post(f"{W}/type/create", json={"name": name, "schema": SCHEMA})
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "already_exists")


async def test_a_shipped_type_can_be_defined_anew_and_comes_back(api: Api) -> None:
    shipped = (await api.developer.get(f"{W}/type/get/postgresql")).json()
    assert (await api.developer.post(f"{W}/type/update/postgresql", json={"schema": SCHEMA})).status_code == 200
    found = (await api.developer.get(f"{W}/type/get/postgresql")).json()
    assert (found["schema"], found["origin"], found["description"]) == (SCHEMA, "workspace", shipped["description"])
    assert (await api.outsider.get(f"{OTHER}/type/get/postgresql")).json() == shipped
    assert (await api.developer.delete(f"{W}/type/delete/postgresql")).status_code == 200
    assert (await api.developer.get(f"{W}/type/get/postgresql")).json() == shipped
    answer = await api.developer.delete(f"{W}/type/delete/postgresql")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "conflict")


async def test_defining_a_type_anew_does_not_unmask_what_the_shipped_one_protects(api: Api) -> None:
    await api.developer.post(f"{W}/type/update/postgresql", json={"schema": {"type": "object"}})
    places = await resource_types.secret_places(api.parts.database.single, "main", ["postgresql", "any", "nothing"])
    assert places == {"postgresql": ["password", "client_key_pem"]}


async def test_types_of_the_admins_workspace_are_shared(api: Api) -> None:
    await make_workspace(api.parts, "admins", owner="boss")
    create = "/api/w/admins/resources/type/create"
    assert (await api.superadmin.post(create, json={"name": "c_shared", "schema": SCHEMA})).status_code == 201
    for client, base in ((api.developer, W), (api.outsider, OTHER)):
        found = (await client.get(f"{base}/type/get/c_shared")).json()
        assert (found["workspace_id"], found["origin"]) == ("admins", "admins")
    assert (await api.developer.delete(f"{W}/type/delete/c_shared")).status_code == 409
    assert (await api.developer.post(f"{W}/type/create", json={"name": "c_shared"})).status_code == 409


async def test_what_is_not_given_stays_and_null_clears(api: Api) -> None:
    new = {"name": "c_file", "schema": SCHEMA, "format_extension": "nginx", "display_name": "File"}
    await api.developer.post(f"{W}/type/create", json=new)
    forms = (await api.developer.get(f"{W}/file_resource_type_to_file_ext_map")).json()
    assert forms["c_file"] == {"format_extension": "nginx"}
    await api.developer.post(f"{W}/type/update/c_file", json={"description": "d"})
    found = (await api.developer.get(f"{W}/type/get/c_file")).json()
    assert (found["description"], found["display_name"], found["format_extension"]) == ("d", "File", "nginx")
    await api.developer.post(f"{W}/type/update/c_file", json={"display_name": None, "format_extension": None})
    found = (await api.developer.get(f"{W}/type/get/c_file")).json()
    assert "display_name" not in found
    assert "format_extension" not in found


async def test_operators_change_no_types(api: Api) -> None:
    for method, route, body in [
        ("POST", "create", {"name": "c_x"}),
        ("POST", "update/postgresql", {}),
        ("DELETE", "delete/postgresql", None),
    ]:
        assert (await api.operator.request(method, f"{W}/type/{route}", json=body)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"name": "no good"},
        {"name": "a\u0000"},
        {"name": "x" * 60},
        {"name": 1},
        {},
        {"name": "c_x", "schema": []},
        {"name": "c_x", "schema": "{}"},
        {"name": "c_x", "schema": {"type": "thing"}},
        {"name": "c_x", "schema": {"properties": 1}},
        {"name": "c_x", "format_extension": "../x"},
        {"name": "c_x", "is_fileset": "yes"},
        {"name": "c_x", "description": "\u0000"},
    ],
)
async def test_bad_types_are_refused_with_a_sentence(api: Api, body: dict[str, object]) -> None:
    answer = await api.developer.post(f"{W}/type/create", content=json.dumps(body))
    assert answer.status_code == 400
    assert answer.text.endswith(".")
    assert (await api.developer.get(f"{W}/type/exists/c_x")).json() is False


async def test_a_resource_of_a_deleted_type_stays(api: Api) -> None:
    await api.developer.post(f"{W}/type/create", json={"name": "c_mine"})
    await api.developer.post(f"{W}/create", json={"path": "u/dev/r", "resource_type": "c_mine", "value": 1})
    assert (await api.developer.delete(f"{W}/type/delete/c_mine")).status_code == 200
    assert (await api.developer.delete(f"{W}/type/delete/c_mine")).status_code == 404
    assert (await api.developer.get(f"{W}/get_value/u/dev/r")).json() == 1


async def test_a_pasted_url_becomes_a_type_and_a_value(api: Api) -> None:
    answer = await api.operator.post(f"{W}/from_url", json={"url": " postgres://ann:p%40ss@db.example.org/orders "})
    assert answer.json() == {
        "resource_type": "postgresql",
        "value": {"host": "db.example.org", "port": 5432, "user": "ann", "password": "p@ss", "dbname": "orders"},
    }
    for wrong in ("", "gopher://secret@host", "postgres://[", "x" * 20_000):
        answer = await api.developer.post(f"{W}/from_url", json={"url": wrong})
        assert (answer.status_code, "secret" in answer.text) == (400, False), wrong
    assert "postgres" in (await api.developer.post(f"{W}/from_url", json={"url": "gopher://host"})).text
