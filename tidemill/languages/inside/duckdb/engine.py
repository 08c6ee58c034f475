"""DuckDB as a job has it: empty, in memory, within the job's limits, with the extensions that came with Tidemill."""

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

MENTIONS: Final = {"httpfs": "", "postgres_scanner": "postgres", "mysql_scanner": "mysql", "azure": "az"}
"""The extensions that came with Tidemill, and what a script that needs them mentions: "" is every script."""

COMMON: Final = "postgres mysql"
"""What an engine that is made ahead is prepared for: all but Azure, which few ask for."""

BUILT_IN: Final = frozenset({"core_functions", "icu", "json", "parquet"})

_MEMORY_SHARE: Final = 0.7
"""Of the job's memory; the rest is for Python, the result, and what the engine does not count."""
_LEAST_MEMORY_BYTES: Final = 64 << 20
_DISK_SHARE: Final = 0.9

_SETTINGS: Final = """
    set TimeZone = 'UTC';
    set python_enable_replacements = false;
    set enable_progress_bar = false;
    set allow_community_extensions = false;
    set enable_http_metadata_cache = true;
"""
_CHANGEABLE: Final = (
    "TimeZone", "Calendar", "search_path", "schema", "threads", "preserve_insertion_order", "default_order",
    "default_null_order", "default_collation", "null_order", "order_by_non_integer_literal", "ieee_floating_point_ops",
    "integer_division", "scalar_subquery_error_on_multiple_rows", "pivot_limit", "max_expression_depth",
    "partitioned_write_flush_threshold", "partitioned_write_max_open_files", "http_timeout", "http_retries",
    "s3_uploader_max_parts_per_file", "s3_uploader_max_filesize", "pg_array_as_varchar", "pg_pages_per_task",
    "pg_experimental_filter_pushdown", "pg_null_byte_replacement", "mysql_bit1_as_boolean",
    "mysql_tinyint1_as_boolean", "mysql_time_as_time", "mysql_incomplete_dates_as_nulls",
    "mysql_experimental_filter_pushdown", "hive_partitioning", "arrow_lossless_conversion",
)  # fmt: skip
"""Settings that a script may change; all others are locked."""
_REACHABLE: Final = (
    "/work/", "/tmp/",  # noqa: S108 # inside
    "s3://", "s3a://", "s3n://", "gs://", "gcs://", "r2://", "http://", "https://", "hf://",
    "az://", "azure://", "abfss://",
)  # fmt: skip
"""What a script may read and write where it attaches no database server."""


def connect() -> DuckDBPyConnection:
    """An engine with one thread, which loads nothing by itself."""
    return duckdb.connect(
        ":memory:",
        config={"threads": "1", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )


def load(engine: DuckDBPyConnection, extension: str) -> None:
    """Load an extension from the package that it came in.

    Raises:
        FileNotFoundError: it is not installed.
    """
    for place in sys.path:
        for file in Path(place, f"duckdb_extension_{extension}").glob(f"extensions/*/{extension}.duckdb_extension"):
            engine.execute(f"load {literal(str(file))}")
            return
    raise FileNotFoundError(f"The DuckDB extension {extension} is not installed: install Tidemill again.")


def set_up(engine: DuckDBPyConnection, mentioned: str) -> None:
    """Load what is mentioned, and set what is the same for all jobs."""
    for extension, word in MENTIONS.items():
        if word in mentioned:
            load(engine, extension)
    known = {name.lower() for (name,) in engine.execute("select name from duckdb_settings()").fetchall()}
    changeable = [name for name in _CHANGEABLE if name.lower() in known]  # some come with extensions
    engine.execute(f"{_SETTINGS} set allowed_configs = {_texts(changeable)};")


def for_job(mentioned: str, *, attaches: bool) -> DuckDBPyConnection:
    """The engine of this job: a copy of the one that was made ahead, or a new one.

    `mentioned` is what the script and its arguments say, in lower case; `attaches` that it attaches a database server,
    which DuckDB allows only where it allows everything: then the sandbox alone is the wall.
    """
    ahead = sys.modules.get(f"{__package__}.ahead")
    if ahead is not None and MENTIONS["azure"] not in mentioned:
        engine: DuckDBPyConnection = ahead.ENGINE
    else:
        engine = connect()
        set_up(engine, mentioned)
    engine.execute("".join((*_limits(), *storage_secret(), *_locks(attaches=attaches))))
    return engine


def _limits() -> Iterator[str]:
    """What spills goes to the work directory, which is on a disk; /tmp is memory."""
    memory = int(os.environ.get("TIDEMILL_MEMORY_BYTES") or 0)
    disk = int(os.environ.get("TIDEMILL_DISK_BYTES") or 0)
    if memory:
        yield f"set memory_limit = '{max(int(memory * _MEMORY_SHARE), _LEAST_MEMORY_BYTES)}B';"
    yield f"set temp_directory = {literal(str(Path.cwd() / '.spilled'))};"
    if disk:
        yield f"set max_temp_directory_size = '{int(disk * _DISK_SHARE)}B';"
    yield f"set threads = {len(os.sched_getaffinity(0))};"
    yield f"set secret_directory = {literal(str(Path.cwd() / '.secrets'))};"


def storage_secret(statement: str = "") -> Iterator[str]:
    """What leads `s3://` to the workspace's storages, with the rights of the job.

    `statement`: what is written waits for `waiting.settle` of this id.
    """
    api, token = os.environ.get("BASE_INTERNAL_URL", ""), os.environ.get("WM_TOKEN", "")
    key, _, secret = token.rpartition(".")
    if not (api and key):
        return
    scheme, _, place = api.partition("://")
    endpoint = f"{place}/api/w/{os.environ.get('WM_WORKSPACE', '')}/s3_proxy"
    waits = f", session_token {literal(f'statement-{statement}')}" if statement else ""
    yield (
        "create or replace secret tidemill_storage (type s3, region 'us-east-1', url_style 'path', "
        f"use_ssl {'true' if scheme == 'https' else 'false'}, key_id {literal(key)}, secret {literal(secret)}, "
        f"endpoint {literal(endpoint)}{waits});"
    )


def _locks(*, attaches: bool) -> Iterator[str]:
    if not attaches:
        yield f"set allowed_directories = {_texts(_REACHABLE)}; set enable_external_access = false;"
    yield "set lock_configuration = true;"


def _texts(values: Collection[str]) -> str:
    return f"[{', '.join(map(literal, values))}]"


def literal(text: str) -> str:
    """A text in SQL, for the places where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'
