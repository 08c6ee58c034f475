"""What the worker makes of a DuckDB script before it starts: arguments, paths, attached databases, refusals."""

import json
from typing import Any

import pytest

from tidemill.languages.duckdb import DuckDb
from tidemill.languages.port import Launch
from tidemill.model.errors import BadRequest, InvalidScript, TidemillError, Unsupported

POSTGRES = {"host": "db", "user": "ada", "password": "it's \\ secret", "dbname": "shop"}
MYSQL = {"host": "db", "port": 3307, "user": "ada", "password": "pw", "database": "shop"}


def launch(content: str, args: dict[str, Any] | None = None, **resources: dict[str, Any]) -> Launch:
    language = DuckDb()
    return language.launch(
        content,
        path="",
        signature=language.signature(content),
        args=json.dumps(args or {}).encode(),
        modules={},
        environment=None,
        resources={f"f/data/{name}": json.dumps(value).encode() for name, value in resources.items()},
        contextual={"WM_WORKSPACE": "main"},
    )


def plan(content: str, args: dict[str, Any] | None = None, **resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(launch(content, args, **resources).files["args.json"])["plan"]
    return found


def only(content: str, args: dict[str, Any] | None = None, **resources: dict[str, Any]) -> str:
    (statement,) = plan(content, args, **resources)["statements"]
    text: str = statement["text"]
    return text


def test_statements_keep_their_lines_and_arguments_their_digits() -> None:
    content = (
        "-- $n (bigint)\n-- $d (decimal(10,2)) = 1.50\n-- $t (text) = it's\n\nselect $n;\n\nselect ';', $d -- $x\n, $t;"
    )
    found = plan(content, {"n": 9223372036854775807, "unknown": 1})
    assert found["statements"] == [
        {"text": "select $n", "line": 5},
        {"text": "select ';', $d -- $x\n, $t", "line": 7},
    ]
    assert found["arguments"] == {
        "n": {"type": "bigint", "json": "9223372036854775807"},
        "d": {"type": "decimal(10,2)", "json": "1.50"},
        "t": {"type": "text", "json": '"it\'s"'},
    }


def test_names_are_put_in_before_anything_is_looked_for() -> None:
    content = "-- %%which%% shop/stock\nattach '$res:f/data/%%which%%' as a (type postgres); from '%%WM_WORKSPACE%%'"
    args = json.dumps({"which": "shop"}).encode()
    assert DuckDb().resources(content, args=args, contextual={"WM_WORKSPACE": "main"}) == {"f/data/shop"}
    with pytest.raises(BadRequest, match="which"):
        launch(content, {"which": "x'; drop"})


@pytest.mark.parametrize(
    ("content", "changed"),
    [
        ("from 's3:///a.parquet'", "from 's3://_default_/a.parquet'"),
        ("select 1 from t join 's3:///a' using (x)", "select 1 from t join 's3://_default_/a' using (x)"),
        ("copy t to 's3:///a'", "copy t to 's3://_default_/a'"),
        ("copy t from 's3:///a'", "copy t from 's3://_default_/a'"),
        ("attach 's3:///a.db' as a", "attach 's3://_default_/a.db' as a"),
        ("from read_parquet('s3:///a')", "from read_parquet('s3://_default_/a')"),
        ("from read_csv(['s3:///a', 's3:///b'])", "from read_csv(['s3://_default_/a', 's3://_default_/b'])"),
        ("from glob($$s3:///**$$)", "from glob($$s3://_default_/**$$)"),
        ("from 's3://lake/a'", "from 's3://lake/a'"),
        ("select 's3:///a'", "select 's3:///a'"),
        ("select * from t where x = 's3:///a'", "select * from t where x = 's3:///a'"),
        ("from read_csv('a', delim := 's3:///a')", "from read_csv('a', delim := 's3:///a')"),
        ("select trim(both from 's3:///a')", "select trim(both from 's3:///a')"),
        ("select /* from */ 's3:///a' -- from 's3:///b'", "select /* from */ 's3:///a'"),
    ],
)
def test_short_form_of_the_default_storage_is_known_where_a_path_stands(content: str, changed: str) -> None:
    assert only(content) == changed


def test_pointers_become_addresses_and_are_quoted_where_duckdb_binds_nothing() -> None:
    declared = "-- $file (s3object)\n-- $more (s3object[]) = []\n"
    pointer = {"s3": "it's.parquet"}
    assert only(declared + "from $file", {"file": pointer}) == "from 's3://_default_/it''s.parquet'"
    bound = plan(declared + "from read_parquet($file)", {"file": {"s3": "a", "storage": "lake"}, "more": [pointer]})
    assert bound["statements"][0]["text"] == "from read_parquet($file)"
    assert bound["arguments"]["file"] == {"type": "varchar", "json": '"s3://lake/a"'}
    assert bound["arguments"]["more"] == {"type": "varchar[]", "json": '["s3://_default_/it\'s.parquet"]'}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("return_last_result", ("last_statement_all_rows", False)),
        ("result_collection=legacy", ("legacy", False)),
        ("result_collection=all_statements_first_row_scalar", ("all_statements_first_row_scalar", False)),
        ("transaction", ("last_statement_all_rows", True)),
        ("a remark", ("last_statement_all_rows", False)),
    ],
)
def test_lines_before_the_script_say_what_is_collected(line: str, wanted: tuple[str, bool]) -> None:
    found = plan(f"-- {line}\nselect 1; select 2")
    assert (found["collection"], found["is_transaction"]) == wanted


@pytest.mark.parametrize(
    ("declared", "args", "wanted"),
    [
        ("(integer) = null", {}, "null"),
        ("(integer) = NULL", {"a": 5}, "5"),
        ("(date) = 2024-02-29", {}, '"2024-02-29"'),
        ("(integer[]) = [1, null]", {}, "[1, null]"),
        ("(text) = 'it''s'", {}, '"it\'s"'),
        ("(text) = 5", {"a": None}, "null"),
        ("", {"a": "x"}, '"x"'),
    ],
)
def test_a_default_stands_in_for_what_is_not_given(declared: str, args: dict[str, Any], wanted: str) -> None:
    assert plan(f"-- $a {declared}\nselect $a", args)["arguments"]["a"]["json"] == wanted


@pytest.mark.parametrize("declared", ["", "(integer)"])
def test_an_argument_without_a_default_that_is_not_given_is_named(declared: str) -> None:
    with pytest.raises(BadRequest, match="The argument a is missing"):
        launch(f"-- $a {declared}\nselect $a")


def test_a_way_to_collect_that_is_not_known_is_named() -> None:
    with pytest.raises(InvalidScript, match="There is no result_collection 'some'"):
        launch("-- result_collection=some\nselect 1")


def test_each_type_has_its_schema() -> None:
    wanted: dict[str, Any] = {
        "integer": "integer", "hugeint": "integer", "double": "number", "decimal(10,2)": "number", "bool": "boolean",
        "date": "date", "timestamptz": "date-time", "timestamp_ns": "date-time", "blob": "base64", "json": "object",
        "date[]": "array", "varchar": "string", "interval": "string", "s3object": "resource-s3_object",
    }  # fmt: skip
    for name, form in wanted.items():
        (argument,) = DuckDb().signature(f"-- $a ({name})\nselect $a").parameters
        schema = argument.value_schema
        found = schema.get("format") or ("base64" if "contentEncoding" in schema else schema.get("type"))
        assert (argument.name, found) == ("a", form), name


def test_text_argument_that_names_the_default_storage_leads_to_it() -> None:
    content = "-- $path (text)\nselect $path from read_parquet($path)"
    text = only(content, {"path": "s3:///it's"})
    assert text == "select $path from read_parquet('s3://_default_/it''s')"
    assert only(content, {"path": "s3://lake/a"}) == "select $path from read_parquet($path)"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "file is missing"),
        ({"file": 5}, "point to an object"),
        ({"file": {"s3": ""}}, "point to an object"),
        ({"file": {"s3": "a*.csv"}}, "a pattern"),
        ({"file": "nothing"}, "point to an object"),
    ],
)
def test_what_is_no_pointer_is_refused(args: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        launch("-- $file (s3object)\nfrom $file", args)


def test_attached_resources_become_secrets_outside_of_the_text() -> None:
    content = (
        "ATTACH '$res:f/data/shop' AS shop (TYPE postgres, READ_ONLY);\n"
        "attach database if not exists 'res://f/data/stock' as stock (read_only, type mysql); from shop.t"
    )
    found = plan(content, shop=POSTGRES, stock=MYSQL)
    first, second, _ = (each["text"] for each in found["statements"])
    assert first.startswith("ATTACH 'sslmode=prefer ")
    assert first.endswith(' AS shop (TYPE postgres, READ_ONLY, SECRET "tidemill f/data/shop")')
    assert second.endswith(""" '' as stock (read_only, type mysql, SECRET "tidemill f/data/stock")""")
    assert found["attaches"] is True
    shop, stock = found["secrets"]
    assert shop == {
        "name": "tidemill f/data/shop",
        "type": "postgres",
        "options": {"host": "db", "port": "5432", "user": "ada", "password": POSTGRES["password"], "database": "shop"},
    }
    assert (stock["type"], stock["options"]["port"]) == ("mysql", "3307")
    assert "secret" not in "".join(each["text"] for each in found["statements"])


def test_certificates_come_as_files_and_tls_is_verified_where_the_resource_says_tls() -> None:
    content = "attach '$res:f/data/shop' as shop (type postgres); attach '$res:f/data/stock' as stock (type mysql)"
    found = launch(
        content,
        shop={**POSTGRES, "sslmode": "verify-full", "root_certificate_pem": "PEM"},
        stock={**MYSQL, "ssl": True},
    )
    (certificate,) = [name for name in found.files if name.endswith(".pem")]
    assert found.files[certificate] == b"PEM"
    texts = found.files["args.json"].decode()
    assert "sslmode=verify-full" in texts
    assert f"sslrootcert={certificate}" in texts
    assert "ssl_mode=verify_identity" in texts


def test_a_script_that_only_names_servers_in_texts_does_not_reach_them() -> None:
    assert plan("select 'attach postgres' -- (type postgres)")["attaches"] is False
    assert plan("attach ':memory:' as m")["attaches"] is False
    assert plan("attach 'host=db' as m (type postgres)")["attaches"] is True
    assert plan("from postgres_scan('host=db', 'public', 't')")["attaches"] is True


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        ("attach '$res:f/data/shop' as shop", InvalidScript, "TYPE postgres"),
        ("attach '$res:f/data/shop' as shop (type sqlite)", InvalidScript, "TYPE postgres"),
        ("attach 'ducklake://main' as lake", Unsupported, "lakes"),
        ("attach 'datatable' as d", Unsupported, "data tables"),
        ("attach 'project=x' as b (type bigquery)", Unsupported, "BigQuery"),
        ("-- s3\nselect 1", Unsupported, "copy"),
        ("-- database f/data/shop\nselect 1", Unsupported, "attach"),
        ("-- database datatable://main\nselect 1", Unsupported, "attach"),
        ("-- role reader\nselect 1", Unsupported, "names its user"),
        ("-- prepare\nselect 1", Unsupported, "when it is run"),
        ("-- read_only\nselect 1", Unsupported, "READ_ONLY"),
        ("-- nothing", InvalidScript, "no statement"),
        ("select $1 from '\0'", InvalidScript, "NUL"),
    ],
)
def test_what_there_is_not_is_said_with_the_way_that_there_is(
    content: str, error: type[TidemillError], told: str
) -> None:
    with pytest.raises(error, match=told):
        launch(content, shop=POSTGRES)


@pytest.mark.parametrize(
    ("value", "told"), [({"user": "a"}, "host"), ({**POSTGRES, "port": True}, "port"), ([], "object")]
)
def test_resource_that_is_no_database_is_named(value: Any, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        launch("attach '$res:f/data/shop' as shop (type postgres)", shop=value)
