"""Keys as records of files: whatever is in a key comes back from JSON Lines, CSV and Parquet as it was."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.keys.checked import Words
from tidemill.engine.keys.containers import Member
from tidemill.engine.keys.records import Part, as_text, dumped, part_of, value_of, writes
from tidemill.engine.keys.replies import Double, Map, Reply, to_json
from tidemill.engine.sql.annotations import Format
from tidemill.engine.table_files import CsvRecords, JsonLines, Record
from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import BadRequest
from tidemill.queries.parquet_records import ParquetRecords
from tidemill.queries.row_writers import row_writer

NAME = b"there"
BYTES = st.one_of(
    st.binary(max_size=12), st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b'{"$base64":"AA=="}', b'{"$map":[]}', b"$map", b"$dump", b'"', b"", b"12", b"null", b"\r\n"]),
)  # fmt: skip
NAMES = st.lists(BYTES, min_size=1, max_size=6, unique=True)


def through(form: Format, key: bytes, kind: str, value: str) -> Part:
    is_text = form is not Format.JSON
    texts = [Column(name, DataType(name="text", kind=Kind.TEXT if is_text else Kind.JSON)) for name in ("key", "value")]
    kind_column = Column("type", DataType(name="text", kind=Kind.TEXT))
    writer = row_writer(form, [texts[0], kind_column, texts[1]], big_numbers_as_text=False)
    cells = [as_text(each) if is_text else each.encode() for each in (to_json(key), value)]
    file = writer.write([(cells[0], kind, cells[1])]) + writer.finish()
    (record,) = records(form, file)
    return part_of(record, {})


def records(form: Format, file: bytes) -> Sequence[Record]:
    if form is Format.PARQUET:
        return [each for batch in ParquetRecords(io.BytesIO(file)) for each in batch]
    reader = CsvRecords() if form is Format.CSV else JsonLines()
    return [*reader.feed(file), *reader.end()]


def written(form: Format, key: bytes, kind: str, members: Sequence[tuple[Reply, ...]]) -> list[Words]:
    value = value_of(kind, [Member(each, "1") for each in members])
    part = through(form, key, kind, value)
    assert (part.key, part.kind) == (key, kind)
    return writes(part, NAME)


@pytest.mark.parametrize("form", list(Format))
@settings(max_examples=60)
@given(key=BYTES, value=BYTES, names=NAMES, values=st.lists(BYTES, min_size=6, max_size=6))
def test_every_byte_comes_back(form: Format, key: bytes, value: bytes, names: list[bytes], values: list[bytes]) -> None:
    assert written(form, key, "string", [(0, value)]) == [(b"SET", NAME, value)]
    assert written(form, key, "list", [(at, each) for at, each in enumerate(values)]) == [(b"RPUSH", NAME, *values)]
    assert written(form, key, "set", [(each,) for each in names]) == [(b"SADD", NAME, *names)]
    pairs = list(zip(names, values, strict=False))
    flat = [each for pair in pairs for each in pair]
    assert written(form, key, "hash", pairs) == [(b"HSET", NAME, *flat)]
    scored = [(name, Double("-0.1")) for name in names]
    assert written(form, key, "zset", scored) == [(b"ZADD", NAME, *(each for at in names for each in (b"-0.1", at)))]
    twice: list[tuple[Reply, Reply]] = [*pairs, *pairs]
    assert written(form, key, "stream", [(b"1-1", Map(twice))]) == [(b"XADD", NAME, b"1-1", *flat, *flat)]
    assert writes(through(form, key, "ReJSON-RL", dumped(value)), NAME) == [(b"RESTORE", NAME, b"0", value)]


def test_fields_that_end_and_numbers_without_end() -> None:
    members = [Member((b"a", b"1"), ""), Member((b"b", b"2"), "")]
    value = value_of("hash", members, [-1, 250])
    assert value == '[["a","1"],["b","2",250]]'
    part = Part(key=b"k", kind="hash", ttl_ms=None, number=1, value=value.encode())
    assert writes(part, NAME) == [
        (b"HSET", NAME, b"a", b"1", b"b", b"2"), (b"HPEXPIRE", NAME, b"250", b"FIELDS", b"1", b"b"),
    ]  # fmt: skip
    endless = Part(key=b"k", kind="zset", ttl_ms=None, number=1, value=b'{"a": "-Infinity"}')
    assert writes(endless, NAME) == [(b"ZADD", NAME, b"-Infinity", b"a")]


def test_type_is_seen_in_the_value_where_it_is_left_out() -> None:
    def kind(value: bytes) -> str:
        return part_of(Record(1, {"key": b'"k"', "value": value}), {}).kind

    assert [kind(each) for each in (b'"x"', b"12", b'{"$base64":"AA=="}', b'["a"]', b'{"a":"b"}')] == [
        "string", "string", "string", "list", "hash",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"key": b'"k"'}, "a key and a value"),
        ({"key": b'"k"', "value": b'"v"', "size": b"1"}, "no 'size'"),
        ({"key": b'"k"', "value": b'"v"', "ttl_ms": b"-1"}, "ttl_ms"),
        ({"key": b'"k"', "value": b'"v"', "ttl_ms": b"0"}, "ttl_ms"),
        ({"key": b'"k"', "value": b"true"}, "the value"),
        ({"key": b'"k"', "value": b'"v"', "type": b'"list"'}, "does not fit"),
        ({"key": b'"k"', "value": b"[]"}, "at least one"),
        ({"key": b'"k"', "value": b'["a","a"]', "type": b'"set"'}, "twice"),
        ({"key": b'"k"', "value": b'[["a",1],["a",2]]', "type": b'"zset"'}, "twice"),
        ({"key": b'"k"', "value": b'{"a":1,"a":2}'}, "twice"),
        ({"key": b'"k"', "value": b'[["a"]]', "type": b'"zset"'}, "number of parts"),
        ({"key": b'"k"', "value": b'"x"', "type": b'"ReJSON-RL"'}, "$dump"),
        ({"key": b'"k"', "value": b'{"$base64":"?"}'}, "base64"),
    ],
)
def test_what_is_no_key_is_refused(values: dict[str, bytes], told: str) -> None:
    with pytest.raises(BadRequest, match=told.replace("$", r"\$")):
        writes(part_of(Record(1, dict(values)), {}), NAME)
