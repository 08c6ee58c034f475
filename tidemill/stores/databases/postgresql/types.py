"""The types that every Postgres has, and how the text of their values is turned into our forms."""

from dataclasses import replace
from functools import lru_cache
from typing import Final, TypeAlias

from psycopg import postgres
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq.abc import PGresult
from psycopg.types.array import ArrayLoader
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader, NumericLoader
from psycopg.types.string import ByteaLoader, TextLoader

from tidemill.model.column import BinaryText, Column, DataType, Kind

_KINDS: Final[dict[str, DataType]] = {
    "bool": DataType(name="boolean", kind=Kind.BOOL),
    "int2": DataType(name="smallint", kind=Kind.INTEGER, bits=16),
    "int4": DataType(name="integer", kind=Kind.INTEGER, bits=32),
    "int8": DataType(name="bigint", kind=Kind.INTEGER),
    "oid": DataType(name="oid", kind=Kind.INTEGER, bits=32, is_unsigned=True),
    "float4": DataType(name="real", kind=Kind.FLOAT, bits=32),
    "float8": DataType(name="double precision", kind=Kind.FLOAT),
    "numeric": DataType(name="numeric", kind=Kind.DECIMAL),
    "bytea": DataType(name="bytea", kind=Kind.BINARY, binary=BinaryText.HEX),
    "date": DataType(name="date", kind=Kind.DATE),
    "time": DataType(name="time without time zone", kind=Kind.TIME),
    "timetz": DataType(name="time with time zone", kind=Kind.TIMETZ),
    "timestamp": DataType(name="timestamp without time zone", kind=Kind.TIMESTAMP),
    "timestamptz": DataType(name="timestamp with time zone", kind=Kind.TIMESTAMPTZ),
    "interval": DataType(name="interval", kind=Kind.INTERVAL),
    "json": DataType(name="json", kind=Kind.JSON),
    "jsonb": DataType(name="jsonb", kind=Kind.JSON),
    "uuid": DataType(name="uuid", kind=Kind.UUID),
}
"""What is not among them is text."""

VOID: Final = 2278
BIT: Final = postgres.types["bit"].oid
ONE_BIT: Final = 0xFFFFFFFE
"""No OID of Postgres's: stands for columns that are declared as a single bit."""
_TIMES: Final = frozenset({Kind.TIME, Kind.TIMETZ, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_HEADER: Final = 4
"""What Postgres adds to the length or precision that stands in a type's modifier."""


class RawLoader(Loader):
    """JSON as it is written."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class UtcLoader(Loader):
    """`2024-02-29 12:00:00.5+00`, of a session whose time zone is UTC; also `infinity` and years before Christ."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()
        if text.endswith("+00"):
            return text[:-3] + " UTC"
        return text.replace("+00 BC", " BC UTC")


class OffsetLoader(Loader):
    """`12:00:00+02`: the offset's minutes are always told."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()
        return text + ":00" if text[-3] in "+-" else text


class BitLoader(Loader):
    """A single bit is true or false, as `bit(1)` and `bit` declare it."""

    def load(self, data: Buffer) -> bool:
        return bytes(data) == b"1"


class VoidLoader(Loader):
    """What functions without a result give."""

    def load(self, data: Buffer) -> None:
        return None


_LOADERS: Final[dict[Kind, type[Loader]]] = {
    Kind.BOOL: BoolLoader,
    Kind.INTEGER: IntLoader,
    Kind.FLOAT: FloatLoader,
    Kind.DECIMAL: NumericLoader,
    Kind.BINARY: ByteaLoader,
    Kind.TIMETZ: OffsetLoader,
    Kind.TIMESTAMPTZ: UtcLoader,
    Kind.JSON: RawLoader,
}
"""Of the others the text is the form."""


def _builtin() -> tuple[dict[int, DataType], AdaptersMap]:
    types: dict[int, DataType] = {VOID: DataType(name="void", kind=Kind.TEXT)}
    adapters = AdaptersMap(postgres.adapters)
    adapters.register_loader(VOID, VoidLoader)
    adapters.register_loader(ONE_BIT, BitLoader)
    for info in postgres.types:
        data_type = _KINDS.get(info.name) or DataType(name=info.regtype, kind=Kind.TEXT)
        types[info.oid] = data_type
        adapters.register_loader(info.oid, loader_of(data_type))
        if info.array_oid:
            types[info.array_oid] = array_of(data_type)
            adapters.register_loader(info.array_oid, array_loader(info.oid, info.delimiter.encode()))
    return types, adapters


def loader_of(data_type: DataType) -> type[Loader]:
    """For a type that is no array and not composed of others."""
    return _LOADERS.get(data_type.kind, TextLoader)


def array_of(item: DataType) -> DataType:
    return DataType(name=f"{item.name}[]", kind=Kind.ARRAY, item=item)


def array_loader(item_oid: int, delimiter: bytes) -> type[ArrayLoader]:
    """Arrays of any dimension are lists of lists; where their indices begin is not told."""
    return type("ItemsLoader", (ArrayLoader,), {"base_oid": item_oid, "delimiter": delimiter})


def with_modifier(oid: int, data_type: DataType, modifier: int) -> DataType:
    """A type as a column has it: with its length, precision or fraction. For an array the modifier is its items'."""
    if modifier < 0:
        return data_type
    if data_type.item is not None:
        return array_of(with_modifier(_ITEMS.get(oid, 0), data_type.item, modifier))
    if data_type.kind is Kind.DECIMAL:
        precision, scale = (modifier - _HEADER) >> 16, _signed((modifier - _HEADER) & 0x7FF)
        return replace(data_type, name=f"numeric({precision},{scale})", precision=precision, scale=scale)
    if data_type.kind in _TIMES:
        first, _, rest = data_type.name.partition(" ")
        return replace(data_type, name=f"{first}({modifier}) {rest}", fraction_digits=modifier)
    if data_type.kind is Kind.INTERVAL:
        digits = modifier & 0xFFFF
        return data_type if digits > 6 else replace(data_type, name=f"interval({digits})", fraction_digits=digits)
    if oid in _LENGTHS:
        return replace(data_type, name=f"{data_type.name}({modifier - _LENGTHS[oid]})")
    return data_type


def _signed(scale: int) -> int:
    """Eleven bits, since scales may be negative."""
    return scale - 0x800 if scale & 0x400 else scale


_BUILTIN: Final = _builtin()
TYPES: Final = _BUILTIN[0]
"""By OID."""
ADAPTERS: Final = _BUILTIN[1]
_ITEMS: Final = {info.array_oid: info.oid for info in postgres.types}
_LENGTHS: Final = {
    postgres.types["bit"].oid: 0,
    postgres.types["varbit"].oid: 0,
    postgres.types["varchar"].oid: _HEADER,
    postgres.types["bpchar"].oid: _HEADER,
}
"""Types with a length -> what Postgres adds to it."""


def column_type(oid: int, data_type: DataType, modifier: int) -> tuple[int, DataType]:
    """The type of a column, and the OID that its loader is known by."""
    if oid == BIT and modifier == 1:
        return ONE_BIT, DataType(name="bit(1)", kind=Kind.BOOL)
    return oid, with_modifier(oid, data_type, modifier)


Signature: TypeAlias = tuple[tuple[bytes | None, int, int], ...]
"""The name, the OID and the modifier of each column."""


def signature_of(result: PGresult) -> Signature:
    """Of the columns that the server tells of."""
    name, oid, modifier = result.fname, result.ftype, result.fmod
    return tuple([(name(at), oid(at), modifier(at)) for at in range(result.nfields)])


@lru_cache(maxsize=1024)
def plain_columns(signature: Signature) -> tuple[tuple[Column, ...], tuple[int, ...]] | None:
    """The columns, and what their loaders are known by; the same ones each time. None unless all types are built in."""
    columns, loaders = [], []
    for name, oid, modifier in signature:
        if oid not in TYPES:
            return None
        loader, data_type = column_type(oid, TYPES[oid], modifier)
        columns.append(Column((name or b"").decode(), data_type))
        loaders.append(loader)
    return tuple(columns), tuple(loaders)
