"""The catalogue of resource types."""

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from tidemill.model.path import check_name
from tidemill.model.resource_type import catalogue, check_schema, recognise_url, secret_fields, validate_value

META = jsonschema_rs.Draft202012Validator(
    {"$ref": "https://json-schema.org/draft/2020-12/schema"}, validate_formats=False
)
GOOGLE = (
    "type project_id private_key_id private_key client_email client_id auth_uri token_uri "
    "auth_provider_x509_cert_url client_x509_cert_url"
)

# Fields of the storage types as Windmill's users know them, and behind them those of ours: `*` is required, `=` gives
# the default.
STORAGE = {
    "postgresql": "host* port=5432 user=postgres password dbname* sslmode=prefer root_certificate_pem "
    "client_certificate_pem client_key_pem options",
    "mysql": "host=localhost port=3306 user* password* database* ssl=True root_certificate_pem verify_certificate=True",
    "ms_sql_server": "host* port=1433 user password dbname* instance_name aad_token trust_cert=False ca_cert "
    "encrypt=True integrated_auth=False",
    "bigquery": GOOGLE.replace("project_id", "project_id*") + " location dataset maximum_bytes_billed endPoint",
    "snowflake": "account_identifier* username* public_key* private_key* database* warehouse schema role "
    "private_key_passphrase endPoint",
    "snowflake_oauth": "account_identifier* token* username database* warehouse schema role endPoint",
    "oracledb": "database* user* password* root_certificate_pem",
    "clickhouse": "host* username=default password database root_certificate_pem",
    "mongodb": "db* tls=True servers* credential srv=False root_certificate_pem client_certificate_pem client_key_pem "
    "tls_verify=True directConnection=False",
    "mongodb_rest": "endpoint* api_key*",
    "redis": "db=0 tls=True servers* credential root_certificate_pem client_certificate_pem client_key_pem "
    "tls_verify=True",
    "upstash": "db=0 tls=True servers credential url token root_certificate_pem tls_verify=True",
    "supabase": "url* key*",
    "s3": "bucket* region*=us-east-1 useSSL*=True endPoint*= accessKey secretKey pathStyle*=False token port "
    "prefix caCertificate",
    "azure_blob": "accountName* containerName* useSSL*=True endPoint accessKey tenantId clientId federatedTokenFile "
    "clientSecret sasToken prefix caCertificate",
    "gcloud_storage": "bucket* serviceAccountKey* endPoint= useSSL=True prefix caCertificate",
    "s3_aws_oidc": "bucket* region*=us-east-1 roleArn* endPoint= stsEndPoint= useSSL=True port pathStyle=False prefix "
    "caCertificate",
    "azure_workload_identity": "accountName* containerName* useSSL*=True endPoint tenantId clientId federatedTokenFile "
    "prefix caCertificate",
    "gcp_service_account": GOOGLE.replace("project_id", "project_id*")
    .replace("private_key ", "private_key* ")
    .replace("client_email", "client_email*"),
    "s3_object": "s3* storage filename presigned",
}
# Fields whose name looks like a secret's and that are none.
PUBLIC = {
    "public_key", "private_key_id", "token_uri", "api_key_header", "accessKey", "awsAccessKeyId", "federatedTokenFile",
    "host_key", "consumerKey", "gpg_key", "key", "serviceTokenId",
}  # fmt: skip


def fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema.get("properties", {}))


@pytest.mark.parametrize("name", catalogue())
def test_type_is_well_formed(name: str) -> None:
    found = catalogue()[name]
    schema = dict(found.schema)
    check_name("resource type", name)
    check_schema(schema)
    META.validate(schema)
    assert found.display_name
    assert found.description.endswith(".")
    known = fields(schema)
    assert schema.get("order", []) == list(known)
    assert set(schema.get("required", [])) <= set(known)
    assert all(field["description"] for field in known.values())


@pytest.mark.parametrize("name", catalogue())
def test_file_holds_the_type_that_it_is_named_after(name: str) -> None:
    folder = importlib.resources.files("tidemill.model") / "catalogue" / "resource_types"
    raw = json.loads((folder / f"{name}.json").read_text())
    assert raw["name"] == name
    assert set(raw) - {"format_extension", "is_fileset"} == {
        "name", "display_name", "description", "category", "url_schemes", "schema",
    }  # fmt: skip


@pytest.mark.parametrize("name", catalogue())
def test_defaults_fit_their_own_fields(name: str) -> None:
    for field in fields(catalogue()[name].schema).values():
        if "default" in field:
            assert validate_value(field, field["default"]) == []


@pytest.mark.parametrize(("name", "wanted"), STORAGE.items())
def test_storage_type_has_exactly_the_fields_that_users_know(name: str, wanted: str) -> None:
    schema: Mapping[str, Any] = catalogue()[name].schema
    required = schema["required"]

    def told(key: str, field: Mapping[str, Any]) -> str:
        return key + "*" * (key in required) + (f"={field['default']}" if _shows_default(field, name) else "")

    assert " ".join(told(key, field) for key, field in fields(schema).items()) == wanted


def _shows_default(field: Mapping[str, Any], name: str) -> bool:
    return "default" in field and name not in {"bigquery", "gcp_service_account"}


@pytest.mark.parametrize(
    ("name", "place", "inner"),
    [
        ("mongodb", "servers", {"host": None, "port": 27017}),
        ("mongodb", "credential", {"username": None, "password": None, "db": None, "mechanism": "SCRAM-SHA-1"}),
        ("redis", "servers", {"host": None, "port": 6379}),
        ("redis", "credential", {"username": None, "password": None}),
        ("ms_sql_server", "aad_token", {"token": None}),
    ],
)
def test_nested_fields_are_the_known_ones(name: str, place: str, inner: dict[str, object]) -> None:
    field = fields(catalogue()[name].schema)[place]
    assert {key: one.get("default") for key, one in fields(field.get("items", field)).items()} == inner


@pytest.mark.parametrize("name", catalogue())
def test_secrets_are_marked(name: str) -> None:
    marked = {place.rpartition(".")[2] for place in secret_fields(catalogue()[name].schema)}
    words = (
        "password",
        "secret",
        "token",
        "private_key",
        "privatekey",
        "apikey",
        "api_key",
        "passphrase",
        "seed",
        "jwt",
    )

    def walk(schema: Any) -> None:
        if isinstance(schema, dict) and not schema.get("password"):
            for key, field in fields(schema).items():
                looks = any(word in key.lower() for word in words) and field.get("type") == "string"
                assert not looks or key in PUBLIC or key in marked or field.get("format") == "uri", key
                walk(field)
            walk(schema.get("items"))
            for form in schema.get("oneOf", []):
                walk(form)

    walk(dict(catalogue()[name].schema))


def test_secret_fields_are_told_by_their_place() -> None:
    assert secret_fields(catalogue()["mongodb"].schema) == ["credential.password", "client_key_pem"]
    assert secret_fields(catalogue()["kafka"].schema) == ["security.password", "security.key", "security.key_password"]
    assert secret_fields({"properties": {"k": {"items": {"properties": {"v": {"password": True}}}}}}) == ["k[].v"]


def test_file_types_are_one_text() -> None:
    files = {name: found for name, found in catalogue().items() if found.format_extension}
    assert {"ansible_inventory", "kubernetes"} <= set(files)
    for found in files.values():
        assert list(fields(found.schema)) == ["content"]


def test_any_value_may_be_a_state() -> None:
    assert validate_value(catalogue()["state"].schema, [1, None]) == []


def test_each_scheme_of_the_catalogue_is_recognised_as_its_type() -> None:
    for found in catalogue().values():
        for scheme in found.url_schemes:
            recognised = recognise_url(f"{scheme}://name:word@host.example/7")
            assert recognised is not None, scheme
            assert recognised[0] == found.name
