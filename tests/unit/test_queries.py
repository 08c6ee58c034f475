"""Reading named queries out of SQL files."""

from pathlib import Path

import pytest

from tidemill.db.queries import Queries, inline, queries, statements


def load(tmp_path: Path, text: str) -> Queries:
    (tmp_path / "things.sql").write_text(text)
    return queries("things", tmp_path)


def test_a_query_has_its_name_sentence_text_and_parameters(tmp_path: Path) -> None:
    (tmp_path / "things.sql").write_text(
        "-- name: one\n-- Give :number\n-- of them.\nselect :number::int, :other;\n\n"
        "-- name: two\n-- Nothing.\nselect 1\n"
    )
    found = queries("things", tmp_path)
    one = found.one
    assert (one.name, one.doc) == ("things.one", "Give :number of them.")
    assert one.text == "select $1::int, $2"
    assert one.order == ("number", "other")
    assert found["two"].text == "select 1"
    assert [query.name for query in found] == ["things.one", "things.two"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select ':a' || :b", "select ':a' || $1"),
        ("select 'it''s :a', :b", "select 'it''s :a', $1"),
        (r"select E'\':a', :b", r"select E'\':a', $1"),
        ('select ":a", :b', 'select ":a", $1'),
        ("do $$ begin :a end $$", "do $$ begin :a end $$"),
        ("do $x$ $$ :a $$ $x$", "do $x$ $$ :a $$ $x$"),
        ("select a::text, :b::int[]", "select a::text, $1::int[]"),
        ("select x[1:2], :b", "select x[1:2], $1"),
        ("select 1 -- :a it's\n, :b", "select 1 -- :a it's\n, $1"),
        ("select /* :a ' */ :b", "select /* :a ' */ $1"),
        ("select 7 % 2, 'x%' like :b", "select 7 % 2, 'x%' like $1"),
        ("select (:b)", "select ($1)"),
        ("select :b, :a, :b", "select $1, $2, $1"),
    ],
)
def test_only_real_parameters_are_translated(text: str, expected: str) -> None:
    assert inline(text).text == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "-- name: one\nselect 1;",
        "-- name: one\n-- no full stop\nselect 1;",
        "-- name: one\n-- Nothing here.\n",
        "-- name: one\n-- Two.\nselect 1; select 2;",
        "-- name: one\n-- Fine.\nselect 1;\n-- name: one\n-- Again.\nselect 1;",
        "-- name: not a word\n-- Fine.\nselect 1;",
        "-- name:\n-- Fine.\nselect 1;",
        "select 1;\n-- name: one\n-- Fine.\nselect 1;",
        "-- name: one\n-- Open.\nselect 'x;",
        "-- name: one\n-- Nested.\nselect /* a /* b */ c */ 1;",
    ],
)
def test_a_faulty_query_is_refused_when_it_is_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has its own words
        list(load(tmp_path, text))


def test_a_query_is_read_once_and_not_before_it_is_asked_for(tmp_path: Path) -> None:
    found = load(tmp_path, "-- name: one\n-- Fine.\nselect 1;\n-- name: two\n-- Open.\nselect 'x;")
    assert found.one is found["one"]
    with pytest.raises(ValueError, match="unclosed"):
        found["two"]


def test_an_unknown_name_raises_and_tells_the_known_ones(tmp_path: Path) -> None:
    found = load(tmp_path, "-- name: one\n-- Fine.\nselect 1;")
    with pytest.raises(AttributeError, match=r"things\.sql has no query 'two'.*one"):
        found.two  # noqa: B018


def test_text_is_cut_at_semicolons_outside_of_strings() -> None:
    text = "-- one; first\nselect ';';\ncreate function f() as $$ a; b; $$;\n-- the end;\n;"
    assert statements(text) == ["-- one; first\nselect ';'", "create function f() as $$ a; b; $$"]
