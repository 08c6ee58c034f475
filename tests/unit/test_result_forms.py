"""Rows as JSON, JSON Lines, CSV and Parquet: every kind of value keeps what the database gave."""

import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.cell_json import RowEncoder, ScalarEncoder
from tidemill.engine.sql.annotations import Format
from tidemill.model.column import BinaryText, Column, DataType, Kind, Row
from tidemill.model.errors import QueryFailed
from tidemill.queries.row_writers import row_writer


def column(kind: Kind, name: str = "c", **more: object) -> Column:
    return Column(name, DataType(name=str(kind), kind=kind, **more))  # type: ignore[arg-type]


TEXT = column(Kind.TEXT).type
COLUMNS = [
    column(Kind.BOOL, "bool"),
    column(Kind.INTEGER, "int"),
    column(Kind.INTEGER, "huge", bits=0),
    column(Kind.FLOAT, "float"),
    column(Kind.DECIMAL, "decimal", precision=30, scale=20),
    column(Kind.DECIMAL, "free"),
    column(Kind.TEXT, "text"),
    column(Kind.BINARY, "bytes", binary=BinaryText.HEX),
    column(Kind.BINARY, "base64"),
    column(Kind.DATE, "date"),
    column(Kind.TIME, "time"),
    column(Kind.TIMETZ, "timetz"),
    column(Kind.TIMESTAMP, "stamp"),
    column(Kind.TIMESTAMPTZ, "stamptz"),
    column(Kind.INTERVAL, "interval"),
    column(Kind.JSON, "json"),
    column(Kind.UUID, "uuid"),
    column(Kind.ARRAY, "array", item=column(Kind.DECIMAL).type),
    column(Kind.STRUCT, "struct", fields=(column(Kind.JSON, "a"), column(Kind.TEXT, "b"))),
    column(Kind.MAP, "map", fields=(column(Kind.TEXT, "key"), column(Kind.INTEGER, "value"))),
]
ROW: Row = (
    True, 9223372036854775807, 2**100, 0.1, Decimal("1.50000000000000000001"), Decimal("0.10"), 'it, "is"\n',
    b"\x00\xff", b"\x00\xff", "2024-02-29", "23:59:59.999999", "12:00:00+02:00", "2024-02-29 12:00:00.000001",
    "2024-02-29 12:00:00.5 UTC", "P1Y2M", b'{"a": 1.10}', "00000000-0000-0000-0000-000000000001",
    [Decimal("1.50"), None], {"a": b"[1.0]", "b": None}, [("x", 1)],
)  # fmt: skip
NULLS: Row = (None,) * len(ROW)


def written(form: Format, columns: list[Column], rows: list[Row], **more: bool) -> bytes:
    writer = row_writer(form, columns, big_numbers_as_text=more.get("big", False))
    return b"".join([*(writer.write([row]) for row in rows), writer.finish()])


def test_json_has_the_digits_and_the_order_of_the_database() -> None:
    assert RowEncoder(COLUMNS).objects([ROW]).decode() == (
        '{"bool":true,"int":9223372036854775807,"huge":1267650600228229401496703205376,"float":0.1,'
        '"decimal":"1.50000000000000000001","free":0.10,"text":"it, \\"is\\"\\n","bytes":"\\\\x00ff","base64":"AP8=",'
        '"date":"2024-02-29","time":"23:59:59.999999","timetz":"12:00:00+02:00","stamp":"2024-02-29 12:00:00.000001",'
        '"stamptz":"2024-02-29 12:00:00.5 UTC","interval":"P1Y2M","json":{"a": 1.10},'
        '"uuid":"00000000-0000-0000-0000-000000000001","array":[1.50,null],"struct":{"a":[1.0],"b":null},"map":{"x":1}}'
    )
    assert set(json.loads(RowEncoder(COLUMNS).objects([NULLS])).values()) == {None}


def test_big_numbers_can_be_texts() -> None:
    found = json.loads(RowEncoder(COLUMNS, big_numbers_as_text=True).objects([ROW]))
    assert (found["int"], found["huge"], found["free"], found["array"]) == (
        "9223372036854775807", "1267650600228229401496703205376", "0.10", ["1.50", None],
    )  # fmt: skip
    assert ScalarEncoder([COLUMNS[1]], big_numbers_as_text=True).objects([(2**53 - 1,), (2**53,)]) == (
        b'9007199254740991,"9007199254740992"'
    )


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_a_decimal_comes_back_as_it_was(value: Decimal) -> None:
    if value.is_snan():
        return
    raw = ScalarEncoder([column(Kind.DECIMAL)]).objects([(value,)])
    back = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    if value.is_finite():
        assert Decimal(back).compare_total(Decimal(format(value, "f"))) == 0
        assert isinstance(back, str) or Decimal(repr(float(raw))) == value, "a number that a float would change"
    else:
        assert back == str(value)


@given(st.floats())
def test_a_float_comes_back_as_it_was(value: float) -> None:
    raw = ScalarEncoder([column(Kind.FLOAT)]).objects([(value,)])
    assert repr(float(json.loads(raw))) == repr(value)


def test_two_columns_of_one_name_are_refused_and_scalars_need_none() -> None:
    twice = [column(Kind.TEXT), column(Kind.TEXT)]
    for form in Format:
        with pytest.raises(QueryFailed, match="Two columns of the result are called 'c'"):
            row_writer(form, twice, big_numbers_as_text=False)
    assert ScalarEncoder(twice).objects([("a", "b")]) == b'"a"'


def test_json_that_cannot_be_passed_on_is_named() -> None:
    with pytest.raises(QueryFailed, match=r"The column 'c' holds JSON .* the key 'a' twice.* Cast it to text"):
        RowEncoder([column(Kind.JSON)]).objects([(b'{"a":1,"a":2}',)])


def test_lines_are_the_same_objects() -> None:
    assert written(Format.JSON, COLUMNS, [ROW, NULLS]).split(b"\n")[0] == RowEncoder(COLUMNS).objects([ROW])
    assert written(Format.JSON, COLUMNS, []) == b""


def test_csv_tells_null_from_an_empty_text() -> None:
    columns = [column(Kind.TEXT, "a,b"), column(Kind.DECIMAL, "d"), column(Kind.JSON, "j"), column(Kind.BOOL, "e")]
    rows: list[Row] = [
        ("", Decimal("1.50"), b'{"a": 1}', True),
        (None, None, None, None),
        ("x\n", Decimal("NaN"), b"1", False),
    ]
    assert written(Format.CSV, columns, rows).decode() == (
        '"a,b",d,j,e\r\n"",1.50,"{""a"": 1}",true\r\n,,,\r\n"x\n",NaN,1,false\r\n'
    )
    assert written(Format.CSV, columns, []) == b'"a,b",d,j,e\r\n'


def test_parquet_has_types_that_keep_the_values() -> None:
    table = pq.read_table(io.BytesIO(written(Format.PARQUET, COLUMNS, [ROW, NULLS])))
    types = {field.name: field.type for field in table.schema}
    assert types["decimal"] == pa.decimal128(30, 20)
    assert (types["huge"], types["free"], types["json"]) == (pa.string(), pa.string(), pa.string())
    assert types["stamptz"] == pa.timestamp("us", tz="UTC")
    row, nulls = table.to_pylist()
    assert row["int"] == 9223372036854775807
    assert (row["huge"], row["decimal"], row["free"]) == (str(2**100), Decimal("1.50000000000000000001"), "0.10")
    assert row["stamp"].isoformat() == "2024-02-29T12:00:00.000001"
    assert row["stamptz"].isoformat() == "2024-02-29T12:00:00.500000+00:00"
    assert row["time"].isoformat() == "23:59:59.999999"
    assert row["date"].isoformat() == "2024-02-29"
    assert (row["array"], row["struct"], row["map"]) == (["1.50", None], {"a": "[1.0]", "b": None}, [("x", 1)])
    assert set(nulls.values()) == {None}
    assert pq.read_table(io.BytesIO(written(Format.PARQUET, COLUMNS, []))).num_rows == 0


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        (column(Kind.TIMESTAMP), "infinity"),
        (column(Kind.DATE), "0044-03-15 BC"),
        (column(Kind.DECIMAL, precision=5, scale=2), Decimal("NaN")),
        (column(Kind.DECIMAL, precision=5, scale=2), Decimal("1000.00")),
        (column(Kind.ARRAY, item=column(Kind.INTEGER).type), [[1], [2]]),
    ],
)
def test_parquet_names_what_it_has_no_form_for(wrong: Column, value: object) -> None:
    with pytest.raises(QueryFailed, match=r"The column 'c' .* holds a value that Parquet has no form for.*Cast"):
        written(Format.PARQUET, [wrong], [(value,)])


def test_parquet_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemill.queries.parquet_writer.GROUP_ROWS", 3)
    writer = row_writer(Format.PARQUET, [column(Kind.INTEGER)], big_numbers_as_text=False)
    pieces = [writer.write([(number,)]) for number in range(7)] + [writer.finish()]
    assert [index for index, piece in enumerate(pieces) if piece] == [2, 5, 7]
    file = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert file.metadata.num_row_groups == 3
    assert file.read().column("c").to_pylist() == list(range(7))
