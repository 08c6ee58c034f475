"""Writes rows as Parquet, a row group at a time."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tidemill.engine.cell_json import distinct_names
from tidemill.model.column import Column, Row
from tidemill.stores.databases.arrow_columns import ArrowColumns

if TYPE_CHECKING:
    from typing_extensions import Buffer

GROUP_BYTES: Final = 16 * 1024 * 1024
"""Of Arrow's, which become a row group of Parquet together."""
GROUP_ROWS: Final = 250_000
_DICTIONARY_BYTES: Final = 128 * 1024
"""Of a column in a row group; texts that repeat less are written without one from there on, faster and no larger."""


class ParquetWriter:
    """Parquet, compressed with zstd."""

    content_type = "application/vnd.apache.parquet"
    extension = "parquet"

    def __init__(self, columns: Sequence[Column]) -> None:
        distinct_names(columns)
        self._columns = ArrowColumns(columns)
        self._sink = _Sink()
        schema = self._columns.schema
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, "w"),
            schema,
            compression="zstd",
            use_dictionary=_with_dictionary(schema),
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
        )
        self._held: list[pa.RecordBatch] = []
        self._bytes = self._rows = 0

    def write(self, rows: Sequence[Row]) -> bytes:
        """See `RowWriter.write`."""
        return self.write_batch(self._columns.batch(rows))

    def write_batch(self, batch: pa.RecordBatch) -> bytes:
        """The next rows, with this writer's columns; see `RowWriter.write`."""
        self._held.append(batch)
        self._bytes += batch.nbytes
        self._rows += batch.num_rows
        if self._bytes < GROUP_BYTES and self._rows < GROUP_ROWS:
            return b""
        self._write_group()
        return self._ready()

    def finish(self) -> bytes:
        """The last rows, and what tells readers where everything is."""
        if self._held:
            self._write_group()
        self._writer.close()
        pa.default_memory_pool().release_unused()
        return self._ready()

    def _write_group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._held))
        self._held, self._bytes, self._rows = [], 0, 0

    def _ready(self) -> bytes:
        return self._sink.take()


def _with_dictionary(schema: pa.Schema) -> list[str]:
    """Texts repeat. For numbers a dictionary costs more time and memory than it saves: zstd finds what repeats."""
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]


class _Sink(io.RawIOBase):
    """Where the writer appends; what is taken away still counts for where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._taken = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer") -> int:
        view = memoryview(data)
        self._waiting += view
        return view.nbytes

    def tell(self) -> int:
        return self._taken + len(self._waiting)

    def take(self) -> bytes:
        """What was written since the last call."""
        ready = bytes(self._waiting)
        self._taken += len(ready)
        self._waiting.clear()
        return ready
