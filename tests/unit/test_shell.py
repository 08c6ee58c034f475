"""Whatever is answered has the headers that every answer has, and bodies are bounded however they come."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tidemill.model.errors import TooLarge
from tidemill.server.app import Shell


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells how long the body is."""
    if scope["path"] == "/broken":
        raise LookupError("a fault of ours")
    try:
        answer = PlainTextResponse(str(len(await Request(scope, receive).body())))
    except TooLarge:
        answer = PlainTextResponse("too much", 413)
    await answer(scope, receive, send)


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    """Without saying how long they are together."""
    for each in pieces:
        yield each


@pytest.mark.parametrize(
    ("url", "body", "expected"),
    [
        ("/", b"", (200, "0")),
        ("/", b"x" * 10, (200, "10")),
        ("/", in_pieces(b"x" * 5, b"y" * 5), (200, "10")),
        ("/", in_pieces(b"x" * 5, b"y" * 6), (413, "too much")),
        ("/broken", b"", (500, "Internal Server Error")),
    ],
)
async def test_what_is_answered(url: str, body: "bytes | AsyncIterator[bytes]", expected: tuple[int, str]) -> None:
    answer = await asked(url, body)
    assert (answer.status_code, answer.text) == expected


@pytest.mark.parametrize(("url", "body", "status"), [("/", b"x" * 11, 413), ("/a%00", b"", 400), ("/?a=%00", b"", 400)])
async def test_what_is_refused_before_anything_else(url: str, body: bytes, status: int) -> None:
    assert (await asked(url, body)).status_code == status


@pytest.mark.parametrize("told", ["11 ", "11\t", "0x9", "-1", "", "11, 11"])
async def test_a_body_is_bounded_whatever_is_told_of_its_length(told: str) -> None:
    assert (await asked("/", b"x" * 11, headers={"content-length": told})).status_code == 413


async def asked(
    url: str, body: "bytes | AsyncIterator[bytes]", *, headers: dict[str, str] | None = None
) -> httpx.Response:
    """The answer, which has the headers of every answer."""
    transport = httpx.ASGITransport(Shell(app, max_body_bytes=10), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post(url, content=body, headers=headers)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    return answer
