"""Tidemill runs scripts and flows as jobs and keeps the data that they work on."""

from typing import Final

__version__: Final = "0.1.0"
