"""What scripts declare and use, in each dialect; and that values are bound and never spliced (C04)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.sql.annotations import Collection, Format, Streaming
from tidemill.engine.sql.declarations import Declared
from tidemill.engine.sql.dialect import DIALECTS
from tidemill.engine.sql.script import read_script
from tidemill.model.errors import BadRequest, InvalidScript
from tidemill.queries.sql_binding import bind


def shown(content: str, language: str = "postgresql") -> list[tuple[str, str, bytes | None]]:
    return [(each.name, each.type_name, each.default) for each in read_script(content, language).declared]


def bound(
    content: str, args: dict[str, bytes], language: str = "postgresql"
) -> list[tuple[str, dict[str, bytes | None]]]:
    statements = bind(read_script(content, language), args, {"WM_USERNAME": "ann", "WM_EMAIL": "o'brien@x.org"})
    return [(each.text, {one.name: one.value for one in each.arguments}) for each in statements]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("-- $1 name", ("name", "", None)),
        ("-- $1 name (text)", ("name", "text", None)),
        ("--$1   name (BIGINT) = 5", ("name", "bigint", b"5")),
        ("-- $1 name (numeric(10, 2)) = 1.50", ("name", "numeric(10, 2)", b"1.50")),
        ("-- $1 name (double precision)=-.5e3", ("name", "double precision", b"-0.5e3")),
        ("-- $1 name (timestamp with time zone)", ("name", "timestamp with time zone", None)),
        ("-- $1 name (text[]) = [\"a\", \"b\"]", ("name", "text[]", b'["a", "b"]')),
        ("-- $1 name (int[]) = {1,2}", ("name", "int[]", b'"{1,2}"')),
        ("-- $1 name (bool) = TRUE", ("name", "bool", b"true")),
        ("-- $1 name (text) = NULL", ("name", "text", b"null")),
        ("-- $1 name (text) = 'it''s -- ; fine'", ("name", "text", b'"it\'s -- ; fine"')),
        ("-- $1 name (text) = a; b -- c", ("name", "text", b'"a; b -- c"')),
        ("-- $1 name (text) =", ("name", "text", b'""')),
        ("-- $1 name = 5", ("name", "", b'"5"')),
        ("-- $1 name (jsonb) = {\"a\": 1.10}", ("name", "jsonb", b'{"a": 1.10}')),
        ("-- $1 name (s3object)", ("name", "s3object", None)),
        ("-- $1 größe (int)", ("größe", "int", None)),
    ],
)  # fmt: skip
def test_a_declaration_says_name_type_and_default(line: str, wanted: tuple[str, str, bytes | None]) -> None:
    assert shown(f"{line}\nselect $1") == [wanted]
    assert shown(f"\ufeff{line}\r\nselect $1") == [wanted], "with a byte order mark and Windows' line ends"


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("postgresql", "-- $3 c\n-- $1 a = null\nselect $1, $3, $2", ["c", "a", "$2"]),
        ("postgresql", "-- %%t%%\n-- $1 a\nselect $1 from %%t%%", ["a", "t"]),
        ("mysql", "-- :a (varchar(20)) = 'x'\n-- :Big (bigint) = 5\nselect :a, :Big", ["a", "Big"]),
        ("mysql", "-- ? b (int)\n-- ? a (int)\nselect ?, ?", ["b", "a"]),
        ("mssql", "-- @P2 b (int)\n-- @P1 a (int)\nselect @P1, @P2", ["b", "a"]),
        ("bigquery", "-- @b (date)\n-- @a (int64[])\nselect @a, @b", ["b", "a"]),
        ("snowflake", "-- ? a (int)\nselect ?;\n-- ? b (int)\n-- ? a (int)\nselect ?, ?", ["a", "b"]),
        ("oracledb", "-- :b (date)\n-- :a (number)\nselect :a, :b from dual", ["b", "a"]),
        ("duckdb", "-- $b (date)\n-- $a (integer[])\nselect $a, $b", ["b", "a"]),
    ],
)
def test_arguments_are_shown_in_the_order_of_the_text_and_names_last(
    language: str, text: str, wanted: list[str]
) -> None:
    assert [name for name, *_ in shown(text, language)] == wanted


DECLARING = {
    "postgresql": "$1 a", "mysql": ":a", "mssql": "@P1 a", "bigquery": "@a", "snowflake": "? a", "oracledb": ":a",
    "duckdb": "$a",
}  # fmt: skip


@pytest.mark.parametrize("language", sorted(DECLARING))
@pytest.mark.parametrize(
    ("type_name", "default", "wanted"),
    [
        ("int", "5", b"5"),
        ("bigint", "9223372036854775807", b"9223372036854775807"),
        ("float", "1.50", b"1.50"),
        ("int", "null", b"null"),
        ("date", "Null", b"null"),
        ("date", "2024-02-29", b'"2024-02-29"'),
        ("varchar(20)", "'5'", b'"5"'),
        ("varchar(20)", "5", b'"5"'),
        ("unheard_of", "1.5", b'"1.5"'),
        ("s3object", "null", b"null"),
    ],
)
def test_each_dialect_reads_defaults_by_type(language: str, type_name: str, default: str, wanted: bytes) -> None:
    assert shown(f"-- {DECLARING[language]} ({type_name}) = {default}\nselect 1", language) == [
        ("a", type_name, wanted)
    ]


@pytest.mark.parametrize("language", sorted(DECLARING))
def test_a_missing_argument_is_an_error_in_each_dialect(language: str) -> None:
    """Never an empty text, nor a zero."""
    declared = DECLARING[language]
    content = f"-- {declared} (int)\nselect {declared.removesuffix(' a')}"
    with pytest.raises(BadRequest, match="The argument a is missing"):
        bound(content, {}, language)
    assert [arguments for _, arguments in bound(content, {"a": b"null"}, language)] == [{"a": None}]


@pytest.mark.parametrize(
    ("language", "json_type"),
    [
        ("postgresql", "json"), ("mysql", "json"), ("mssql", "nvarchar(max)"), ("bigquery", "string"),
        ("snowflake", "varchar"), ("oracledb", "clob"),
    ],
)  # fmt: skip
def test_an_object_is_bound_as_what_the_dialect_takes_json_in(language: str, json_type: str) -> None:
    declared = DECLARING[language]
    script = read_script(f"-- {declared} (s3object)\nselect {declared.removesuffix(' a')}", language)
    (found,) = bind(script, {"a": b"[]"}, {})
    assert [(each.name, each.type_name, each.value) for each in found.arguments] == [("a", json_type, b"[]")]


def test_numbers_of_sql_server_with_gaps_count_by_their_order() -> None:
    assert bound("-- @P7 b (int)\n-- @P3 a (int)\nselect @P1, @P2", {"a": b"1", "b": b"2"}, "mssql") == [
        ("select @P1, @P2", {"b": b"2", "a": b"1"})
    ]


@pytest.mark.parametrize(
    "text",
    [
        "select '\n-- $1 name (text)\n'",
        "select $$\n-- $1 name (text)\n$$",
        "/*\n-- $1 name (text)\n*/ select 1",
        "select 1 -- $1 name (text)",
        "-- $1 is what comes first\nselect 1",
        "select '$1', \"$2\", $$ $3 $$, e'\\'$4' -- $5\n/* $6 /* $7 */ */",
        "select a$1, $0, $999999",
    ],
)
def test_what_only_looks_like_an_argument_is_none(text: str) -> None:
    assert shown(text) == []
    assert [arguments for _, arguments in bound(text, {})] == [{}]


def test_types_come_from_casts_and_undeclared_numbers_are_arguments() -> None:
    text = (
        "-- $2 day\n-- $3 named (int)\nselect $1, $2::pg_catalog.date, cast($3 as text), $5::numeric(10,2)[][], "
        "$4::double precision"
    )
    assert shown(text) == [
        ("day", "pg_catalog.date", None),
        ("named", "int", None),
        ("$1", "", None),
        ("$4", "double precision", None),
        ("$5", "numeric(10,2)[][]", None),
    ]
    assert shown("select $1::int, $1::timestamp(3) with time zone") == [("$1", "timestamp(3) with time zone", None)]


def test_each_statement_gets_only_what_it_uses_and_keeps_its_places() -> None:
    text = "-- $1 a\n-- $7 b (int) = 3\n-- $12 c\ninsert into t values ($12, $7, $12);\nselect '$1', $7;\nselect 1"
    assert bound(text, {"a": b"1", "c": b'"; drop table t"', "unknown": b"1"}) == [
        ("insert into t values ($2 , $1, $2 )", {"b": b"3", "c": b'"; drop table t"'}),
        ("select '$1', $1", {"b": b"3"}),
        ("select 1", {}),
    ]


@pytest.mark.parametrize(
    ("language", "text", "args", "wanted"),
    [
        (
            "mysql", "-- :Id (int)\n-- :idx (text) = 'x'\nselect :Id, ':Id', :idx, :other, a:=1 from t", {"Id": b"7"},
            [("select :Id, ':Id', :idx, :other, a:=1 from t", {"Id": b"7", "idx": b'"x"'})],
        ),
        (
            "mysql", "-- ? a (int)\n-- ? b (text)\nselect ?, '?', ?", {"a": b"1", "b": b'"x"'},
            [("select ?, '?', ?", {"a": b"1", "b": b'"x"'})],
        ),
        (
            "snowflake", "-- ? a (int)\nselect ?;\n-- ? b (int)\n-- ? a (int)\nselect ?, ?", {"a": b"1", "b": b"2"},
            [("select ?", {"a": b"1"}), ("select ?, ?", {"b": b"2", "a": b"1"})],
        ),
        (
            "mssql", "-- @P2 b (int)\n-- @P1 a (nvarchar(20))\nselect @P1, @p2, @@rowcount, @own",
            {"a": b"1", "b": b"2"},
            [("select @P1, @P2, @@rowcount, @own", {"a": b"1", "b": b"2"})],
        ),
        (
            "mssql", "-- @P1 a (int)\n-- @P2 b (int)\nselect @P2\nGO\nselect @P1", {"a": b"1", "b": b"2"},
            [("select @P1", {"b": b"2"}), ("select @P1", {"a": b"1"})],
        ),
        (
            "oracledb", "-- :a (number)\nselect :a, q'[:a]' from dual", {"a": b"1.5"},
            [("select :a, q'[:a]' from dual", {"a": b"1.5"})],
        ),
        (
            "bigquery", "-- @ids (int64[])\n-- @i (string) = x\nselect @ids, @i, @@time_zone, r'@i'", {"ids": b"[1]"},
            [("select @ids, @i, @@time_zone, r'@i'", {"ids": b"[1]", "i": b'"x"'})],
        ),
        (
            "clickhouse", "-- {n:UInt64} = 5\nselect {n:UInt64}, {m: Array(String)}", {"m": b"[]"},
            [("select {n:UInt64}, {m: Array(String)}", {"n": b"5", "m": b"[]"})],
        ),
        (
            "duckdb", "-- $a (int)\n-- $ab (text)\nselect $a, $ab, $$ $a $$", {"a": b"1", "ab": b'"x"'},
            [("select $a, $ab, $$ $a $$", {"a": b"1", "ab": b'"x"'})],
        ),
    ],
)  # fmt: skip
def test_each_dialect_binds_in_its_own_way(
    language: str, text: str, args: dict[str, bytes], wanted: list[tuple[str, dict[str, bytes | None]]]
) -> None:
    assert bound(text, args, language) == wanted


def test_a_missing_argument_is_an_error_and_null_is_none() -> None:
    with pytest.raises(BadRequest, match="The argument day is missing"):
        bound("-- $1 day (date)\nselect $1", {})
    assert bound("-- $1 day (date) = null\nselect $1", {}) == [("select $1", {"day": None})]
    assert bound("-- $1 day (date) = 2024-01-01\nselect $1", {"day": b" null "}) == [("select $1", {"day": None})]


@pytest.mark.parametrize(
    ("text", "language", "message"),
    [
        ("-- $1 n (int) = many\nselect $1", "postgresql", "default of the argument n is 'many', which is no int"),
        ("-- $1 n (json) = {a}\nselect $1", "postgresql", "default of the argument n is no JSON"),
        ("-- $1 a\n-- $1 b\nselect $1", "postgresql", "declared twice"),
        ("-- $1 a\n-- $2 a\nselect $1", "postgresql", "Two arguments are called a"),
        ("-- ? a\nselect ?, ?", "snowflake", "2 times"),
        ("-- @P1 a\nselect @P1, @P2", "mssql", "@P2 is not declared"),
        ("-- nothing\n;;", "postgresql", "no statement"),
        ("-- result_collection=some\nselect 1", "postgresql", "Line 1: There is no result_collection 'some'"),
        ("-- s3 format=xml\nselect 1", "postgresql", "Line 1: -- s3 writes the formats json, csv, parquet"),
        ("\n-- s3 bucket=x\nselect 1", "postgresql", "Line 2: -- s3 takes prefix=, storage= and format="),
    ],
)
def test_a_script_that_contradicts_itself_is_refused(text: str, language: str, message: str) -> None:
    with pytest.raises(InvalidScript, match=message):
        bound(text, {"a": b"1", "b": b"1", "n": b"1"}, language)


def test_names_are_put_in_only_as_names() -> None:
    text = (
        "-- %%table%% users/orders\n-- %%col%%\nselect %%col%% from %%table%% where who = '%%WM_USERNAME%%' and %%x%%"
    )
    assert [each.name for each in read_script(text, "postgresql").declared] == ["table", "col"]
    assert bound(text, {"table": b'"users"', "col": b'"id"'}) == [
        ("select id from users where who = 'ann' and %%x%%", {})
    ]
    for wrong in (
        b'"id; drop table t"',
        b'"1a"',
        b'""',
        b"5",
        b"null",
        b'"gr\xc3\xb6sse"',
        b'"a b"',
        b'"' + b"a" * 256 + b'"',
    ):
        with pytest.raises(BadRequest, match="argument col"):
            bound(text, {"table": b'"users"', "col": wrong})
    with pytest.raises(BadRequest, match="must be one of users, orders"):
        bound(text, {"table": b'"user"', "col": b'"id"'})
    with pytest.raises(BadRequest, match="argument t "):
        bound("-- %%t%% users/a-b\nselect 1 from %%t%%", {"t": b'"a-b"'})
    with pytest.raises(BadRequest, match="WM_EMAIL"):
        bound("select '%%WM_EMAIL%%'", {})


def test_a_name_cannot_declare_or_annotate() -> None:
    text = "-- %%x%%\nselect 1"
    assert read_script(text, "postgresql").annotations == read_script("select 1", "postgresql").annotations
    assert bound(text, {"x": b'"transaction"'}) == [("select 1", {})]


def test_annotations_stand_before_the_first_statement() -> None:
    text = (
        "-- result_collection=last_statement_first_row\n-- database f/data/main\n"
        "--s3 prefix=a/b storage=second format=csv\n"
        "-- transaction\n-- read_only\n-- prepare\n-- role reader\n-- big_numbers=string\n-- $1 x\nselect 1;\n"
        "-- result_collection=legacy\nselect 2"
    )
    found = read_script(text, "postgresql").annotations
    assert found.collection is Collection.LAST_FIRST_ROW
    assert found.database == "f/data/main"
    assert found.streaming == Streaming(prefix="a/b", storage="second", format=Format.CSV)
    assert (found.is_transaction, found.is_read_only, found.is_prepare, found.role) == (True, True, True, "reader")
    assert found.big_numbers_as_text
    plain = read_script(
        "-- database of users\n-- s3 is where it goes\n-- transaction log\n-- the role of x\nselect 1", "mysql"
    )
    assert plain.annotations == read_script("select 1", "mysql").annotations
    assert read_script("-- ApplicationIntent=ReadOnly\nselect 1", "mssql").annotations.is_read_only
    assert read_script("# read_only\nselect 1", "mysql").annotations.is_read_only


@given(value=st.text(), language=st.sampled_from(sorted(DIALECTS)))
def test_no_value_reaches_the_text(value: str, language: str) -> None:
    place = {"postgresql": "$1 a", "duckdb": "$a", "mssql": "@P1 a", "bigquery": "@a", "snowflake": "? a"}
    declared = place.get(language, "{a:String}" if language == "clickhouse" else ":a")
    used = declared.removesuffix(" a")
    content = f"-- {declared}\nselect {used}"
    raw = b'"' + value.encode("unicode_escape").hex().encode() + b'"'
    assert bound(content, {"a": raw}, language) == [(f"select {used}", {"a": raw})]


def test_many_parameters_are_read_in_one_pass() -> None:
    text = "select " + ", ".join(f"${number}" for number in range(1, 60_001))
    assert len(read_script(text, "postgresql").declared) == 60_000


def test_an_argument_is_what_a_form_needs() -> None:
    assert Declared(name="a", key="1", type_name="s3object").is_pointer
