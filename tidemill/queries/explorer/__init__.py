"""Looks into users' databases: one port, one explorer a family, and the table that names them by types of resources."""

from collections.abc import Callable
from typing import Final

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.model.errors import Unsupported
from tidemill.queries.explorer.port import Explorer
from tidemill.queries.explorer.sql import SqlExplorer
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.registry import Entry

_KEYS: Final = Entry("tidemill.queries.explorer.keys:KeyExplorer")
_OTHERS: Final = {
    "redis": _KEYS,
    "upstash": _KEYS,
    "mongodb": Entry("tidemill.queries.explorer.documents:DocumentExplorer"),
}
_DIALECTS: Final = {each.resource_type: each.name for each in DIALECTS.values() if each.name != "duckdb"}

_Made = Callable[[str, Runners, Opened, str], Explorer]


def explorer_of(runners: Runners, opened: Opened, identity: str) -> Explorer:
    """Who explores the database of a resource.

    Raises:
        Unsupported: it is no database, or none that the explorer knows.
    """
    kind = opened.resource_type
    if kind in _DIALECTS:
        return SqlExplorer(_DIALECTS[kind], runners, opened, identity)
    if kind not in _OTHERS:
        raise Unsupported(f"A resource of the type {kind!r} is no database that the explorer knows.")
    made: _Made = _OTHERS[kind].load()  # type: ignore[assignment]  # as the table says
    return made(kind, runners, opened, identity)
