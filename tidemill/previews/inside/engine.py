"""DuckDB, set up to see one object and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import RawIOBase
from typing import Any, Final

import duckdb
from fsspec import AbstractFileSystem

OBJECT: Final = "'object://it'"
"""The object in SQL."""

MORE_THAN_ANY: Final = 1 << 50

MEMORY_BYTES: Final = 384 * 1024 * 1024

# Without prefetching, Parquet is read page by page as rows are wanted, instead of a whole row group at a time, which
# may be all there is of a file of many gigabytes.
_SETTINGS: Final = f"""
    set memory_limit = '{MEMORY_BYTES}B';
    set temp_directory = '';
    set autoinstall_known_extensions = false;
    set autoload_known_extensions = false;
    set disable_parquet_prefetching = true;
    set python_enable_replacements = false;
    set enable_progress_bar = false;
    set TimeZone = 'UTC';
"""
_CLOSED: Final = """
    set allowed_directories = ['object://'];
    set enable_external_access = false;
    set lock_configuration = true;
"""


class Engine:
    """A connection to an empty database, through which the object can be read once it is there."""

    def __init__(self) -> None:
        self._files = _Files()
        # One thread: none can be started once the process is confined.
        self.connection = duckdb.connect(":memory:", config={"threads": "1"})
        self.connection.execute(_SETTINGS)
        self.connection.register_filesystem(self._files)
        self.connection.execute(_CLOSED)

    def show(self, open_file: Callable[[], RawIOBase], *, size_bytes: int = MORE_THAN_ANY) -> None:
        """Make something visible as the object: it is opened whenever it is read.

        What can only be read from its start to its end has no size before it was.
        """
        self._files.open_file, self._files.size_bytes = open_file, size_bytes

    def write_to(self, write: Callable[[bytes], None]) -> None:
        """Let `copy … to` write there."""
        self._files.write = write


class _Files(AbstractFileSystem):  # type: ignore[misc] # it has no types
    """The file system of the engine: whatever the name, it is the object."""

    protocol = "object"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.open_file: Callable[[], RawIOBase] | None = None
        self.size_bytes = 0
        self.write: Callable[[bytes], None] | None = None

    def open(self, _path: str, mode: str = "rb", **_options: Any) -> Any:
        """The object for reading, or where its rows go as CSV."""
        if "w" in mode:
            assert self.write is not None
            return _Outlet(self.write)
        assert self.open_file is not None
        return self.open_file()

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """What there is to know of the file before it is read."""
        return {"name": path, "size": self.size_bytes, "type": "file"}

    def exists(self, _path: str, **_options: Any) -> bool:
        """It is there."""
        return True

    def isfile(self, _path: str) -> bool:
        """It is a file."""
        return True

    def glob(self, path: str, **_options: Any) -> list[str]:
        """A name is itself, whatever it looks like."""
        return [path]

    def modified(self, _path: str) -> datetime:
        """When: always the same, since it never changes while it is read."""
        return datetime(2000, 1, 1, tzinfo=UTC)


class _Outlet:
    """A file for writing that passes everything on."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._at = 0

    def write(self, data: bytes) -> int:
        """Pass it on."""
        self._write(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        """How much was written."""
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is left to do."""


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL, for the places where DuckDB takes no parameters."""
    return "'" + text.replace("'", "''") + "'"
