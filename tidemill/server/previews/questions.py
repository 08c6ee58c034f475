"""What a request asks of a table, from its query string."""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from fastapi import Depends, Query

from tidemill.model.errors import BadRequest, PreviewFailed
from tidemill.previews.table import TableQuestion
from tidemill.previews.text import ENCODINGS
from tidemill.server.previews.looking import Seen

_TAB: Final = "\\t"
_MOST_SEPARATOR_BYTES: Final = 4
_LONGEST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are wanted, and how the text of the table is to be understood."""

    search_col: str
    search_term: str
    filters: str
    csv_separator: str
    csv_has_header: bool | None
    encoding: str
    sheet: str

    def question(self, seen: Seen) -> TableQuestion:
        """For the readers, about this object.

        Raises:
            PreviewFailed: it is no table.
        """
        if seen.look.format is None:
            raise PreviewFailed(f"{seen.object.info.key[:200]!r} is no table, but {seen.look.media_type}.")
        return TableQuestion(
            task="page",
            format=seen.look.format,
            size_bytes=seen.object.size_bytes,
            search=self.search_term,
            search_column=self.search_col if self.search_term else "",
            filters=self.filters,
            separator=self.csv_separator,
            has_header=self.csv_has_header,
            encoding=self.encoding or seen.look.encoding or "utf-8",
            sheet=self.sheet,
        )


async def wanted_of(
    *,
    search_col: Annotated[str, Query(max_length=_LONGEST)] = "",
    search_term: Annotated[
        str, Query(max_length=_LONGEST, description="What a row must hold, case aside: in search_col, or anywhere.")
    ] = "",
    filters: Annotated[
        str, Query(max_length=_LONGEST, description="JSON object: column -> condition (docs/guides/previews.md).")
    ] = "",
    csv_separator: Annotated[str, Query(description="Found out without it.")] = "",
    csv_has_header: Annotated[bool | None, Query(description="Found out without it.")] = None,
    encoding: Annotated[str, Query(description="Of text; found out without it.")] = "",
    sheet: Annotated[str, Query(description="Of a spreadsheet; the first without it.")] = "",
) -> Wanted:
    """The part of the query string that pages and counts share."""
    separator = "\t" if csv_separator == _TAB else csv_separator
    if len(separator.encode()) > _MOST_SEPARATOR_BYTES or any(mark in separator for mark in '"\r\n\0'):
        raise BadRequest("csv_separator is one character, such as ',' or ';'.")
    if encoding and encoding not in ENCODINGS:
        raise BadRequest(f"encoding is one of {', '.join(ENCODINGS)}.")
    return Wanted(
        search_col=search_col,
        search_term=search_term,
        filters=filters,
        csv_separator=separator,
        csv_has_header=csv_has_header,
        encoding=encoding,
        sheet=sheet,
    )


InWanted = Annotated[Wanted, Depends(wanted_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which of the rows, and in which order."""

    offset: int
    limit: int
    sort_col: str
    sort_desc: bool

    def of(self, question: TableQuestion) -> TableQuestion:
        """The same question about this page."""
        return msgspec.structs.replace(
            question, offset=self.offset, limit=self.limit, order_by=self.sort_col, descending=self.sort_desc
        )


async def paging_of(
    offset: float = 0,
    limit: float = 100,
    sort_col: Annotated[str, Query(max_length=_LONGEST)] = "",
    *,
    sort_desc: bool = False,
) -> Paging:
    """The part of the query string that only pages have. Windmill's clients send numbers that may be `100.0`."""
    return Paging(offset=_whole("offset", offset), limit=_whole("limit", limit), sort_col=sort_col, sort_desc=sort_desc)


InPaging = Annotated[Paging, Depends(paging_of)]


def _whole(name: str, number: float) -> int:
    if not 0 <= number < 2**53 or number != int(number):
        raise BadRequest(f"{name} must be a whole number, and not negative.")
    return int(number)
