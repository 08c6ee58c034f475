"""The lexer and the splitter against PostgreSQL's own scanner and parser (C04), and each dialect's strings."""

import random

import pytest
from pglast import split as parser_split
from pglast.parser import ParseError, scan

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.engine.sql.statements import split
from tidemill.model.errors import InvalidScript

POSTGRESQL = DIALECTS["postgresql"]
SCRIPTS = 5000

PIECES = [
    "select 1", "$1", "$2", "$10", ";", ";", " ", "\n", "'a;b'", "'it''s'", "e'a\\'b;'", "E'\\\\'", "'a\\'", "$$a;b$$",
    "$x$ ; $$ ; $x$", "$x$", "$$", "-- c;\n", "--;$1\r", "--\r\n", "/* a /* b; */ c */", "/*", "*/", '"a;b"', '"a"";"',
    "::int", "a$1", "a$$b", "(", ")", "begin atomic", "end", "case", "u&'\\';'", 'U&"a;"', "n'a'", "b'01'", "x'1f'",
    "é$1", "\N{NO-BREAK SPACE}", "€;", "1.5e3", "0x1f", ".5", "'a'\n'b;'", "e'a'\n'\\';'", "e'a' -- c\n '\\';'", "?",
    "@>", "->>", "#>", ":=", "'", '"', "e'", "begin;", "[1]", ":name", "\\", "`", "#$1", "a#$1", "1$1", "$1a", "--",
    "-/*x*/-", "@--x\n", "/", "*", "E", "U&", "$a$", "$é$;$é$", "$1$", "1 union", "\N{MODIFIER LETTER APOSTROPHE};",
]  # fmt: skip
STATEMENTS = [
    "select 1", "select $1::int, $2", "select 'a;b'", "select $$a;b$$", "select $x$ ; $$ ; $x$", "select E'a\\';b'",
    "select 'a\\'", 'select "a;" from t', "begin", "commit", "insert into t values (1, ';')", "end",
    "start transaction",
    "create rule r as on insert to t do also (select 1; select 2)", "do $$ begin perform 1; end $$", "select\n1",
    "create function f() returns int language sql begin atomic select 1; select case when true then 1 end; end",
    "create procedure p() language sql begin atomic insert into t values (1); insert into t values (2); end",
    "create function h() returns int begin atomic select case a when 1 then case when true then 2 end end; end",
    "create or replace function f() returns int language sql as 'select 1; select 2'", "end transaction", "values (1)",
    'select 1 as "end"', 'select b."begin" from b', "create table atomic (begin_ int)", "select '{}'::jsonb ? 'a'",
    "create function g() returns int language sql return 1", "select 1 -- x;\n", "select /* ; */ 2",
]  # fmt: skip
BETWEEN = [";", ";\n", "; ;", " ;-- c;\n", ";/* ; /* ; */ */", ";;\r\n"]
KINDS = {
    "ASCII_59": Part.END, "PARAM": Part.PLACE, "SQL_COMMENT": Part.COMMENT, "C_COMMENT": Part.COMMENT,
    "SCONST": Part.STRING, "USCONST": Part.STRING, "BCONST": Part.STRING, "XCONST": Part.STRING,
}  # fmt: skip


def ours(text: str) -> list[tuple[Part, int, int]]:
    found = [(each.part, each.start, each.end) for each in tokens(text, POSTGRESQL)]
    return merged(text, [each for each in found if each[0] in KINDS.values()])


def theirs(text: str) -> list[tuple[Part, int, int]]:
    found = [(KINDS[each.name], each.start, each.end + 1) for each in scan(text) if each.name in KINDS]
    return merged(text, found)


def merged(text: str, found: list[tuple[Part, int, int]]) -> list[tuple[Part, int, int]]:
    """Without what stands before the quote of a string, and with strings that touch as one: to us both are the same."""
    joined: list[tuple[Part, int, int]] = []
    for part, begin, end in found:
        start = begin
        while part is Part.STRING and text[start] not in "'$":
            start += 1
        if joined and part is Part.STRING and joined[-1][0] is Part.STRING and joined[-1][2] == start:
            joined[-1] = (part, joined[-1][1], end)
        else:
            joined.append((part, start, end))
    return joined


def bare(text: str) -> list[str]:
    return [each.text(text) for each in tokens(text, POSTGRESQL) if each.part is not Part.COMMENT]


def test_pieces_are_where_postgres_finds_them() -> None:
    chance = random.Random(7)
    compared = 0
    while compared < SCRIPTS:
        parts = [chance.choice(PIECES) + " " * chance.randrange(2) for _ in range(chance.randint(1, 12))]
        text = "".join(parts)
        try:
            wanted = theirs(text)
        except ParseError:
            continue  # something in it is not closed
        assert ours(text) == wanted, text
        compared += 1


def test_statements_end_where_postgres_ends_them() -> None:
    chance = random.Random(11)
    for _ in range(SCRIPTS):
        text = "".join(
            chance.choice(["", "\n", " ", "-- x\n", "/* a; */"]) + chance.choice(STATEMENTS) + chance.choice(BETWEEN)
            for _ in range(chance.randint(1, 6))
        )
        text += chance.choice(["", *STATEMENTS[:4]])
        found = [bare(text[each.start : each.end]) for each in split(text, POSTGRESQL)]
        assert found == [bare(text[each]) for each in parser_split(text, only_slices=True)], text


@pytest.mark.parametrize(
    ("language", "text", "statements"),
    [
        ("mysql", "select 1 -- a;\n; select 2--1; # b;\nselect `a;`", ["select 1", "select 2--1", "select `a;`"]),
        ("mysql", """select 'a\\';', "b\\";"; /*! set x=1; */""", ["""select 'a\\';', "b\\";\"""", "/*! set x=1; */"]),
        (
            "mysql",
            "create procedure p() begin if a then select 1; end if; while x do set y=1; end while;"
            " select case when 1 then 2 end; end; begin; select if(1,2,3); commit",
            [
                "create procedure p() begin if a then select 1; end if; while x do set y=1; end while;"
                " select case when 1 then 2 end; end",
                "begin",
                "select if(1,2,3)",
                "commit",
            ],
        ),
        ("mssql", "declare @x int; select [a;]]];\nGO\nselect 2; -- GO\n", [
            "declare @x int; select [a;]]];", "select 2;",
        ]),
        (
            "oracledb",
            "begin null; end;\n/\nselect q'[a;']' from dual; declare x int; begin null; end;",
            ["begin null; end;", "select q'[a;']' from dual", "declare x int; begin null; end;"],
        ),
        (
            "oracledb",
            "create function f return number is x number; begin return 1; end f; select 2 from dual",
            ["create function f return number is x number; begin return 1; end f;", "select 2 from dual"],
        ),
        (
            "oracledb",
            "create package p as procedure a; end p;\n/\nselect 2 from dual",
            ["create package p as procedure a; end p;", "select 2 from dual"],
        ),
        (
            "snowflake",
            "begin; select 1; commit; begin let x:=1; return x; end; select $$a;$$ // x;\n; select r'\\';'",
            ["begin", "select 1", "commit", "begin let x:=1; return x; end", "select $$a;$$", "select r'\\';'"],
        ),
        ("bigquery", 'select """a;" """; select r"a\\";"; # x;\n select `a;`', [
            'select """a;" """', 'select r"a\\";"', "select `a;`",
        ]),
        ("bigquery", "declare x int64; set x=1; select x", ["declare x int64; set x=1; select x"]),
        ("clickhouse", "select {a:String}; select 'a\\';' # x\n;", ["select {a:String}", "select 'a\\';'"]),
        ("duckdb", "select $$a;$$; select e'\\';'; /* /* ; */ */ select 1", [
            "select $$a;$$", "select e'\\';'", "select 1",
        ]),
        ("postgresql", "select 'never closed; select 1", ["select 'never closed; select 1"]),
        ("postgresql", " ; -- nothing\n/* at all */;", []),
    ],
)  # fmt: skip
def test_each_dialect_has_its_own_strings_and_blocks(language: str, text: str, statements: list[str]) -> None:
    assert [text[each.start : each.end] for each in split(text, DIALECTS[language])] == statements


def test_a_statement_knows_its_line() -> None:
    assert [each.line for each in split("-- x\n\nselect 1;\r\nselect\n2; select 3", POSTGRESQL)] == [3, 4, 5]


def test_delimiter_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidScript, match="Line 2: DELIMITER is a command of the mysql program"):
        split("select 1;\nDELIMITER //\n", DIALECTS["mysql"])


@pytest.mark.parametrize("language", sorted(DIALECTS))
def test_hostile_text_takes_time_in_proportion(language: str) -> None:
    """Each of these would take hours with a pattern that tries again from every place."""
    for piece in ("'", '"', "$$", "$a$ $", "/*", "e'\\", "--", "(", "`", "[", "q'", "{", "''", "'\n", "$1 "):
        text = piece * (20_000 // len(piece))
        assert sum(each.end - each.start for each in tokens(text, DIALECTS[language])) <= len(text)
