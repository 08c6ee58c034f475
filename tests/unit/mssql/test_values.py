"""What SQL Server sends is read without loss; the bytes are those of [MS-TDS], and of pytds's own writers."""

import io
import struct
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytds import tds_base, tds_types
from pytds.collate import Collation
from pytds.tds_writer import _TdsWriter

from tidemill.model.column import Column, Kind
from tidemill.stores.databases.mssql.reading import read_type
from tidemill.stores.databases.mssql.values import Unreadable

LATIN = bytes.fromhex("0904d00034")


class Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def take(self, size: int) -> bytes:
        data = self._data.read(size)
        assert len(data) == size
        return data

    def counted(self) -> bytes:
        return self.take(self.take(1)[0])


def read(info: bytes, *values: bytes) -> tuple[Column, list[object]]:
    """The type, and its values one after the other; nothing is left over."""
    source = Bytes(info + b"".join(values))
    data_type, reader = read_type(source)
    found = [reader(source) for _ in values]
    with pytest.raises(AssertionError):
        source.take(1)
    return Column(data_type.name, data_type), found


def text(value: str) -> bytes:
    return value.encode("utf-16-le")


def piece(data: bytes, size: int | None = None) -> bytes:
    total = struct.pack("<Q", 0xFFFFFFFFFFFFFFFE if size is None else size)
    parts = [data[at : at + 7] for at in range(0, len(data), 7)]
    return total + b"".join(struct.pack("<I", len(each)) + each for each in parts) + bytes(4)


MOST = 10**38 - 1
LEAST = Decimal(-MOST).scaleb(-10, Context(prec=40))
NULL_MAX = b"\xff" * 8
FIXED: list[tuple[str, bytes, bytes, Kind, object]] = [
    ("bit", b"\x32", b"\1", Kind.BOOL, True),
    ("tinyint", b"\x30", b"\xff", Kind.INTEGER, 255),
    ("smallint", b"\x34", b"\x00\x80", Kind.INTEGER, -32768),
    ("int", b"\x38", b"\xff\xff\xff\xff", Kind.INTEGER, -1),
    ("bigint", b"\x7f", bytes(7) + b"\x80", Kind.INTEGER, -(2**63)),
    ("real", b"\x3b", struct.pack("<f", 0.1), Kind.FLOAT, 0.1),
    ("float", b"\x3e", struct.pack("<d", 0.1 + 0.2), Kind.FLOAT, 0.1 + 0.2),
    ("money", b"\x3c", bytes.fromhex("ffffff7fffffffff"), Kind.DECIMAL, Decimal("922337203685477.5807")),
    ("smallmoney", b"\x7a", struct.pack("<i", -1), Kind.DECIMAL, Decimal("-0.0001")),
    ("datetime", b"\x3d", struct.pack("<iI", -53690, 25919999), Kind.TIMESTAMP, "1753-01-01 23:59:59.997"),
    ("smalldatetime", b"\x3a", struct.pack("<HH", 65535, 1439), Kind.TIMESTAMP, "2079-06-06 23:59:00"),
]
COUNTED: list[tuple[str, bytes, bytes, Kind, object]] = [
    ("bit", b"\x68\1", b"\1\0", Kind.BOOL, False),
    ("bigint", b"\x26\x08", b"\x08" + struct.pack("<q", 2**63 - 1), Kind.INTEGER, 2**63 - 1),
    ("tinyint", b"\x26\1", b"\1\x80", Kind.INTEGER, 128),
    ("float", b"\x6d\x08", b"\x08" + struct.pack("<d", -0.5), Kind.FLOAT, -0.5),
    ("money", b"\x6e\x08", b"\x08" + struct.pack("<iI", 0, 15000), Kind.DECIMAL, Decimal("1.5000")),
    ("datetime", b"\x6f\x08", b"\x08" + struct.pack("<iI", 0, 1), Kind.TIMESTAMP, "1900-01-01 00:00:00.003"),
    ("date", b"\x28", b"\3" + (3652058).to_bytes(3, "little"), Kind.DATE, "9999-12-31"),
    ("time(7)", b"\x29\7", b"\5" + (863999999999).to_bytes(5, "little"), Kind.TIME, "23:59:59.9999999"),
    ("time(0)", b"\x29\0", b"\3" + (1).to_bytes(3, "little"), Kind.TIME, "00:00:01"),
    ("datetime2(7)", b"\x2a\7", b"\x08\1" + bytes(7), Kind.TIMESTAMP, "0001-01-01 00:00:00.0000001"),
    ("datetime2(3)", b"\x2a\3", b"\7\xf4\1" + bytes(5), Kind.TIMESTAMP, "0001-01-01 00:00:00.5"),
    (
        "datetimeoffset(7)",
        b"\x2b\7",
        b"\x0a" + (36000000001).to_bytes(5, "little") + (738944).to_bytes(3, "little") + struct.pack("<h", -330),
        Kind.TIMESTAMPTZ,
        "2024-02-29 01:00:00.0000001 UTC",
    ),
    ("decimal(38,10)", b"\x6a\x11\x26\x0a", b"\x11\0" + MOST.to_bytes(16, "little"), Kind.DECIMAL, LEAST),
    ("numeric(5,2)", b"\x6c\x05\5\2", b"\5\1" + (150).to_bytes(4, "little"), Kind.DECIMAL, Decimal("1.50")),
    (
        "uniqueidentifier",
        b"\x24\x10",
        b"\x10" + uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").bytes_le,
        Kind.UUID,
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
]  # fmt: skip
SIZED: list[tuple[str, bytes, bytes, Kind, object]] = [
    ("nvarchar(20)", b"\xe7\x28\0" + LATIN, b"\4\0" + text("☃x"), Kind.TEXT, "☃x"),
    ("nchar(2)", b"\xef\4\0" + LATIN, b"\4\0" + text("😀"), Kind.TEXT, "😀"),
    ("varchar(20)", b"\xa7\x14\0" + LATIN, b"\2\0\xe4\x80", Kind.TEXT, "ä€"),
    ("char(20)", b"\xaf\x14\0" + bytes.fromhex("0904d00400"), b"\3\0\xe2\x98\x83", Kind.TEXT, "☃"),
    ("varbinary(4)", b"\xa5\4\0", b"\2\0\x00\xff", Kind.BINARY, b"\0\xff"),
    ("binary(8)", b"\xad\x08\0", b"\x08\0" + bytes(7) + b"\1", Kind.BINARY, bytes(7) + b"\1"),
]
LARGE: list[tuple[str, bytes, bytes, Kind, object]] = [
    ("nvarchar(max)", b"\xe7\xff\xff" + LATIN, piece(text("long ☃ text")), Kind.TEXT, "long ☃ text"),
    ("nvarchar(max)", b"\xe7\xff\xff" + LATIN, piece(b"", 0), Kind.TEXT, ""),
    ("varchar(max)", b"\xa7\xff\xff" + LATIN, piece(b"caf\xe9 and more", 13), Kind.TEXT, "café and more"),
    ("varbinary(max)", b"\xa5\xff\xff", piece(bytes(range(20))), Kind.BINARY, bytes(range(20))),
    ("xml", b"\xf1\0", piece(text("\ufeff<a>☃</a>")), Kind.TEXT, "<a>☃</a>"),
    ("xml", b"\xf1\1\1" + text("d") + b"\1" + text("s") + b"\2\0" + text("cc"), piece(text("<a/>")), Kind.TEXT, "<a/>"),
    ("geometry", b"\xf0\xff\xff\0\0\x08" + text("geometry") + b"\0\0", piece(b"\1\2"), Kind.BINARY, b"\1\2"),
]  # fmt: skip
POINTED: list[tuple[str, bytes, bytes, Kind, object]] = [
    ("text", b"\x23" + bytes(4) + LATIN + b"\1\1\0" + text("t"), b"\x10" + bytes(24) + b"\1\0\0\0\xe4", Kind.TEXT, "ä"),
    ("ntext", b"\x63" + bytes(4) + LATIN + b"\0", b"\x10" + bytes(24) + b"\2\0\0\0" + text("☃"), Kind.TEXT, "☃"),
    ("image", b"\x22" + bytes(4) + b"\0", b"\x10" + bytes(24) + b"\2\0\0\0\0\xff", Kind.BINARY, b"\0\xff"),
]


@pytest.mark.parametrize(
    ("cases", "null"), [(FIXED, None), (COUNTED, b"\0"), (SIZED, b"\xff\xff"), (LARGE, NULL_MAX), (POINTED, b"\0")]
)
def test_values_arrive_as_they_were_sent(
    cases: list[tuple[str, bytes, bytes, Kind, object]], null: bytes | None
) -> None:
    for name, info, data, kind, value in cases:
        column, found = read(info, data, *([null] if null else []), data)
        assert (column.name, column.type.kind) == (name, kind)
        assert found == [value, *([None] if null else []), value]
        assert str(found[0]) == str(value)


VARIANTS: list[tuple[bytes, bytes]] = [
    (b"\x38\0" + struct.pack("<i", -5), b"-5"),
    (b"\x6a\2\x26\2\1" + (150).to_bytes(16, "little"), b"1.50"),
    (b"\xe7\7" + LATIN + b"\x40\x1f" + text('it\'s "☃"'), '"it\'s \\"☃\\""'.encode()),
    (b"\xa7\7" + LATIN + b"\x40\x1f" + b"\xe4", '"ä"'.encode()),
    (b"\x2a\1\7" + (1).to_bytes(5, "little") + bytes(3), b'"0001-01-01 00:00:00.0000001"'),
    (b"\xa5\2\x40\x1f\0\xff", b'"AP8="'),
    (b"\x32\0\1", b"true"),
    (b"\x24\0" + bytes(16), b'"00000000-0000-0000-0000-000000000000"'),
]


def test_a_variant_is_json_of_what_it_holds() -> None:
    for data, wanted in VARIANTS:
        column, found = read(b"\x62" + bytes(4), struct.pack("<I", len(data)) + data, bytes(4))
        assert (column.type.kind, found) == (Kind.JSON, [wanted, None])


def test_what_cannot_be_read_says_what_to_do() -> None:
    with pytest.raises(Unreadable, match="nvarchar"):
        read(b"\x01")
    with pytest.raises(Unreadable, match="utf-8"):
        read(b"\xa7\x14\0" + bytes.fromhex("0904d00400"), b"\1\0\xff")
    with pytest.raises(Unreadable, match="half of a character"):
        read(b"\xe7\x14\0" + LATIN, b"\2\0\x00\xd8")


class Sent:
    def __init__(self) -> None:
        self.data = bytearray()

    def sendall(self, data: bytes) -> None:
        self.data += data[8:]


FACTORY = tds_types.SerializerFactory(tds_base.TDS74)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def shown(moment: datetime | time) -> str:
    text_of_it = str(moment)
    return text_of_it.rstrip("0") if moment.microsecond else text_of_it


PYTDS: list[tuple[Any, st.SearchStrategy[Any], Callable[[Any], object]]] = [
    (tds_types.BigIntType(), st.integers(-(2**63), 2**63 - 1), int),
    (tds_types.DateTime2Type(6), MOMENTS, shown),
    (tds_types.TimeType(6), st.times(), shown),
    (tds_types.DateType(), st.dates(), date.isoformat),
    (
        tds_types.DateTimeOffsetType(6),
        st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES),
        lambda moment: shown(moment.astimezone(UTC).replace(tzinfo=None)) + " UTC",
    ),
    (tds_types.NVarCharType(40), st.text(st.characters(exclude_categories=["Cs"]), max_size=20), str),
    (tds_types.NVarCharMaxType(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), str),
    (tds_types.VarBinaryType(20), st.binary(max_size=20), bytes),
    (tds_types.UniqueIdentifierType(), st.uuids(), str),
    (tds_types.DecimalType(38, 6), st.decimals(-(10**30), 10**30, allow_nan=False, places=6), Decimal),
]


@given(st.data())
def test_what_the_drivers_own_writers_write_is_read(data: st.DataObject) -> None:
    sql_type, strategy, form = data.draw(st.sampled_from(PYTDS))
    value = data.draw(strategy)
    serializer = FACTORY.serializer_by_type(sql_type=sql_type, collation=Collation.unpack(LATIN))
    sent = Sent()
    writer = _TdsWriter(sent, 4096, None)
    writer.begin_packet(3)
    writer.put_byte(serializer.type)
    serializer.write_info(writer)
    serializer.write(writer, value)
    writer.flush()
    source = Bytes(bytes(sent.data))
    _, reader = read_type(source)
    assert reader(source) == form(value)
