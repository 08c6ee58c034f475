"""What is defined in a workspace, as far as a caller may read it: first where it lies, then a bounded part at once."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tidemill.db.flows import FlowVersion
from tidemill.db.items import CHUNK, item_of, reader_filter
from tidemill.db.pool import Transaction
from tidemill.db.queries import Query, queries
from tidemill.db.resources import Resource
from tidemill.db.schedules import Schedule
from tidemill.db.scripts import Script
from tidemill.db.variables import Variable
from tidemill.engine import permit
from tidemill.engine.permit import Action, ItemKind
from tidemill.model.identity import Principal

_SQL: Final = queries("exports")

MOST_ROWS: Final = 200
MOST_BYTES: Final = 2 * 1024 * 1024
"""What is read at once, at most: a single item may be larger."""

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class _Outline:
    path: str
    extra_perms: bytes
    size_bytes: int


def variables(tx: Transaction, caller: Principal) -> AsyncIterator[Variable]:
    """Those that stay, with their values, sealed ones too."""
    return _rows(tx, caller, Variable, _SQL.variables, _SQL.outline_variables, ItemKind.VARIABLE, Action.READ_VALUE)


def resources(tx: Transaction, caller: Principal) -> AsyncIterator[Resource]:
    """With their values; neither states nor caches."""
    return _rows(tx, caller, Resource, _SQL.resources, _SQL.outline_resources, ItemKind.RESOURCE, Action.READ_VALUE)


def scripts(tx: Transaction, caller: Principal) -> AsyncIterator[Script]:
    """The versions that run."""
    return _rows(tx, caller, Script, _SQL.scripts, _SQL.outline_scripts, ItemKind.SCRIPT, Action.READ)


def flows(tx: Transaction, caller: Principal) -> AsyncIterator[FlowVersion]:
    """The versions that run."""
    return _rows(tx, caller, FlowVersion, _SQL.flows, _SQL.outline_flows, ItemKind.FLOW, Action.READ)


def schedules(tx: Transaction, caller: Principal) -> AsyncIterator[Schedule]:
    """Switched on or off."""
    return _rows(tx, caller, Schedule, _SQL.schedules, _SQL.outline_schedules, ItemKind.SCHEDULE, Action.READ)


async def _rows(
    tx: Transaction,
    caller: Principal,
    row_type: type[RowT],
    query: Query,
    outline: Query,
    kind: ItemKind,
    action: Action,
) -> AsyncIterator[RowT]:
    """What the caller may do `action` to, in order of path. The transaction has to see one state of the database."""
    after, rows = "", CHUNK
    narrowed: dict[str, Any] = {"workspace": caller.workspace, "limit": CHUNK, **reader_filter(caller)}
    while rows == CHUNK:
        found = await tx.fetch_all(outline, _Outline, after=after, **narrowed)
        rows = len(found)
        seen = [row for row in found if permit.decide(caller, action, item_of(kind, row.path, row.extra_perms)).allowed]
        for paths in _batches(seen):
            for row in await tx.fetch_all(query, row_type, workspace=caller.workspace, paths=paths):
                yield row
        after = found[-1].path if found else ""


def _batches(found: list[_Outline]) -> Iterator[list[str]]:
    """Paths of what may be read at once."""
    paths: list[str] = []
    size_bytes = 0
    for row in found:
        if paths and (len(paths) == MOST_ROWS or size_bytes + row.size_bytes > MOST_BYTES):
            yield paths
            paths, size_bytes = [], 0
        paths.append(row.path)
        size_bytes += row.size_bytes
    if paths:
        yield paths
