"""Pages of items as the wire counts them: `page` from 1 (0 is the first one too), `per_page` up to 1000."""

from typing import Annotated, Final

from fastapi import Depends, Header, Query

from tidemill.server.paging import MAX_PER_PAGE, Page, page_of

_MAX_PAGE: Final = 1_000_000
_CLI_PER_PAGE: Final = 10


async def item_page(
    page: Annotated[int, Query(ge=0, le=_MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = MAX_PER_PAGE,
    x_windmill_client: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Page:
    """The page that a request asks for. Windmill's CLI counts from 0 and would else show the first page twice."""
    from_zero = x_windmill_client == "cli" and per_page == _CLI_PER_PAGE
    return page_of(page + 1 if from_zero else page, per_page)


InItemPage = Annotated[Page, Depends(item_page)]
