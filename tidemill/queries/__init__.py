"""Query languages: scripts that a database runs. One port, one runner a family, and the table that names them all."""

from typing import Final

from tidemill.registry import Entry

RUNNERS: Final[dict[str, Entry]] = {}
"""The name of a query language on the wire -> its runner."""
