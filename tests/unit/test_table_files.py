"""Files of rows, read in pieces of any size: each record with its line, null and empty apart."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.table_files import CsvRecords, JsonLines, Record, RecordReader
from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import BadRequest
from tidemill.queries.row_writers import CsvWriter

TEXT = Column("t", DataType(name="text", kind=Kind.TEXT))
OTHER = Column('o"', DataType(name="text", kind=Kind.TEXT))


def read(reader: RecordReader, content: bytes, size: int) -> list[Record]:
    found: list[Record] = []
    for at in range(0, len(content), size):
        found += reader.feed(content[at : at + size])
    return found + list(reader.end())


def plain(records: list[Record]) -> list[tuple[int, dict[str, Any]]]:
    return [
        (each.line, {name: None if raw is None else json.loads(raw) for name, raw in each.values.items()})
        for each in records
    ]


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.none() | st.text('a,"\r\n \t😀\x00', max_size=6)] * 2), max_size=6),
    size=st.integers(1, 40),
)
def test_csv_that_we_write_is_read_as_it_was(rows: list[tuple[str | None, str | None]], size: int) -> None:
    writer = CsvWriter([TEXT, OTHER])
    content = writer.write(rows) + writer.finish()
    found = plain(read(CsvRecords(), content, size))
    assert [(values["t"], values['o"']) for _, values in found] == rows


def test_csv_of_others_is_read_with_the_line_of_each_record() -> None:
    content = '\ufeffa,b\n1,"x\n""y"""\r\n\n"",\n ä ,"2"'.encode()
    for size in (1, 2, 7, 100):
        assert plain(read(CsvRecords(), content, size)) == [
            (2, {"a": "1", "b": 'x\n"y"'}),
            (5, {"a": "", "b": None}),
            (6, {"a": " ä ", "b": "2"}),
        ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n1,2,3\n", "Line 3 has 3 fields"),
        (b'a,b\n1,"2\n', "Line 2"),
        (b'a,b\n1,2"3"\n', "Line 2"),
        (b"a,a\n", "name of its own"),
        (b"a,b\n\xff,2\n", "UTF-8"),
    ],
)
def test_what_is_no_csv_is_told_with_its_line(content: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        read(CsvRecords(), content, 5)


def test_json_lines_keep_the_digits_and_tell_their_lines() -> None:
    content = b'\xef\xbb\xbf{"a": 1.10, "b": {"c": [1]}}\n\n{"a": null}'
    for size in (1, 3, 100):
        first, second = read(JsonLines(), content, size)
        assert (first.line, first.values) == (1, {"a": b"1.10", "b": b'{"c": [1]}'})
        assert (second.line, second.values) == (3, {"a": b"null"})
    for wrong in (b'{"a": 1}\n[1]\n', b'{"a": 1}\n{"a": }\n'):
        with pytest.raises(BadRequest, match="Line 2"):
            read(JsonLines(), wrong, 4)
