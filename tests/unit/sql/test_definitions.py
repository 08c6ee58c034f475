"""The SQL that defines tables: what each step becomes, and what no step lets through."""

import pytest

from tidemill.engine.sql.definitions import NewColumn, Present, Step, StepKind, define
from tidemill.model.errors import BadRequest, Unsupported

ID = NewColumn(name='i"d`', type="bigint", is_nullable=False)
NOTE = NewColumn(name="note", type="varchar(20)", default="'a, b; --'")


def step(kind: str, **parts: object) -> Step:
    return Step(kind=StepKind(kind), schema="s", table=str(parts.pop("table", "t")), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "asked", "wanted"),
    [
        (
            "postgresql",
            step("create_table", columns=(ID, NOTE), names=('i"d`',)),
            'create table "s"."t" ("i""d`" bigint not null, "note" varchar(20) default \'a, b; --\', '
            'primary key ("i""d`"))',
        ),
        (
            "mysql",
            step("create_table", columns=(ID,)),
            'create table `s`.`t` (`i"d``` bigint not null)',
        ),
        (
            "clickhouse",
            step("create_table", columns=(NewColumn(name="a", type="Int64"),), names=("a",)),
            "create table `s`.`t` (`a` Nullable(Int64)) engine = MergeTree order by (`a`)",
        ),
        ("postgresql", step("rename_table", to="u"), 'alter table "s"."t" rename to "u"'),
        ("mysql", step("rename_table", to="u"), "rename table `s`.`t` to `s`.`u`"),
        (
            "mysql",
            step("add_column", columns=(NOTE,)),
            "alter table `s`.`t` add column `note` varchar(20) default 'a, b; --'",
        ),
        ("clickhouse", step("drop_column", column="c"), "alter table `s`.`t` drop column `c`"),
        (
            "postgresql",
            step("change_type", column="c", type="numeric(10, 2)"),
            'alter table "s"."t" alter column "c" type numeric(10, 2) using "c"::numeric(10, 2)',
        ),
        ("postgresql", step("set_nullable", column="c"), 'alter table "s"."t" alter column "c" drop not null'),
        ("postgresql", step("set_default", column="c"), 'alter table "s"."t" alter column "c" drop default'),
        (
            "postgresql",
            step("add_index", names=("a", "b"), is_unique=True),
            'create unique index "t_a_b_idx" on "s"."t" ("a", "b")',
        ),
        ("mysql", step("drop_index", name="n"), "drop index `n` on `s`.`t`"),
        (
            "mssql",
            step("create_table", columns=(ID, NOTE), names=('i"d`',)),
            "create table [s].[t] ([i\"d`] bigint not null, [note] varchar(20) null default 'a, b; --', "
            'primary key ([i"d`]))',
        ),
        ("mssql", step("rename_table", table="it's", to="u'"), "exec sp_rename N'[s].[it''s]', N'u'''"),
        ("mssql", step("rename_column", column="a]b", to="c"), "exec sp_rename N'[s].[t].[a]]b]', N'c', N'COLUMN'"),
        ("mssql", step("add_column", columns=(ID,)), 'alter table [s].[t] add [i"d`] bigint not null'),
        (
            "mssql",
            step("set_default", column="c'", default="(1)"),
            "declare @drop nvarchar(max) = (select N'alter table [s].[t] drop constraint ' + quotename(d.name) from "
            "sys.default_constraints d join sys.columns c on c.object_id = d.parent_object_id and c.column_id = "
            "d.parent_column_id where d.parent_object_id = object_id(N'[s].[t]') and c.name = N'c'''); exec (@drop); "
            "alter table [s].[t] add default (1) for [c']",
        ),
        (
            "oracledb",
            step("add_column", columns=(NewColumn(name="N", type="number", is_nullable=False, default="0"),)),
            'alter table "s"."t" add ("N" number default 0 not null)',
        ),
        ("oracledb", step("set_nullable", column="c"), 'alter table "s"."t" modify ("c" null)'),
        ("oracledb", step("set_default", column="c"), 'alter table "s"."t" modify ("c" default null)'),
        ("oracledb", step("change_type", column="c", type="clob"), 'alter table "s"."t" modify ("c" clob)'),
        ("oracledb", step("add_index", names=("a",)), 'create index "s"."t_a_idx" on "s"."t" ("a")'),
        ("oracledb", step("rename_table", to="u"), 'alter table "s"."t" rename to "u"'),
        (
            "mysql",
            step("add_foreign_key", names=("a",), references=("s", "u", ("id",))),
            "alter table `s`.`t` add foreign key (`a`) references `s`.`u` (`id`)",
        ),
    ],
)
def test_step_becomes_a_statement(language: str, asked: Step, wanted: str) -> None:
    assert define(language, asked) == wanted


@pytest.mark.parametrize(
    ("asked", "present", "wanted"),
    [
        (
            step("change_type", column="c", type="int"),
            Present(
                type="varchar(9)",
                rest="CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '1' COMMENT 'x'",
            ),
            "int NOT NULL DEFAULT '1' COMMENT 'x'",
        ),
        (
            step("change_type", column="c", type="varchar(10)"),
            Present(type="varchar(9)", rest="COLLATE utf8mb4_bin DEFAULT NULL"),
            "varchar(10) COLLATE utf8mb4_bin DEFAULT NULL",
        ),
        (
            step("set_nullable", column="c", is_nullable=False),
            Present(type="timestamp(6)", rest="NULL DEFAULT NULL ON UPDATE current_timestamp(6)"),
            "timestamp(6) not null ON UPDATE current_timestamp(6)",
        ),
        (
            step("set_nullable", column="c"),
            Present(type="bigint(20) unsigned", rest="NOT NULL DEFAULT 7 COMMENT 'is not null here'"),
            "bigint(20) unsigned null DEFAULT 7 COMMENT 'is not null here'",
        ),
    ],
)
def test_mysql_is_told_again_what_a_column_has(asked: Step, present: Present, wanted: str) -> None:
    assert define("mysql", asked, present) == f"alter table `s`.`t` modify column `c` {wanted}"


def test_sql_server_is_told_again_whether_a_column_may_be_null() -> None:
    present = Present(type="int", rest="", is_nullable=False)
    changed = define("mssql", step("change_type", column="c", type="bigint"), present)
    assert changed == "alter table [s].[t] alter column [c] bigint not null"
    assert define("mssql", step("set_nullable", column="c"), present) == "alter table [s].[t] alter column [c] int null"


@pytest.mark.parametrize(
    "text",
    [
        "int, drop column x",
        "int; drop table t",
        "int -- x",
        "int /* x */",
        "int)",
        "numeric(10",
        "'open",
        "$x$ open",
        " ",
    ],
)
def test_a_type_is_one_expression(text: str) -> None:
    with pytest.raises(BadRequest, match="type"):
        define("postgresql", step("add_column", columns=(NewColumn(name="a", type=text),)))


def test_what_is_missing_or_not_there_is_named() -> None:
    with pytest.raises(BadRequest, match="`to`"):
        define("postgresql", step("rename_column", column="a"))
    with pytest.raises(BadRequest, match="`columns`"):
        define("mysql", step("create_table"))
    with pytest.raises(BadRequest, match="`names`"):
        define("mysql", step("add_key"))
    with pytest.raises(Unsupported, match="add index"):
        define("clickhouse", step("add_index", names=("a",)))
