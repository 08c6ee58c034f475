"""A client of Postgres that does what scripts do, without Tidemill. `python -m bench.raw.queries DSN`.

Each line on stdin orders a piece of work as JSON, and is answered with the seconds that it took: small queries, or a
table written as Parquet by `copy` and pyarrow, or by DuckDB.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

SMALL = "select %s::bigint + 1 as n, 'row' as name"
"""The query of `bench/measures/databases.py`."""
THREADS = 8
TYPES = {
    "id": pa.int64(),
    "name": pa.string(),
    "amount": pa.decimal128(12, 2),
    "at": pa.timestamp("us"),
    "is_paid": pa.bool_(),
    "weight": pa.float64(),
}


def main() -> None:
    dsn = sys.argv[1]
    connection = psycopg.connect(dsn, autocommit=True)
    work: dict[str, Callable[[int], None]] = {
        "queries": lambda count: many(connection, count),
        "threads": lambda count: in_threads(dsn, count),
        "copy": lambda _: copied(connection),
        "duckdb": lambda _: by_duckdb(dsn),
        "import": lambda count: filled(connection, file_of(count)),
    }
    serve(work)
    connection.close()


def serve(work: Mapping[str, Callable[[int], None]]) -> None:
    """Do what is ordered, until there are no more orders."""
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        began = time.perf_counter()
        work[order["work"]](order.get("count", 0))
        print(time.perf_counter() - began, flush=True)


def many(connection: psycopg.Connection[psycopg.rows.TupleRow], count: int) -> None:
    """A small query again and again."""
    for number in range(count):
        row = connection.execute(SMALL, [number]).fetchone()
        assert row == (number + 1, "row")


def in_threads(dsn: str, count: int) -> None:
    """The same in several threads, each with a connection of its own."""

    def ask(_: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            many(connection, count // THREADS)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ask, range(THREADS)))


def copied(connection: psycopg.Connection[psycopg.rows.TupleRow]) -> None:
    """`copy … to stdout` as CSV, through a file, into Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.csv", Path(folder) / "rows.parquet"
        with source.open("wb") as file, connection.cursor().copy("copy events to stdout (format csv)") as copy:
            for chunk in copy:
                file.write(chunk)
        rows = pa.csv.open_csv(
            source,
            read_options=pa.csv.ReadOptions(column_names=list(TYPES)),
            convert_options=pa.csv.ConvertOptions(column_types=TYPES, true_values=["t"], false_values=["f"]),
        )
        with pa.parquet.ParquetWriter(target, rows.schema) as writer:
            for batch in rows:
                writer.write_batch(batch)


def filled(connection: psycopg.Connection[psycopg.rows.TupleRow], file: bytes) -> None:
    """The file into a table, which is empty again afterwards."""
    with connection.cursor().copy("copy imported from stdin (format csv, header)") as copy:
        copy.write(file)
    connection.execute("truncate imported")


def file_of(count: int) -> bytes:
    """A CSV file with so many rows for a table like `events`."""
    lines = (
        f'{n},"event, number {n}",{n % 100000 / 100:.2f},2024-01-01 00:00:{n % 60:02d}.{n:06d},{n % 3 == 0},{n / 7!r}\n'
        for n in range(count)
    )
    return f"{','.join(TYPES)}\n{''.join(lines)}".encode()


def by_duckdb(dsn: str) -> None:
    """DuckDB's own extension for Postgres."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
        engine.execute(f"load '{_extension()}'")
        engine.execute(f"attach '{dsn}' as p (type postgres, read_only)")
        engine.execute(f"copy (from p.public.events) to '{folder}/rows.parquet'")


def _extension() -> Path:
    name = "duckdb_extension_postgres_scanner"
    return next(
        file for place in sys.path for file in Path(place, name).glob("extensions/*/postgres_scanner.duckdb_extension")
    )


if __name__ == "__main__":
    main()
