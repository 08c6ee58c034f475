"""Parquet and Arrow: values arrive as they were written, and pages fit together."""

import datetime
import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.feather
import pytest

from tests.contracts.previews.conftest import Asker, Counted, names, parquet, rows, types
from tidemill.model.errors import BadRequest
from tidemill.previews.table import Format

MOMENT = 1_700_000_000_123_456_789

EVERYTHING = pa.table(
    {
        "int64": pa.array([2**63 - 1, -5, None], pa.int64()),
        "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "exact": pa.array([2**53 - 1, 2**53, None], pa.int64()),
        "decimal": pa.array([Decimal("12345678901234567890.10"), Decimal("0.00"), None], pa.decimal128(38, 2)),
        "double": pa.array([0.1, float("nan"), float("-inf")], pa.float64()),
        "nanoseconds": pa.array([MOMENT, 0, None], pa.timestamp("ns")),
        "zoned": pa.array([1_700_000_000_000_001, 0, None], pa.timestamp("us", tz="Europe/Paris")),
        "date": pa.array([datetime.date(9999, 12, 31), datetime.date(1, 1, 1), None], pa.date32()),
        "bytes": pa.array([b"\x00\xff", b"", None], pa.binary()),
        "flag": pa.array([True, False, None], pa.bool_()),
        "text": pa.array(['quo"te, é \U0001f30a', "", None], pa.string()),
        "list": pa.array([[2**60, None], [], None], pa.list_(pa.int64())),
        "struct": pa.array(
            [{"at": MOMENT, "amount": Decimal("1.10")}, {"at": None, "amount": None}, None],
            pa.struct({"at": pa.timestamp("ns"), "amount": pa.decimal128(10, 2)}),
        ),
        "map": pa.array([[("a", 1), ("b", None)], [], None], pa.map_(pa.string(), pa.int32())),
    }
)
AS_JSON = [
    ["9223372036854775807", -5, None],
    ["18446744073709551615", 0, None],
    [2**53 - 1, str(2**53), None],
    ["12345678901234567890.10", "0.00", None],
    [0.1, "NaN", "-Infinity"],
    ["2023-11-14 22:13:20.123456789", "1970-01-01 00:00:00", None],
    ["2023-11-14 22:13:20.000001+00", "1970-01-01 00:00:00+00", None],
    ["9999-12-31", "0001-01-01", None],
    ["AP8=", "", None],
    [True, False, None],
    ['quo"te, é \U0001f30a', "", None],
    [[str(2**60), None], [], None],
    [
        {"at": "2023-11-14 22:13:20.123456789", "amount": "1.10"},
        {"at": None, "amount": None},
        None,
    ],
    [{"a": 1, "b": None}, {}, None],
]


def feather(table: pa.Table, compression: str) -> bytes:
    target = io.BytesIO()
    pyarrow.feather.write_feather(table, target, compression=compression, chunksize=1000)
    return target.getvalue()


def stream(table: pa.Table) -> bytes:
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    return target.getvalue()


FORMS = {
    "parquet": (Format.PARQUET, parquet),
    "feather-lz4": (Format.ARROW, lambda table: feather(table, "lz4")),
    "feather-zstd": (Format.ARROW, lambda table: feather(table, "zstd")),
    "feather-plain": (Format.ARROW, lambda table: feather(table, "uncompressed")),
    "stream": (Format.ARROW, stream),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_value_arrives_as_it_was_written(ask: Asker, form: str) -> None:
    format_, write = FORMS[form]
    page = await ask.page(write(EVERYTHING), format_)
    assert names(page) == EVERYTHING.column_names
    for number, name in enumerate(names(page)):
        assert [row[number] for row in rows(page)] == AS_JSON[number], name
    assert page.next_offset is None
    assert page.total == 3


async def test_types_are_those_of_sql(ask: Asker) -> None:
    page = await ask.page(parquet(EVERYTHING), Format.PARQUET, limit=0)
    assert dict(zip(names(page), types(page), strict=True)) == {
        "int64": "BIGINT",
        "uint64": "UBIGINT",
        "exact": "BIGINT",
        "decimal": "DECIMAL(38,2)",
        "double": "DOUBLE",
        "nanoseconds": "TIMESTAMP_NS",
        "zoned": "TIMESTAMP WITH TIME ZONE",
        "date": "DATE",
        "bytes": "BLOB",
        "flag": "BOOLEAN",
        "text": "VARCHAR",
        "list": "BIGINT[]",
        "struct": 'STRUCT("at" TIMESTAMP_NS, amount DECIMAL(10,2))',
        "map": "MAP(VARCHAR, INTEGER)",
    }
    assert page.rows == []
    assert page.next_offset == 0


NUMBERS = pa.table(
    {
        "id": list(range(5000)),
        "group": [number % 3 for number in range(5000)],
        "name": [f"Name {number}" for number in range(5000)],
    }
)


@pytest.mark.parametrize("form", FORMS)
async def test_pages_of_an_order_with_equals_hold_every_row_once(ask: Asker, form: str) -> None:
    format_, write = FORMS[form]
    data = write(NUMBERS)
    found: list[int] = []
    offset: int | None = 0
    while offset is not None:
        page = await ask.page(data, format_, offset=offset, limit=2100, order_by="group", descending=True)
        found += [row[0] for row in rows(page)]
        offset = page.next_offset
    assert found == sorted(range(5000), key=lambda number: (-(number % 3), number))


@pytest.mark.parametrize("form", FORMS)
async def test_search_and_count_agree(ask: Asker, form: str) -> None:
    format_, write = FORMS[form]
    data = write(NUMBERS)
    page = await ask.page(data, format_, search="nAME 499", search_column="name")
    assert [row[0] for row in rows(page)] == [499, *range(4990, 5000)]
    assert page.total == 11
    assert await ask.count(data, format_, search="nAME 499", search_column="name") == 11
    assert await ask.count(data, format_) == 5000


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ('{"name": "name 4999"}', [4999]),
        ('{"id": {"type": "equals", "filter": 7}}', [7]),
        ('{"id": {"type": "inRange", "filter": 3, "filterTo": "5"}}', [3, 4, 5]),
        ('{"id": {"type": "lessThan", "filter": 3}, "group": {"type": "notEqual", "filter": 1}}', [0, 2]),
        ('{"id": {"operator": "OR", "conditions": [{"type": "lessThan", "filter": 1}, {"values": [9]}]}}', [0, 9]),
        ('{"name": {"type": "endsWith", "filter": " 4998"}}', [4998]),
        ('{"name": {"type": "blank"}}', []),
        ('{"name": {"values": ["Name 1", null]}}', [1]),
    ],
)
async def test_filters(ask: Asker, filters: str, expected: list[int]) -> None:
    page = await ask.page(parquet(NUMBERS), Format.PARQUET, filters=filters)
    assert [row[0] for row in rows(page)] == expected


@pytest.mark.parametrize(
    "how",
    [
        {"order_by": "no such"},
        {"search": "x", "search_column": "no such"},
        {"filters": '{"no such": "x"}'},
        {"filters": "[1]"},
        {"filters": '{"id": 5}'},
        {"filters": '{"id": {"type": "no such"}}'},
        {"filters": '{"id": {"type": "lessThan", "filter": "x"}}'},
        {"filters": '{"id": {"type": "lessThan", "filter": {}}}'},
        {"filters": '{"id": ' + '{"operator": "OR", "conditions": [' * 20 + '"x"' + "]}" * 20 + "}"},
        {"limit": 10_001},
        {"offset": -1},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(ask: Asker, how: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        await ask.page(parquet(NUMBERS), Format.PARQUET, **how)


async def test_names_that_look_like_sql_are_names(ask: Asker) -> None:
    name = """a"); drop table x; -- '"""
    data = parquet(pa.table({name: ["%_\\'", "b"], "file_row_number": [7, 7], "A": [1, 2], "a": [3, 4]}))
    page = await ask.page(data, Format.PARQUET, order_by=name, search="%_\\'", filters='{"A": {"values": [1]}}')
    assert rows(page) == [["%_\\'", 7, 1, 3]]


async def test_export_is_csv_of_all_rows(ask: Asker) -> None:
    table = pa.table({"id": [1, 2, 3], "text": ['a"b', "", None], "exact": pa.array([Decimal("1.10")] * 3)})
    assert await ask.export(parquet(table), Format.PARQUET) == b'id,text,exact\n1,"a""b",1.10\n2,"",1.10\n3,,1.10\n'


async def test_export_is_not_held_in_memory_and_reads_once(ask: Asker) -> None:
    source = Counted.of(data := parquet(pa.table({"id": list(range(300_000))}), row_group_size=20_000))
    exported = await ask.export(source, Format.PARQUET)
    assert exported.count(b"\n") == 300_001
    assert source.read_bytes <= len(data) + 64 * 1024
