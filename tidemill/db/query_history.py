"""What people ran in the console of the explorer: each sees their own alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Statements
from tidemill.db.queries import queries
from tidemill.model.identity import Principal

MOST_CONTENT_CHARS: Final = 65_536
MOST_ERROR_CHARS: Final = 4096
_SQL: Final = queries("query_history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A statement or script that was run; of a long one `content` is the beginning (`is_cut`).

    Attributes:
        rows: of a result that is a list; None for others, and where it failed.
        error: why it failed; None where it did not.
    """

    id: int
    resource: str
    language: str
    content: str
    is_cut: bool
    ran_at: datetime
    duration_ms: int
    rows: int | None
    error: str | None


async def add(
    statements: Statements,
    caller: Principal,
    *,
    resource: str,
    language: str,
    content: str,
    duration_ms: int,
    rows: int | None,
    error: str | None,
) -> int:
    """Note what `caller` ran; its id."""
    found = await statements.fetch_value(
        _SQL["add"],
        workspace=caller.workspace,
        email=caller.email,
        resource=resource,
        language=language,
        content=content[:MOST_CONTENT_CHARS],
        is_cut=len(content) > MOST_CONTENT_CHARS,
        duration_ms=duration_ms,
        result_rows=rows,
        error=error[:MOST_ERROR_CHARS] if error is not None else None,
    )
    assert isinstance(found, int)
    return found


async def page(
    statements: Statements, caller: Principal, *, resource: str | None, text: str | None, before: int | None, limit: int
) -> Sequence[Ran]:
    """What `caller` ran, the newest first: on one resource, with a text in it, before an entry; None for any."""
    return await statements.fetch_all(
        _SQL["page"],
        Ran,
        workspace=caller.workspace,
        email=caller.email,
        resource=resource,
        text=text,
        before=before,
        limit=limit,
    )


async def remove(statements: Statements, caller: Principal, *, entry: int | None, resource: str | None) -> int:
    """Forget one entry of the caller's, or all of them, on one resource or anywhere; how many."""
    return await statements.execute(
        _SQL["remove"], workspace=caller.workspace, email=caller.email, id=entry, resource=resource
    )
