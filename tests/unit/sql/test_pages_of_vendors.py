"""How pages of rows are asked for where no server can be started for the tests: SQL Server and Oracle."""

import pytest

from tidemill.engine.pages import Filter, Identity, Operator, Order, Page
from tidemill.engine.sql.styles import style_of
from tidemill.engine.sql.tables import Place, delete_row, insert_row, lock_row, select_page, update_row
from tidemill.model.errors import BadRequest

TYPES = {"id": "int", "note": "ntext"}
KEYED = Place(schema="dbo", table="a]b", types=TYPES, key=("id",))
UNKEYED = Place(schema="S", table="T", types={"A": "number", "B": "date"})


def digest(*bytes_of: str) -> str:
    """What SQL Server makes of the bytes of each column."""
    parts = "".join(f" + isnull(hashbytes('SHA2_256', {each}), 0x00)" for each in bytes_of)
    return f"lower(convert(varchar(64), hashbytes('SHA2_256', cast(0x as varbinary(max)){parts}), 2))"


NOTED = digest("cast([id] as varbinary(max))", "cast(cast([note] as nvarchar(max)) as varbinary(max))")
PLAIN = digest("cast([A] as varbinary(max))", "cast([B] as varbinary(max))")
STAMPED = "lower(convert(varchar(64), cast([B] as varbinary(8)), 2))"
HASHED = (
    "lower(rawtohex(standard_hash(nvl2(\"A\", rawtohex(standard_hash(\"A\", 'SHA256')), '-') || "
    "nvl2(\"B\", rawtohex(standard_hash(\"B\", 'SHA256')), '-'), 'SHA256')))"
)
STAMP = Place(schema="S", table="T", types={"A": "int", "B": "timestamp"})
FIRST_TWO = " offset 0 rows fetch next 2 rows only"
VIEW = Place(schema="S", table="V", types={"A": "number"}, is_table=False)


@pytest.mark.parametrize(
    ("language", "place", "page", "text"),
    [
        (
            "mssql",
            KEYED,
            Page(order=(Order("note", is_descending=True),), after=(b'"x"', b"5"), limit=10),
            f"select [id], [note], {NOTED}, cast([note] as nvarchar(max)), [id] from [dbo].[a]]b] where "
            "(((cast([note] as nvarchar(max)) < @P1 or cast([note] as nvarchar(max)) is null)) or "
            "(cast([note] as nvarchar(max)) = @P2 and [id] > @P3)) order by cast([note] as nvarchar(max)) desc, [id] "
            "offset 0 rows fetch next 11 rows only",
        ),
        ("mssql", VIEW, Page(limit=1), f"select [A] from [S].[V] order by (select null){FIRST_TWO}"),
        (
            "mssql",
            UNKEYED,
            Page(after=(b"1", b"null", b"3"), limit=5),
            f"select [A], [B], {PLAIN}, [A], [B] from [S].[T] where (([A] > @P1) or ([A] = @P2 and [B] is not null) or "
            "([A] = @P3 and [B] is null)) order by [A], [B] offset 3 rows fetch next 6 rows only",
        ),
        (
            "oracledb",
            UNKEYED,
            Page(filters=(Filter("A", Operator.CONTAINS, b'"1"'),), after=(b'"AAA"',), limit=5),
            f'select "A", "B", {HASHED}, rowidtochar(rowid) from "S"."T" where '
            'instr(lower(to_char("A")), lower(:a1)) > 0 and '
            "((rowid > :a2)) order by rowid offset 0 rows fetch next 6 rows only",
        ),
        ("oracledb", VIEW, Page(limit=1), f'select "A" from "S"."V"{FIRST_TWO}'),
    ],
)  # fmt: skip
def test_a_page_is_asked_for(language: str, place: Place, page: Page, text: str) -> None:
    assert select_page(style_of(language), place, page).text == text


def test_oracle_names_rows_without_a_key_by_where_they_are() -> None:
    style, row = style_of("oracledb"), Identity(row="AAAR3sAAEAAAACXAAA", version="0f")
    assert lock_row(style, UNKEYED, row).text == (
        f'select 1 from "S"."T" where rowid = :a1 and {HASHED} = :a2 for update'
    )
    changed = update_row(style, UNKEYED, row, {"A": b"2"})
    assert changed.text == f'update "S"."T" set "A" = :a1 where rowid = :a2 and {HASHED} = :a3'
    assert [value.type_name for value in changed.values] == ["number", "rowid", "varchar2"]
    assert insert_row(style, UNKEYED, {}).text == 'insert into "S"."T" ("A") values (default)'
    with pytest.raises(BadRequest, match="not one that the explorer gave"):
        lock_row(style, UNKEYED, Identity(row="x' or 1=1", version="0f"))


def test_oracle_makes_no_digest_of_large_values_and_digests_of_digests_of_many_columns() -> None:
    large = Place(schema="S", table="T", types={"A": "number", "B": "clob"}, key=("A",))
    row = Identity(key={"A": b"1"}, version="81")
    assert lock_row(style_of("oracledb"), large, row).text.endswith(
        'where "A" = :a1 and to_char(ora_rowscn) = :a2 for update'
    )
    assert delete_row(style_of("oracledb"), large, row).text == 'delete from "S"."T" where "A" = :a1'
    wide = Place(schema="S", table="T", types={f"C{n}": "date" for n in range(120)})
    text = select_page(style_of("oracledb"), wide, Page()).text
    assert text.count('standard_hash("C') == 120
    assert text.count("rawtohex(standard_hash(rawtohex(standard_hash(nvl2") == 1


def test_sql_server_changes_one_of_rows_that_are_alike() -> None:
    row = Identity(version="00ff")
    wanted = f"[S].[T] where {STAMPED} = @P1"
    assert lock_row(style_of("mssql"), STAMP, row).text == f"select 1 from [S].[T] with (updlock, rowlock) {wanted[8:]}"
    assert delete_row(style_of("mssql"), STAMP, row).text == f"delete top (1) from {wanted}"
    changed = update_row(style_of("mssql"), STAMP, row, {"A": b"1"}).text
    assert changed == f"update top (1) [S].[T] set [A] = @P1 where {STAMPED} = @P2"
