"""Reads a Parquet file as records."""

from collections.abc import Iterator, Sequence
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tidemill.engine.table_files import Record
from tidemill.model.errors import BadRequest
from tidemill.queries.parquet_reader import plain

BATCH_ROWS = 1000


class ParquetRecords:
    """Batches of records; `line` is the number of the row. What `explorer/records.py` loads when it is first needed."""

    def __init__(self, file: IO[bytes]) -> None:
        """
        Raises:
            BadRequest: it is not Parquet.
        """
        self._read = 0
        try:
            self._batches: Iterator[pa.RecordBatch] = pq.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS)
        except pa.ArrowException as error:
            raise BadRequest(f"The file is not Parquet: {error}") from error

    def __iter__(self) -> Iterator[Sequence[Record]]:
        return self

    def __next__(self) -> Sequence[Record]:
        try:
            rows = next(self._batches).to_pylist()
        except pa.ArrowException as error:
            raise BadRequest(f"The Parquet file cannot be read behind row {self._read}: {error}") from error
        begin, self._read = self._read, self._read + len(rows)
        return [Record(begin + number, _values(row), is_text=True) for number, row in enumerate(rows, start=1)]


def _values(row: dict[str, object]) -> dict[str, bytes | None]:
    return {name: None if value is None else msgspec.json.encode(plain(value)) for name, value in row.items()}
