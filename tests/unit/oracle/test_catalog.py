"""What Oracle's catalog says, from rows as it has them: there is no Oracle that could be asked in the tests."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from tidemill.model.errors import NotFound
from tidemill.stores.databases.oracle.catalog import OracleCatalog
from tidemill.stores.databases.port import Statement

ROWS = {
    "all_objects": [
        ("SALES", "TOTALS", "TABLE", Decimal(7), None),
        ("SALES", "TOTALS", "MATERIALIZED VIEW", Decimal(7), None),
        ("SALES", "ORDERS", "TABLE", Decimal(5), "what was ordered"),
        ("HR", "RECENT", "VIEW", None, None),
    ],
    "all_tab_cols": [
        ("ID", "NUMBER", None, Decimal(22), None, Decimal(0), "N", "NO", "YES", None, None),
        ("PRICE", "NUMBER", None, Decimal(22), Decimal(10), Decimal(2), "Y", "NO", "NO", "net", "0 "),
        ("AMOUNT", "NUMBER", None, Decimal(22), None, None, "Y", "NO", "NO", None, None),
        ("NAME", "VARCHAR2", Decimal(20), Decimal(80), None, None, "N", "NO", "NO", None, None),
        ("AT", "TIMESTAMP(6) WITH TIME ZONE", Decimal(0), Decimal(13), None, Decimal(6), "Y", "NO", "NO", None, None),
        ("TWICE", "NUMBER", None, Decimal(22), None, None, "Y", "YES", "NO", None, '"PRICE"*2'),
        ("TAG", "RAW", Decimal(0), Decimal(16), None, None, "Y", "NO", "NO", None, None),
    ],
    "all_indexes": [
        ("BY_NAME", "SYS_NC00008$", "UNIQUE", None, "FUNCTION-BASED NORMAL", "ASC"),
        ("PK", "ID", "UNIQUE", "PK", "NORMAL", "ASC"),
    ],
    "all_cons_columns": [("FK", "A", "HR", "PEOPLE", "X"), ("FK", "B", "HR", "PEOPLE", "Y")],
}


class Answer:
    def __init__(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._rows = rows

    async def batches(self, _: int) -> AsyncIterator[Sequence[tuple[object, ...]]]:
        yield self._rows


class Answers:
    """Stands for a session: gives the rows of the first view that a query names, of the table that it asks for."""

    async def run(self, statement: Statement) -> list[Answer]:
        view = min((name for name in ROWS if name in statement.text), key=statement.text.index)
        wanted = [each.value for each in statement.arguments]
        rows: Sequence[tuple[object, ...]] = ROWS[view]
        if view == "all_objects" and wanted:
            rows = [row for row in rows if [f'"{row[0]}"'.encode(), f'"{row[1]}"'.encode()] == wanted]
        return [Answer(rows)]


async def test_tables_are_told_once() -> None:
    found = await OracleCatalog().tables(Answers())  # type: ignore[arg-type]
    assert [(each.schema, each.name, each.kind, each.rows, each.comment) for each in found] == [
        ("HR", "RECENT", "view", None, ""),
        ("SALES", "ORDERS", "table", 5, "what was ordered"),
        ("SALES", "TOTALS", "materialized view", 7, ""),
    ]


async def test_a_table_is_told_with_columns_keys_and_indexes() -> None:
    orders = await OracleCatalog().table(Answers(), "SALES", "ORDERS")  # type: ignore[arg-type]
    assert [(each.name, each.type, each.is_nullable, each.default) for each in orders.columns] == [
        ("ID", "number(38)", False, "identity"),
        ("PRICE", "number(10,2)", True, "0"),
        ("AMOUNT", "number", True, None),
        ("NAME", "varchar2(20)", False, None),
        ("AT", "timestamp(6) with time zone", True, None),
        ("TWICE", "number", True, '"PRICE"*2'),
        ("TAG", "raw(16)", True, None),
    ]
    assert [each.name for each in orders.columns if each.is_generated] == ["ID", "TWICE"]
    assert orders.key == ("ID",)
    assert [(each.name, each.is_unique) for each in orders.indexes] == [("PK", True), ("BY_NAME", False)]
    (key,) = orders.foreign_keys
    assert (key.columns, key.table, key.references) == (("A", "B"), "PEOPLE", ("X", "Y"))


async def test_what_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(NotFound):
        await OracleCatalog().table(Answers(), "SALES", "NOTHING")  # type: ignore[arg-type]
