"""Opens the index of a local store."""

import sqlite3
from importlib.resources import files
from typing import Final

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.local.folder import StoreFolder

FORMAT: Final = 1
_BUSY_S: Final = 30.0
"""How long to wait for another process that writes."""


def connect(folder: StoreFolder) -> sqlite3.Connection:
    """A connection for one thread at a time, without transactions of its own accord. Makes the index where it is new.

    Raises:
        StorageMisconfigured: the folder cannot be one of a store, or is of a newer format.
        sqlite3.Error, OSError: it cannot be opened.
    """
    folder.prepare()
    try:
        return _connect(folder)
    except sqlite3.OperationalError:
        # On a full disk there may be no room for the log's own files. The spare is kept for that as well.
        if not folder.use_spare():
            raise
        return _connect(folder)


def _connect(folder: StoreFolder) -> sqlite3.Connection:
    connection = sqlite3.connect(
        folder.index, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        if _format(connection) == 0:
            with folder.alone():
                _create(connection)
        _check_format(_format(connection), folder)
        connection.execute("pragma synchronous = full")
    except BaseException:
        connection.close()
        raise
    return connection


def _format(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("pragma user_version").fetchone()
    return int(number)


def _check_format(number: int, folder: StoreFolder) -> None:
    if number > FORMAT:
        raise StorageMisconfigured(
            f"The folder {str(folder.root)!r} is of format {number}, and this Tidemill knows up to {FORMAT}: use the "
            "newer Tidemill that wrote it."
        )


def _create(connection: sqlite3.Connection) -> None:
    """All or nothing; nothing where another process was first."""
    if _format(connection) != 0:
        return
    # Of the sizes that were measured this one is fastest for small objects. Both must come before the first table.
    connection.execute("pragma page_size = 8192")
    connection.execute("pragma auto_vacuum = incremental")
    connection.execute("pragma journal_mode = wal")
    schema = files("tidemill.stores.objects.local").joinpath("schema.sql").read_text(encoding="utf-8")
    connection.executescript(f"begin immediate;\n{schema}\npragma user_version = {FORMAT};\ncommit;")
