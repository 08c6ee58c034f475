"""The signature of SQL scripts: the database, the JSON schema of each type, and how names are chosen."""

import pytest

from tidemill.languages import QUERY_LANGUAGES, load_language

RESOURCES = {
    "postgresql": "postgresql", "mysql": "mysql", "mssql": "ms_sql_server", "oracledb": "oracledb",
    "snowflake": "snowflake", "bigquery": "bigquery", "clickhouse": "clickhouse",
}  # fmt: skip
TYPES = {
    "postgresql": {
        "int2": "integer", "bigserial": "integer", "real": "number", "numeric(10,2)": "number", "bool": "boolean",
        "jsonb": "object", "date": "date", "time with time zone": "time", "timestamptz": "date-time", "bytea": "base64",
        "character varying(20)": "string", "text[]": "array", "mood": "string", "s3object": "resource-s3_object",
        "smallint": "integer", "serial": "integer", "bigint": "integer", "double precision": "number", "json": "object",
        "timestamp without time zone": "date-time", "timestamp(3) with time zone": "date-time", "time(3)": "time",
        "char(3)": "string", "uuid": "string", "interval": "string", "timestamptz[]": "array",
    },
    "mysql": {
        "int unsigned": "integer", "decimal(5,2)": "number", "bit": "boolean", "datetime(6)": "date-time",
        "blob": "base64", "json": "object", "bigint": "integer", "uint": "integer", "integer": "integer",
        "bool": "boolean", "bit(1)": "boolean", "real": "number", "dec(5,2)": "number", "fixed": "number",
        "float": "number", "double": "number", "date": "date", "time(3)": "time", "timestamp": "date-time",
        "varchar(20)": "string", "enum": "string", "s3object": "resource-s3_object",
    },
    "mssql": {
        "bit": "boolean", "money": "number", "datetime2(7)": "date-time", "varbinary(max)": "base64",
        "nvarchar(20)": "string", "bigint": "integer", "real": "number", "date": "date", "time": "time",
        "datetimeoffset": "date-time", "uniqueidentifier": "string", "s3object": "resource-s3_object",
    },
    "oracledb": {"number(10)": "number", "date": "date-time", "blob": "base64", "varchar2(9)": "string"},
    "snowflake": {
        "number": "number", "timestamp_ntz": "date-time", "variant": "any", "array": "array", "binary": "base64",
        "bigint": "integer", "boolean": "boolean", "date": "date", "varchar(9)": "string", "object": "object",
        "s3object": "resource-s3_object",
    },
    "bigquery": {
        "int64": "integer", "float64": "number", "int64[]": "array", "array<string>": "array", "bytes": "base64",
        "json": "object", "bool": "boolean", "date": "date", "timestamp": "date-time", "numeric": "number",
        "date[]": "array", "string": "string", "s3object": "resource-s3_object",
    },
    "clickhouse": {
        "UInt64": "integer", "Nullable(Float64)": "number", "Array(String)": "array", "DateTime64(3)": "date-time",
    },
}  # fmt: skip
PLACES = {"postgresql": "$1 a", "mssql": "@P1 a", "snowflake": "? a", "bigquery": "@a"}


@pytest.mark.parametrize("language", sorted(RESOURCES))
def test_each_type_has_its_schema(language: str) -> None:
    for name, wanted in TYPES[language].items():
        declared = f"{{a:{name}}}" if language == "clickhouse" else f"{PLACES.get(language, ':a')} ({name})"
        signature = load_language(language).signature(f"-- {declared}\nselect 1")
        database, argument = signature.parameters
        assert database.schema()["format"] == f"resource-{RESOURCES[language]}"
        assert database.is_required
        schema = argument.value_schema
        found = schema.get("format") or ("base64" if "contentEncoding" in schema else schema.get("type", "any"))
        assert (argument.name, found) == ("a", wanted), name


def test_a_script_that_names_its_database_asks_for_none() -> None:
    signature = load_language("postgresql").signature("-- database f/data/main\n-- $1 day (date) = null\nselect $1")
    (argument,) = signature.parameters
    assert (argument.name, argument.has_default, argument.default) == ("day", True, None)
    assert signature.schema()["required"] == []


def test_names_that_are_put_in_are_choices() -> None:
    signature = load_language("mysql").signature("-- %%table%% users/orders\n-- :A (int) = 1\nselect :A from %%table%%")
    assert [each.name for each in signature.parameters] == ["database", "A", "table"]
    assert signature.parameters[2].value_schema == {"type": "string", "enum": ["users", "orders"]}


def test_query_languages_need_nothing_and_have_an_extension() -> None:
    extensions = {load_language(name).file_extension for name in QUERY_LANGUAGES}
    assert len(extensions) == len(QUERY_LANGUAGES)
