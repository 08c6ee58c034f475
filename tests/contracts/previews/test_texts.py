"""CSV, JSON and spreadsheets: cells stay the texts that they are."""

import datetime
import io
from typing import Any

import openpyxl
import pytest

from tests.contracts.previews.conftest import Asker, names, rows, texts, types
from tidemill.model.errors import BadRequest, PreviewFailed
from tidemill.previews.table import Format

CSV = b'id,zip,price,when,text,ok\n1,00501,1.10,2024-01-02,"a ""b"", c",true\n2,,2,2024-01-03,"",false\n'


async def test_csv_cells_are_what_was_written(ask: Asker) -> None:
    page = await ask.page(CSV, Format.CSV)
    assert names(page) == ["id", "zip", "price", "when", "text", "ok"]
    assert types(page) == ["BIGINT", "VARCHAR", "DOUBLE", "DATE", "VARCHAR", "BOOLEAN"]
    assert texts(page) == [
        ["1", '"00501"', '"1.10"', '"2024-01-02"', '"a \\"b\\", c"', "true"],
        ["2", "null", "2", '"2024-01-03"', '""', "false"],
    ]
    assert (page.separator, page.has_header, page.encoding) == (",", True, "utf-8")
    assert (page.total, page.next_offset) == (2, None)


async def test_csv_is_ordered_and_compared_as_what_it_looks_like(ask: Asker) -> None:
    data = b"n,t\n" + b"".join(b"%d,x%d\n" % (number, number) for number in (9, 10, 100, 2))
    page = await ask.page(data, Format.CSV, order_by="n", filters='{"n": {"type": "greaterThan", "filter": 2}}')
    assert [row[0] for row in rows(page)] == [9, 10, 100]
    assert await ask.count(data, Format.CSV, search="x10") == 2


async def test_what_does_not_look_like_its_column_is_kept(ask: Asker) -> None:
    data = b"n\n" + b"1\n" * 5000 + b"many\n0x1F\n99999999999999999999\n-0\n1e3\n"
    page = await ask.page(data, Format.CSV, offset=4999)
    assert types(page) == ["BIGINT"]
    assert [row[0] for row in rows(page)] == [1, "many", "0x1F", "99999999999999999999", "-0", "1e3"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
async def test_separators_are_found_out_or_given(ask: Asker, separator: str) -> None:
    data = f"a{separator}b\n1,5{separator}x\n2,5{separator}y\n".encode()
    for given in ("", separator):
        page = await ask.page(data, Format.CSV, separator=given)
        assert rows(page) == [["1,5", "x"], ["2,5", "y"]]
        assert page.separator == separator


async def test_header_can_be_denied_and_names_may_repeat(ask: Asker) -> None:
    page = await ask.page(b"a,b\n1,2\n", Format.CSV, has_header=False)
    assert rows(page) == [["a", "b"], ["1", "2"]] or rows(page) == [["a", "b"], [1, 2]]
    page = await ask.page(b"a,A,a\n1,2,3\n", Format.CSV, has_header=True)
    assert len(set(names(page))) == 3
    assert rows(page) == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-16", "utf-16"), ("cp1252", "cp1252"), ("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16-le")],
)
async def test_csv_in_other_encodings(ask: Asker, encoding: str, written: str) -> None:
    data = ("name,n\n" + "é€,1\n" * 3000).encode(written)
    page = await ask.page(data, Format.CSV, encoding=encoding, limit=1, offset=2999)
    assert names(page) == ["name", "n"]
    assert rows(page) == [["é€", 1]]
    assert await ask.count(data, Format.CSV, encoding=encoding) == 3000


async def test_a_row_with_too_many_cells_is_an_error_that_names_its_line(ask: Asker) -> None:
    with pytest.raises(PreviewFailed, match="Line: 3002"):
        await ask.page(b"a,b\n" + b"1,2\n" * 3000 + b"1,2,3\n", Format.CSV, offset=2990)


async def test_empty_objects_are_empty_tables(ask: Asker) -> None:
    for format_ in (Format.CSV, Format.JSON_LINES):
        page = await ask.page(b"", format_)
        assert page.rows == []
        assert page.next_offset is None


LINES = b"""{"id": 1, "big": 123456789012345678901234567890, "price": 1.10, "in": {"x": [1, 2.50]}, "t": "\xc3\xa9"}
{"id": 2, "t": null, "ID": "other"}

[1, 2]
"""


async def test_json_lines_keep_every_number(ask: Asker) -> None:
    page = await ask.page(LINES, Format.JSON_LINES)
    assert names(page) == ["id", "big", "price", "in", "t", "ID", "value"]
    assert types(page) == ["BIGINT", "DOUBLE", "DOUBLE", "JSON", "VARCHAR", "VARCHAR", "JSON"]
    assert texts(page) == [
        ["1", '"123456789012345678901234567890"', '"1.10"', '{"x": [1, 2.50]}', '"é"', "null", "null"],
        ["2", "null", "null", "null", "null", '"other"', "null"],
        ["null", "null", "null", "null", "null", "null", "[1, 2]"],
    ]
    assert page.total == 3


async def test_keys_that_come_late_are_shown_too(ask: Asker) -> None:
    data = b'{"a": 1}\n' * 3000 + b'{"a": 2, "late": [1.50]}\n{"a": 3}\n'
    page = await ask.page(data, Format.JSON_LINES, offset=2999)
    assert names(page) == ["a", "late"]
    assert texts(page) == [["1", "null"], ["2", "[1.50]"], ["3", "null"]]
    assert rows(await ask.page(data, Format.JSON_LINES, search="LATE")) == [[2, [1.5]]]


async def test_json_is_searched_by_its_texts_and_ordered_by_its_values(ask: Asker) -> None:
    data = b"".join(b'{"n": %d, "t": "x%d"}\n' % (number, number) for number in (9, 10, 100, 2))
    page = await ask.page(data, Format.JSON_LINES, order_by="n", descending=True)
    assert [row[0] for row in rows(page)] == [100, 10, 9, 2]
    page = await ask.page(data, Format.JSON_LINES, filters='{"t": {"type": "equals", "filter": "x10"}}')
    assert rows(page) == [[10, "x10"]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b' [{"a": 1}, {"a": 2}] ', [[1], [2]]),
        (b'{"a": {"b": 1}}', [[{"b": 1}]]),
        (b"[1, [2]]", [[1], [[2]]]),
        (b"[]", []),
    ],
)
async def test_json_documents(ask: Asker, data: bytes, expected: list[list[Any]]) -> None:
    assert rows(await ask.page(data, Format.JSON)) == expected


@pytest.mark.parametrize(
    ("data", "format_", "match"),
    [
        (b'{"a": 1}\n{"a": \n', Format.JSON_LINES, "Line 2"),
        (b'{"a": "\xff"}\n', Format.JSON_LINES, "Line 1"),
        (b"[1,", Format.JSON, "not JSON"),
        (b"<html>", Format.JSON, "not JSON"),
    ],
)
async def test_broken_json_is_an_error(ask: Asker, data: bytes, format_: Format, match: str) -> None:
    with pytest.raises(PreviewFailed, match=match):
        await ask.page(data, format_)


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


BOOK = workbook(
    People=[
        ["name", "zip", "born", "height", "member"],
        ["Zoë", "00501", datetime.date(1990, 5, 17), 1.85, True],
        ["Al", None, datetime.datetime(2000, 1, 2, 3, 4, 5), 2, False],
    ],
    Empty=[],
    Plain=[[1, 2], [3, 4]],
)


async def test_spreadsheets_are_read_sheet_by_sheet(ask: Asker) -> None:
    page = await ask.page(BOOK, Format.SPREADSHEET)
    assert names(page) == ["name", "zip", "born", "height", "member"]
    assert rows(page) == [
        ["Zoë", "00501", "1990-05-17", 1.85, True],
        ["Al", None, "2000-01-02 03:04:05", 2, False],
    ]
    assert (page.sheet, page.sheets, page.has_header) == ("People", ["People", "Empty", "Plain"], True)
    page = await ask.page(BOOK, Format.SPREADSHEET, sheet="Plain", order_by="B", descending=True)
    assert (names(page), rows(page)) == (["A", "B"], [[3, 4], [1, 2]])
    assert (await ask.page(BOOK, Format.SPREADSHEET, sheet="Empty")).rows == []
    assert await ask.count(BOOK, Format.SPREADSHEET, search="zoë") == 1
    with pytest.raises(BadRequest, match="People, Empty, Plain"):
        await ask.page(BOOK, Format.SPREADSHEET, sheet="no such")
