"""Pages of what a caller may see: by number outside, as clients want it, by keyset inside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query
from starlette.requests import Request

from tidemill.model.errors import BadRequest

Row = TypeVar("Row")

MOST_PER_PAGE: Final = 1000
MOST_SKIPPED: Final = 20_000
_CLI_PER_PAGE: Final = 10
PageNumber = Annotated[int, Query(ge=0, le=1_000_000, description="From 1; 0 counts as 1.")]
PerPage = Annotated[int, Query(ge=1, description=f"At most {MOST_PER_PAGE}.")]


def counted_page(request: Request, number: int, per_page: int) -> int:
    """The page that is meant by `number`, from 1.

    Clients count from 1, but for the lists of `wmill`: it asks for pages of ten, and for the page 0 first.
    """
    counts_from_zero = request.headers.get("x-windmill-client") == "cli" and per_page == _CLI_PER_PAGE
    return number + 1 if counts_from_zero else max(number, 1)


async def visible_page(
    fetch: Callable[[Row | None, int], Awaitable[list[Row]]],
    is_visible: Callable[[Row], bool],
    *,
    number: int,
    per_page: int,
) -> list[Row]:
    """The page `number` (from 1) of the rows that are visible.

    `fetch` gives up to so many rows behind a row (None: from the start). A page is short only where there are no more.

    Raises:
        BadRequest: the page lies too far back: narrow the filter instead.
    """
    per_page = min(per_page, MOST_PER_PAGE)
    skip = (max(number, 1) - 1) * per_page
    if skip > MOST_SKIPPED:
        raise BadRequest(f"Pages go back {MOST_SKIPPED} rows at most: go on with created_before or before_id.")
    found: list[Row] = []
    after: Row | None = None
    while len(found) < skip + per_page:
        wanted = min(skip + per_page - len(found), MOST_PER_PAGE)
        batch = await fetch(after, wanted)
        found += filter(is_visible, batch)
        if len(batch) < wanted:
            break
        after = batch[-1]
    return found[skip : skip + per_page]


MAX_PER_PAGE: Final = MOST_PER_PAGE
DEEPEST: Final = 100_000
"""Rows that a short list may be skipped by number."""


@dataclass(frozen=True, slots=True)
class Page:
    """Take `limit` rows after `skip` ones."""

    limit: int
    skip: int


def page_of(
    page: Annotated[int, Query(ge=0, le=DEEPEST, description="From 1; 0 counts as 1.")] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = MAX_PER_PAGE,
) -> Page:
    """The page of a list that is short enough to be read by number.

    Raises:
        BadRequest: it lies too deep.
    """
    skip = (max(page, 1) - 1) * per_page
    if skip > DEEPEST:
        raise BadRequest(f"Page {page} is too deep: {DEEPEST} rows are skipped at most. Narrow the list.")
    return Page(limit=per_page, skip=skip)


InPage = Annotated[Page, Depends(page_of)]
