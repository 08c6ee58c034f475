"""Sets up the log of a process: lines on stderr, as text or JSON; secrets never get here."""

import logging
import sys
from typing import Any

import structlog

from tidemill.settings import Settings


def set_up_logs(settings: Settings, *, quiet: bool = False) -> None:
    """Log to stderr from `settings.log_level` on; `quiet`: from warnings on at least, for commands."""
    level = getattr(logging, settings.log_level.upper())
    if quiet:
        level = max(level, logging.WARNING)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    # Plain tracebacks: the pretty ones show local variables, and with them secrets.
    text = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if as_json else text
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
