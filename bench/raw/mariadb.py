"""A client of MariaDB that does what scripts do, without Tidemill. `python -m bench.raw.mariadb LOGIN`, which is JSON.

Each line on stdin orders a piece of work as JSON, and is answered with the seconds that it took: a table written as
Parquet by pymysql and pyarrow, or by DuckDB; or a CSV file into a table by `load data`.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pymysql
from pymysql.cursors import SSCursor

from bench.raw.queries import TYPES, file_of, serve

BATCH_ROWS = 50_000
FILL = "load data local infile '{file}' into table imported fields terminated by ',' enclosed by '\"' ignore 1 lines"


def main() -> None:
    login = json.loads(sys.argv[1])
    connection = pymysql.connect(**login, local_infile=True, autocommit=True)
    work: dict[str, Callable[[int], None]] = {
        "pymysql": lambda _: copied(connection),
        "duckdb": lambda _: by_duckdb(login),
        "import": lambda count: filled(connection, file_of(count)),
    }
    serve(work)
    connection.close()


def copied(connection: "pymysql.connections.Connection[SSCursor]") -> None:
    """Rows as pymysql gives them, into Parquet."""
    schema = pa.schema([*((name, kind) for name, kind in TYPES.items() if name != "is_paid"), ("is_paid", pa.int8())])
    with tempfile.TemporaryDirectory() as folder, connection.cursor(SSCursor) as cursor:
        cursor.execute(f"select {', '.join(schema.names)} from events")  # names of our own
        with pa.parquet.ParquetWriter(Path(folder) / "rows.parquet", schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(BATCH_ROWS):
                writer.write_table(pa.table(list(zip(*rows, strict=True)), schema=schema))


def by_duckdb(login: dict[str, object]) -> None:
    """DuckDB's own extension for MySQL."""
    places = " ".join(f"{name}={value}" for name, value in login.items())
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
        engine.execute(f"load '{_extension()}'")
        engine.execute(f"attach '{places}' as m (type mysql, read_only)")
        engine.execute(f"copy (from m.events) to '{folder}/rows.parquet' (compression zstd)")


def filled(connection: "pymysql.connections.Connection[SSCursor]", file: bytes) -> None:
    """The file into a table, which is empty again afterwards."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as kept, connection.cursor() as cursor:
        kept.write(file.replace(b",True,", b",1,").replace(b",False,", b",0,"))
        kept.flush()
        cursor.execute(FILL.format(file=kept.name))
        cursor.execute("truncate imported")


def _extension() -> Path:
    name = "duckdb_extension_mysql_scanner"
    return next(
        file for place in sys.path for file in Path(place, name).glob("extensions/*/mysql_scanner.duckdb_extension")
    )


if __name__ == "__main__":
    main()
