"""How pages of rows are asked for where no server can be started for the tests: SQL Server and Oracle."""

import pytest

from tidemill.engine.pages import Filter, Operator, Order, Page
from tidemill.engine.sql.styles import style_of
from tidemill.engine.sql.tables import Place, select_page

TYPES = {"id": "int", "note": "ntext"}
KEYED = Place(schema="dbo", table="a]b", types=TYPES, key=("id",))
UNKEYED = Place(schema="S", table="T", types={"A": "number", "B": "date"})
FIRST_TWO = " offset 0 rows fetch next 2 rows only"
VIEW = Place(schema="S", table="V", types={"A": "number"}, is_table=False)


@pytest.mark.parametrize(
    ("language", "place", "page", "text"),
    [
        (
            "mssql",
            KEYED,
            Page(order=(Order("note", is_descending=True),), after=(b'"x"', b"5"), limit=10),
            "select [id], [note], cast([note] as nvarchar(max)), [id] from [dbo].[a]]b] where "
            "(((cast([note] as nvarchar(max)) < @P1 or cast([note] as nvarchar(max)) is null)) or "
            "(cast([note] as nvarchar(max)) = @P3 and [id] > @P2)) order by cast([note] as nvarchar(max)) desc, [id] "
            "offset 0 rows fetch next 11 rows only",
        ),
        ("mssql", VIEW, Page(limit=1), f"select [A] from [S].[V] order by (select null){FIRST_TWO}"),
        (
            "mssql",
            UNKEYED,
            Page(after=(b"1", b"null", b"3"), limit=5),
            "select [A], [B], [A], [B] from [S].[T] where (([A] > @P1) or ([A] = @P2 and [B] is not null) or "
            "([A] = @P3 and [B] is null)) order by [A], [B] offset 3 rows fetch next 6 rows only",
        ),
        (
            "oracledb",
            UNKEYED,
            Page(filters=(Filter("A", Operator.CONTAINS, b'"1"'),), after=(b'"AAA"',), limit=5),
            'select "A", "B", rowidtochar(rowid) from "S"."T" where instr(lower(to_char("A")), lower(:a1)) > 0 and '
            "((rowid > :a2)) order by rowid offset 0 rows fetch next 6 rows only",
        ),
        ("oracledb", VIEW, Page(limit=1), f'select "A" from "S"."V"{FIRST_TWO}'),
    ],
)  # fmt: skip
def test_a_page_is_asked_for(language: str, place: Place, page: Page, text: str) -> None:
    assert select_page(style_of(language), place, page).text == text
