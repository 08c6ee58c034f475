"""How large the result of a query may be. What is larger is an error and never cut."""

from dataclasses import dataclass

from tidemill.model.errors import TooLarge


@dataclass(slots=True)
class Bounds:
    """Counts what is collected; `max_rows` 0 is no bound. `way_out` ends the message."""

    max_bytes: int
    max_rows: int = 0
    way_out: str = "Begin the script with `# s3` to stream it to workspace storage, or ask for less."
    _bytes: int = 0
    _rows: int = 0

    def add(self, size_bytes: int, rows: int = 1) -> None:
        """Count `rows` rows of so many bytes together.

        Raises:
            TooLarge: it has become too much.
        """
        self._bytes += size_bytes
        self._rows += rows
        if self._bytes > self.max_bytes:
            raise TooLarge(f"The result has more than {self.max_bytes} bytes. {self.way_out}")
        if self.max_rows and self._rows > self.max_rows:
            raise TooLarge(f"The result has more than {self.max_rows} rows. {self.way_out}")
