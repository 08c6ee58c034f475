"""What S3 libraries are set up with."""

from typing import Any

import pytest

from tests.api.conftest import PASSWORD, Api, run_job

W = "/api/w/main"
H = f"{W}/job_helpers"
BUCKET = {
    "bucket": "lake", "region": "eu-west-1", "endPoint": "s3.example.org", "useSSL": True, "pathStyle": False,
    "accessKey": "AK", "secretKey": "it's secret",
}  # fmt: skip


async def make_resource(api: Api, path: str, kind: str = "s3", value: Any = BUCKET) -> None:
    body = {"path": path, "resource_type": kind, "value": value}
    assert (await api.admin.post(f"{W}/resources/create", json=body)).status_code == 201


async def test_workspace_storage_is_reached_by_our_endpoint(api: Api) -> None:
    told = (await api.developer.post(f"{H}/v2/s3_resource_info", json={})).json()
    assert (told["bucket"], told["endPoint"]) == ("_default_", "tidemill.test/api/w/main/s3_proxy")
    assert (told["useSSL"], told["pathStyle"]) == (False, True)
    same = (await api.developer.post(f"{W}/s3_credentials")).json()
    assert (told["accessKey"], told["secretKey"]) == (same["access_key"], same["secret_key"])
    polars = (await api.developer.post(f"{H}/v2/polars_connection_settings", json={})).json()
    assert polars["storage_options"]["aws_endpoint_url"] == "http://tidemill.test/api/w/main/s3_proxy"
    assert polars["storage_options"]["aws_allow_http"] == "true"
    assert polars["s3fs_args"]["key"] == told["accessKey"]
    duckdb = (await api.developer.post(f"{H}/v2/duckdb_connection_settings", json={})).json()
    assert f"SET s3_secret_access_key='{told['secretKey']}';" in duckdb["connection_settings_str"]
    assert duckdb["s3_bucket"] == "_default_"


async def test_job_gets_the_address_by_which_it_came_and_its_own_token(api: Api) -> None:
    token = await run_job(api.parts, "dev", workspace="main")
    client = await api.client(token)
    told = (await client.post(f"{H}/v2/s3_resource_info", json={}, headers={"Host": "localhost:1234"})).json()
    assert told["endPoint"] == "localhost:1234/api/w/main/s3_proxy"
    assert f"{told['accessKey']}.{told['secretKey']}" == token


async def test_named_storage(api: Api) -> None:
    await api.admin.post(f"{W}/storages/create", json={"name": "second"})
    told = (await api.developer.post(f"{H}/v2/s3_resource_info", json={"storage": "second"})).json()
    assert told["bucket"] == "second"
    assert (await api.developer.get(f"{H}/v2/s3_proxy_bucket")).json() == {"bucket": "_default_"}
    assert (await api.developer.get(f"{H}/v2/s3_proxy_bucket", params={"storage": "none"})).status_code == 404


async def test_resource_is_told_to_who_may_read_it(api: Api) -> None:
    await make_resource(api, "u/dev/bucket")
    body = {"s3_resource_path": "$res:u/dev/bucket"}
    assert (await api.developer.post(f"{H}/v2/s3_resource_info", json=body)).json() == BUCKET
    duckdb = (await api.developer.post(f"{H}/v2/duckdb_connection_settings", json=body)).json()
    assert "SET s3_secret_access_key='it''s secret';" in duckdb["connection_settings_str"]
    assert "SET s3_url_style='vhost';" in duckdb["connection_settings_str"]
    polars = (await api.developer.post(f"{H}/v2/polars_connection_settings", json=body)).json()
    assert polars["storage_options"]["aws_endpoint_url"] == "https://s3.example.org"
    for other in (api.operator, await api.person("eve")):
        for name in ("s3_resource_info", "duckdb_connection_settings", "polars_connection_settings"):
            answer = await other.post(f"{H}/v2/{name}", json=body)
            assert (answer.status_code, "secret" in answer.text) == (404, False)


@pytest.mark.parametrize(
    ("end_point", "told", "url"),
    [
        ("http://127.0.0.1:9000", ("127.0.0.1:9000", False), "http://127.0.0.1:9000"),
        ("https://s3.example.org/", ("s3.example.org", True), "https://s3.example.org"),
        ("s3.example.org", ("s3.example.org", False), "http://s3.example.org"),
        ("", ("s3.eu-west-1.amazonaws.com", False), "http://s3.eu-west-1.amazonaws.com"),
    ],
)
async def test_endpoint_is_told_without_its_scheme(api: Api, end_point: str, told: tuple[str, bool], url: str) -> None:
    """`wmill` makes "http" or "https" of useSSL, and puts it before whatever it gets."""
    await make_resource(api, "u/dev/bucket", value={**BUCKET, "endPoint": end_point, "useSSL": False})
    body = {"s3_resource_path": "u/dev/bucket"}
    info = (await api.developer.post(f"{H}/v2/s3_resource_info", json=body)).json()
    assert (info["endPoint"], info["useSSL"]) == told
    polars = (await api.developer.post(f"{H}/v2/polars_connection_settings", json=body)).json()
    assert (polars["s3fs_args"]["endpoint_url"], polars["s3fs_args"]["use_ssl"]) == (url, told[1])


async def test_public_resource_never_tells_its_keys(api: Api) -> None:
    await make_resource(api, "u/ada/bucket")
    storage = {"type": "S3Storage", "s3_resource_path": "$res:u/ada/bucket", "public_resource": True}
    await api.admin.post(f"{W}/workspaces/edit_large_file_storage_config", json={"large_file_storage": storage})
    answer = await api.developer.post(f"{H}/v2/s3_resource_info", json={"s3_resource_path": "u/ada/bucket"})
    assert (answer.status_code, "secret" in answer.text) == (404, False)
    own = await api.developer.post(f"{H}/v2/s3_resource_info", json={})
    assert (own.status_code, "it's secret" in own.text) == (200, False)


async def test_bad_resources_are_named(api: Api) -> None:
    await make_resource(api, "u/dev/azure", "azure_blob", {"accountName": "a", "containerName": "c"})
    await make_resource(api, "u/dev/broken", "s3", {"bucket": 3})
    await make_resource(api, "u/dev/evil", "s3", {**BUCKET, "region": "x';\nDROP"})
    for path, words in {"azure": "azure_blob", "broken": "bucket", "evil": "line break"}.items():
        answer = await api.developer.post(
            f"{H}/v2/duckdb_connection_settings", json={"s3_resource_path": f"u/dev/{path}"}
        )
        assert (answer.status_code, words in answer.text) == (400, True), answer.text


async def test_settings_of_a_value(api: Api) -> None:
    told = (await api.developer.post(f"{H}/polars_connection_settings", json={"s3_resource": BUCKET})).json()
    assert (told["endpoint_url"], told["key"]) == ("https://s3.example.org", "AK")
    told = (await api.developer.post(f"{H}/duckdb_connection_settings", json={"s3_resource": BUCKET})).json()
    assert "s3.example.org" in told["connection_settings_str"]


async def test_browser_session_has_no_s3_credentials(api: Api) -> None:
    account = {"email": "pass@x.org", "password": PASSWORD}
    await api.superadmin.post("/api/users/create", json=account)
    member = {"email": "pass@x.org", "username": "pass", "role": "developer"}
    await api.admin.post(f"{W}/workspaces/add_user", json=member)
    browser = await api.client("")
    assert (await browser.post("/api/auth/login", json=account)).status_code == 200
    answer = await browser.get(f"{H}/v2/s3_proxy_bucket")
    assert answer.status_code == 200
    answer = await browser.post(f"{H}/v2/s3_resource_info", json={})
    assert (answer.status_code, "session" in answer.text) == (403, True)
