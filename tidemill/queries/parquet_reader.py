"""Reads Parquet as a JSON list of objects."""

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq


class ParquetReader:
    """What `pointed.py` loads when it is first needed."""

    @staticmethod
    def read(raw: bytes) -> bytes:
        """The rows, decimals as texts with all their digits, times as in results of SQL scripts.

        Raises:
            ValueError: it is not Parquet.
        """
        try:
            file = pq.ParquetFile(pa.BufferReader(raw))
            parts = [_lines(batch) for batch in file.iter_batches(batch_size=8192)]
        except pa.ArrowException as error:
            raise ValueError(str(error)) from error
        return b"[" + b",".join(part for part in parts if part) + b"]"


def _lines(batch: pa.RecordBatch) -> bytes:
    return msgspec.json.encode(plain(batch.to_pylist()))[1:-1]


def plain(value: object) -> object:
    """A value of Arrow's as what JSON has a form for: decimals as texts with all their digits."""
    match value:
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case float() if value - value != 0:
            return str(value).replace("inf", "Infinity").replace("nan", "NaN")
        case _:
            convert = _FORMS.get(type(value))
            return value if convert is None else convert(value)


def _stamp(value: datetime) -> str:
    text = value.replace(tzinfo=None).isoformat(sep=" ")
    return text if value.tzinfo is None else f"{text} UTC"


_FORMS: dict[type, Callable[..., object]] = {
    Decimal: lambda value: format(value, "f"),
    datetime: _stamp,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: lambda value: f"PT{value.total_seconds():f}S",
    bytes: lambda value: base64.b64encode(value).decode(),
}
