"""Whom the server takes a request to be from: its own peer, whatever that one says, unless it is a trusted proxy."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tidemill.wiring.listening import listening_socket
from tidemill.wiring.server import http_server

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9"}


async def tell(request: Request) -> PlainTextResponse:
    """The address that the throttle of signing in counts by, and the scheme."""
    assert request.client is not None
    return PlainTextResponse(f"{request.url.scheme} {request.client.host}")


async def told(*, trusted_proxies: str) -> str:
    """What a real server takes a request with `FORWARDED` from this machine to be."""
    server = http_server(Starlette(routes=[Route("/", tell)]), trusted_proxies=trusted_proxies)
    with listening_socket("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/", headers=FORWARDED)
        server.should_exit = True
        await serving
    return answer.text


@pytest.mark.parametrize("trusted_proxies", ["", "192.0.2.1", "192.0.2.0/24, 198.51.100.1"])
async def test_nobody_chooses_the_address_that_they_come_from(
    monkeypatch: pytest.MonkeyPatch, trusted_proxies: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert await told(trusted_proxies=trusted_proxies) == "http 127.0.0.1"


@pytest.mark.parametrize("trusted_proxies", ["127.0.0.1", "192.0.2.1, 127.0.0.0/8"])
async def test_trusted_proxy_says_whom_a_request_is_from(trusted_proxies: str) -> None:
    assert await told(trusted_proxies=trusted_proxies) == "https 203.0.113.9"
