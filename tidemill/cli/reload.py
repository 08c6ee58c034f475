"""Starts a command again whenever a source file of Tidemill changes: for those who work on it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import tidemill

_SOURCES: Final = Path(tidemill.__file__).parent
_LOOK_S: Final = 0.5
_KINDS: Final = frozenset({".py", ".sql", ".html", ".css", ".js", ".json"})


def run_reloading(command: list[str]) -> None:
    """Run `command` (as in `sys.argv`) until SIGTERM or Ctrl-C, again after each change."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    while True:
        seen = _newest()
        process = subprocess.Popen([sys.executable, "-m", "tidemill", *command[1:]])
        try:
            while _newest() == seen:
                time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            return
        finally:
            process.terminate()
            process.wait()


def _newest() -> float:
    return max(path.stat().st_mtime for path in _SOURCES.rglob("*") if path.suffix in _KINDS)
