"""Objects on their way in: the bytes of a request, where they go, what is kept beside them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Query
from starlette.requests import ClientDisconnect, Request

from tidemill.model.errors import BadRequest
from tidemill.model.ids import milliseconds, new_id
from tidemill.stores.objects.port import Attributes

UPLOADS: Final = "windmill_uploads/"
"""Where objects go that were given no key: every member may write there (`engine/object_rules.DEFAULT_RULES`)."""


def made_key(extension: str = "") -> str:
    """A key that nobody has, newer ones behind older ones."""
    ending = extension.strip(".")
    return f"{UPLOADS}upload_{new_id(milliseconds(datetime.now(UTC)))}{'.' + ending if ending else ''}"


async def attributes_asked(
    content_type: Annotated[str, Query(max_length=255)] = "",
    content_disposition: Annotated[str, Query(max_length=1024)] = "",
) -> Attributes:
    """What the query says to keep beside the bytes.

    Raises:
        BadRequest: it holds a control character: it will be a header of every download.
    """
    for name, value in (("content_type", content_type), ("content_disposition", content_disposition)):
        if not is_header(value):
            raise BadRequest(
                f"{name} holds a character that a header cannot: write it in ASCII, a file name as filename*=UTF-8''…"
            )
    return Attributes(content_type=content_type, content_disposition=content_disposition)


def is_header(value: str) -> bool:
    """Whether a header can hold it as it is."""
    return all(" " <= letter <= "~" for letter in value)


def announced_bytes(request: Request) -> int | None:
    """How long the body says that it is; None where it does not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """The bytes of a request as they come.

    Raises:
        BadRequest: the client went away before the end.
    """
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect as error:
        raise BadRequest("The upload broke off before its end; nothing was stored.") from error
