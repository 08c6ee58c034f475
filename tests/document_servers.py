"""A server of documents for the tests: SecantusDB speaks MongoDB's protocol on the real WiredTiger engine.

It is under the GPL, and so only ever a program that tests start.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.database_servers import Missing
from tests.prepare import VENVS
from tests.processes import Processes, free_port, wait_for_port


@dataclass(frozen=True)
class DocumentServer:
    """A running server on loopback."""

    port: int

    def resource(self, **fields: Any) -> dict[str, Any]:
        """The value of a resource `mongodb`."""
        return {"tls": False, "servers": [{"host": "127.0.0.1", "port": self.port}], **fields}


def start_secantus(folder: Path, processes: Processes) -> DocumentServer:
    program = VENVS / "secantusdb" / "bin" / "secantusd-py"
    if not program.is_file():
        raise Missing("SecantusDB is not installed: run python tests/prepare.py")
    port = free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(folder / "documents")]
    processes.start([str(program), *where, "--log-level", "ERROR", "--cache-size", "64M", "--enable-test-commands"])
    wait_for_port(port, processes)
    return DocumentServer(port)
