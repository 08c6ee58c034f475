"""What the columns of a result are: the kinds of values, and the one form that a value of each kind has between us.

A database's backend turns what its driver gives into these forms, and back for arguments; JSON, Arrow, CSV and the
browser know only them. A form keeps every value that the database can hold: dates and times are text, since Python's
end at the year 9999 and know no infinity.

| kind | form | example |
| --- | --- | --- |
| BOOL | bool | `True` |
| INTEGER | int of any size | `9223372036854775807` |
| FLOAT | float, NaN and infinities too | `0.1` |
| DECIMAL | `Decimal` with the digits that the database gave; may be NaN or infinite | `Decimal("1.50")` |
| TEXT | str | enum, range, network address, geometry as WKT or the database's own text |
| BINARY | bytes | |
| DATE | ISO 8601; `infinity`, `-infinity`, `0044-03-15 BC`, `0000-00-00` as the database says | `2024-02-29` |
| TIME | `HH:MM:SS[.f]` with the digits that there are | `23:59:59.999999` |
| TIMETZ | TIME with its offset | `12:00:00+02:00` |
| TIMESTAMP | DATE, a blank, TIME | `2024-02-29 12:00:00.000001` |
| TIMESTAMPTZ | the same in UTC, then ` UTC` | `2024-02-29 12:00:00 UTC` |
| INTERVAL | ISO 8601 duration | `P1Y2M3DT4H5M6.7S` |
| JSON | bytes: raw JSON text, as the database gave it | `{"a": 1.10}` |
| UUID | str, lower case with dashes | |
| ARRAY | list of `item`'s form | |
| STRUCT | dict of the forms of `fields` | |
| MAP | list of pairs (key, value), as `fields[0]` and `fields[1]` say | |

None is SQL's NULL in all of them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of values a column holds; see the table above for their form."""

    BOOL = "bool"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    BINARY = "binary"
    DATE = "date"
    TIME = "time"
    TIMETZ = "timetz"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    JSON = "json"
    UUID = "uuid"
    ARRAY = "array"
    STRUCT = "struct"
    MAP = "map"


class BinaryText(StrEnum):
    """How bytes are written in JSON; each engine's users know one of them."""

    HEX = "hex"
    """`\\x` and two digits a byte, as Postgres writes it."""
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataType:
    """A type of a database.

    Attributes:
        name: as the database itself names it, lower case: `numeric(10,2)`, `timestamp with time zone`.
        bits: of INTEGER (8 to 64; 0 for any size) and FLOAT (32 or 64).
        is_unsigned: of INTEGER.
        precision, scale: of DECIMAL; 0 and 0 where the database tells none. Of INTEGER of any size how many digits it
            may have, if the database tells that.
        fraction_digits: of times, 0 to 9: what the database keeps below a second.
        binary: how JSON writes BINARY.
        item: of ARRAY.
        fields: of STRUCT by name; of MAP the key's and the value's type under `key` and `value`.
    """

    name: str
    kind: Kind
    bits: int = 64
    is_unsigned: bool = False
    precision: int = 0
    scale: int = 0
    fraction_digits: int = 6
    binary: BinaryText = BinaryText.BASE64
    item: "DataType | None" = None
    fields: "tuple[Column, ...]" = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result, or a field of a composite type."""

    name: str
    type: DataType
    is_nullable: bool = True


Row = tuple[object, ...]
"""One value a column, in the forms above."""
